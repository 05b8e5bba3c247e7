// Collecting completions of one queue. See collector.hpp.
#include "collector.hpp"

#include <algorithm>
#include <array>

#include "op_table.hpp"

namespace vyre::runtime {
namespace {

using queue::HostAtomics;
using queue::Order;

constexpr std::uint32_t kCollectBatch{256};
/// Older than that, counted from the tail, no result is looked for: far beyond any history, and
/// half of what the low 32 bits of a position can tell apart.
constexpr std::uint64_t kFarBack{std::uint64_t{1} << 31};

std::int64_t ns_since(Deadline opened) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - opened).count();
}

}  // namespace

Collector::Collector(const CollectorOptions& options, backend::QueuePort port, ObserverTap& tap,
                     queue::Waiter& changed)
    : options_(options),
      port_(port),
      history_(options.history),
      slots_(port.completions.geometry.slots()),
      tap_(tap),
      changed_(changed),
      submits_(new SubmitRecord[slots_]),
      results_(make_zeroed<ResultRecord>(options.history)),
      asked_(options.history, false) {}

void Collector::note_submit(std::uint64_t position, std::uint32_t op,
                            std::int64_t since_open_ns) noexcept {
  // Relaxed: read by the collector after the item's completion, which comes after the item's
  // publication.
  SubmitRecord& record = submits_[position & (slots_ - 1)];
  record.since_open_ns.store(since_open_ns, std::memory_order_relaxed);
  record.op.store(op, std::memory_order_relaxed);
  record.position_low.store(static_cast<std::uint32_t>(position), std::memory_order_relaxed);
}

std::uint64_t Collector::collect() {
  std::uint64_t sum = 0;
  bool again = true;
  bool asked = false;
  // Once more for a thread that found the turn taken; after that it is woken and looks itself.
  for (int round = 0; again && round < 2; ++round) {
    if (!turn_.try_take()) break;
    sum += gather();
    again = turn_.give_back();
    asked = asked || again;
  }
  if (sum != 0 || asked) changed_.notify();
  return sum;
}

std::uint64_t Collector::gather() {
  // What a worker that was left behind posts afterwards has been ended by give_up() already.
  if (gave_up_) return 0;
  std::array<queue::TakenCompletion, kCollectBatch> batch;
  std::uint64_t sum = 0;
  // Relaxed: a bound. What no poller has taken cannot have ended, so that no look there is needed;
  // and unlike the tail this word is not one that producers fight for.
  const std::uint64_t taken = HostAtomics::load(&port_.submissions.taken->position, Order::relaxed);
  // Bounded: producers may refill what is given back below, for ever.
  while (sum < slots_) {
    const std::uint32_t count = port_.completions.take(batch.data(), kCollectBatch, taken);
    if (count == 0) break;
    const std::int64_t now_ns = ns_since(options_.opened);
    // Looked at behind take(): an item that was submitted under an observer has one here, too.
    const bool alone = !tap_.active() && stood_for_.empty() && options_.timeline == nullptr;
    for (std::uint32_t i = 0; i < count;) {
      const std::size_t run =
          alone ? end_done_run(std::span(batch).subspan(i, count - i), now_ns) : 0;
      if (run == 0) end(batch[i].completion, batch[i].position, now_ns);
      i += run == 0 ? 1 : static_cast<std::uint32_t>(run);
    }
    advance(port_.completions.position);
    sum += count;
    if (count < kCollectBatch) break;
  }
  return sum;
}

bool Collector::collect_at(std::uint64_t position) {
  if (!turn_.try_take()) return false;  // the holder wakes this thread, which looks again
  queue::TakenCompletion taken;
  const bool came = !gave_up_ && port_.completions.take_at(position, &taken);
  if (came) {
    end(taken.completion, taken.position, ns_since(options_.opened));
    advance(port_.completions.position);
  }
  if (turn_.give_back() || came) changed_.notify();
  return came;
}

std::uint64_t Collector::collect_these(std::span<const std::uint64_t> positions) {
  if (positions.empty() || !turn_.try_take()) return 0;
  std::uint64_t came = 0;
  if (!gave_up_) {
    for (const std::uint64_t position : positions) {
      queue::TakenCompletion taken;
      if (!port_.completions.take_at(position, &taken)) continue;
      end(taken.completion, taken.position, ns_since(options_.opened));
      ++came;
    }
    if (came != 0) advance(port_.completions.position);
  }
  if (turn_.give_back() || came != 0) changed_.notify();
  return came;
}

// Every item that ends passes here.
[[gnu::always_inline]] inline void Collector::store(const Completion& completion,
                                                    std::uint64_t position) {
  ResultRecord& record = results_[position & (history_ - 1)];
  // Relaxed: only the holder of the turn writes records. The item before in this place ended long
  // ago: a history is as long as the ring at least.
  if (position >= history_ &&
      HostAtomics::load(&record.mark, Order::relaxed) == mark_of(position - history_) &&
      Completion{HostAtomics::load(&record.head, Order::relaxed), 0, 0, 0}.status() !=
          CompletionStatus::done) [[unlikely]]
    keep(position - history_, record);
  // Readers look at the mark before and after; one that is neither tells them that we are here.
  HostAtomics::store(&record.mark, ~mark_of(position), Order::relaxed);
  HostAtomics::store(&record.head, completion.head, Order::release);  // [END-2], all of them
  HostAtomics::store(&record.workgroup, completion.workgroup, Order::release);
  HostAtomics::store(&record.lane, completion.lane, Order::release);
  // [END-2] release: the record, and everything the item wrote.
  HostAtomics::store(&record.mark, mark_of(position), Order::release);
}

void Collector::end(const Completion& completion, std::uint64_t position, std::int64_t now_ns) {
  const SubmitRecord& submitted = submits_[position & (slots_ - 1)];
  const bool known = submitted.position_low.load(std::memory_order_relaxed) ==
                     static_cast<std::uint32_t>(position);
  const std::uint32_t op = known ? submitted.op.load(std::memory_order_relaxed) : kNoOp;
  const CompletionStatus status = completion.status();
  if (op != kNoOp) {
    const std::int64_t submitted_ns = submitted.since_open_ns.load(std::memory_order_relaxed);
    if (op != last_op_) {
      if ((op & kRegionMark) != 0) {
        store(completion, position);
        return end_region(completion, position, op & ~kRegionMark, now_ns - submitted_ns, now_ns);
      }
      last_counters_ = &counters_of(op);
      last_op_ = op;
    }
    last_counters_->add(now_ns - submitted_ns);
    if (options_.timeline != nullptr) [[unlikely]]
      tell_timeline(completion, position, op, submitted_ns, now_ns);
    if (op != kNop && port_.times != nullptr)
      last_counters_->add_time(port_.times[position & (slots_ - 1)], position, options_.opened,
                               submitted_ns);
  }
  ++counts_.ended;
  counts_.last_end_ns = now_ns;
  store(completion, position);
  const bool observed = tap_.active();
  const bool stands = !stood_for_.empty();
  if (status == CompletionStatus::done && !observed && !stands) [[likely]]
    return;
  const ItemResult result = result_of(position, results_[position & (history_ - 1)]);
  if (status != CompletionStatus::done) count_not_done(result, op);
  if (observed) tell_completion(result, now_ns);
  if (stands) end_those_it_stands_for(result, now_ns);
}

std::size_t Collector::end_done_run(std::span<const queue::TakenCompletion> ended,
                                    std::int64_t now_ns) {
  std::uint32_t op = kNoOp;
  std::int64_t submitted_ns = 0;
  std::size_t run = 0;
  for (const auto& [position, completion] : ended) {
    if (completion.status() != CompletionStatus::done) break;
    const SubmitRecord& submitted = submits_[position & (slots_ - 1)];
    // Relaxed: as in end().
    if (submitted.position_low.load(std::memory_order_relaxed) !=
        static_cast<std::uint32_t>(position))
      break;
    const std::uint32_t its_op = submitted.op.load(std::memory_order_relaxed);
    const std::int64_t its_ns = submitted.since_open_ns.load(std::memory_order_relaxed);
    if (run == 0) {
      // Times of its own are noted item by item.
      if ((its_op & kRegionMark) != 0 || (its_op != kNop && port_.times != nullptr)) break;
      op = its_op;
      submitted_ns = its_ns;
    } else if (its_op != op || its_ns != submitted_ns) {
      break;
    }
    store(completion, position);
    ++run;
  }
  if (run == 0) return 0;
  if (op != last_op_) {
    last_counters_ = &counters_of(op);
    last_op_ = op;
  }
  last_counters_->add(now_ns - submitted_ns, run);
  counts_.ended += run;
  counts_.last_end_ns = now_ns;
  return run;
}

void Collector::count_not_done(const ItemResult& result, std::uint32_t op) {
  ++counts_.not_done;
  if (result.status == CompletionStatus::faulted) ++counts_.faulted;
  if (result.fault.code == FaultCode::wall_time) ++counts_.never_started;
  if (op != kNoOp) {
    OpCounters& counters = counters_of(op);
    ++(result.status == CompletionStatus::faulted ? counters.faults : counters.cancelled);
  }
  if (counts_.first_not_done.size() < kMaxReportedFaults) {
    counts_.first_not_done.push_back(result);
    counts_.first_not_done_ops.push_back(op);
    counts_.first_not_done_stand_for.push_back(0);
  }
  if (options_.batches != nullptr) options_.batches->failed(result);
}

OpCounters& Collector::counters_of(std::uint32_t op) {
  auto& counters = ops_[op];
  if (!counters) counters = std::make_unique<OpCounters>();
  return *counters;
}

void Collector::tell_completion(ItemResult result, std::int64_t now_ns,
                                std::optional<std::uint64_t> number) {
  // The number is there once the submitter lets go of the tap.
  const ObserverTap::Hold hold = tap_.hold(turn_);
  if (number)
    result.ticket.position = *number;
  else if (told_)
    result.ticket.position = told_[result.ticket.position & (slots_ - 1)] + result.ticket.member;
  result.ticket.member = 0;
  tap_.tell(hold, [&](SessionObserver& observer) {
    observer.on_completion(result, std::chrono::nanoseconds{now_ns});
  });
}

void Collector::prepare_to_tell() {
  const Holding holding(*this);
  if (!told_) told_.reset(new std::uint64_t[slots_]);
}

std::uint64_t Collector::note_told(const ObserverTap::Hold&, std::uint64_t position,
                                   std::size_t items) {
  const std::uint64_t first = told_next_;
  told_[position & (slots_ - 1)] = first;
  told_next_ += items;
  return first;
}

void Collector::advance(std::uint64_t below) {
  // [END-1] release: results below are written.
  ended_below_.store(below, std::memory_order_release);
  events_.fetch_add(1, std::memory_order_release);
  // [RING-5] release, in release(). Credits follow the oldest item that has not ended, not the
  // number of completions: so slots and records by position (submits_, the backend's `ended`) never
  // meet two items in flight in one place.
  port_.completions.release();
}

bool Collector::ended(std::uint64_t position) const noexcept {
  if (position < ended_below()) return true;
  return HostAtomics::load(&results_[position & (history_ - 1)].mark, Order::acquire) ==  // [END-2]
         mark_of(position);
}

bool Collector::passed(std::uint64_t position) const noexcept {
  if (position < ended_below()) return true;
  if (!ended(position)) return false;
  const ResultRecord& record = results_[position & (history_ - 1)];
  // [END-2] acquire: the second look at the position comes after this one.
  const Completion completion{HostAtomics::load(&record.head, Order::acquire), 0, 0, 0};
  // Replaced meanwhile: long ago, then.
  if (!ended(position)) return true;
  return completion.status() != CompletionStatus::cancelled;
}

ItemResult Collector::result_of(std::uint64_t position, const ResultRecord& record) const {
  // [END-2] acquire, as in passed().
  Completion completion{};
  completion.head = HostAtomics::load(&record.head, Order::acquire);
  completion.workgroup = HostAtomics::load(&record.workgroup, Order::acquire);
  completion.lane = HostAtomics::load(&record.lane, Order::acquire);
  return {{options_.queue, position, options_.session},
          completion.status(),
          {completion.code(), completion.workgroup, completion.lane, completion.statement()}};
}

Collector::Found Collector::look(std::uint64_t position, ItemResult& out) const noexcept {
  const std::uint64_t tail = port_.submissions.tail();
  if (position >= tail) return Found::never_submitted;
  // A record knows the low 32 bits of its position. They are the whole truth only near the tail.
  if (tail - position > kFarBack) return Found::forgotten;
  const ResultRecord& record = results_[position & (history_ - 1)];
  const std::uint32_t mark = mark_of(position);
  const std::uint64_t below = ended_below();
  if (HostAtomics::load(&record.mark, Order::acquire) == mark) {  // [END-2]
    const ItemResult result = result_of(position, record);
    if (HostAtomics::load(&record.mark, Order::relaxed) == mark) {
      out = result;
      return Found::ended;
    }
  }
  return position < below ? Found::forgotten : Found::pending;
}

void Collector::give_up(std::uint64_t tail, FaultCode why) {
  const Holding holding(*this);
  gave_up_ = true;
  const std::int64_t now_ns = ns_since(options_.opened);
  for (std::uint64_t p = ended_below_.load(std::memory_order_relaxed); p < tail; ++p) {
    if (ended(p)) continue;
    end(Completion::make(CompletionStatus::cancelled, why, static_cast<std::uint32_t>(p), 0, 0, 0),
        p, now_ns);
  }
  // No credits: the slots that no worker posted into stay as they are.
  ended_below_.store(tail, std::memory_order_release);  // [END-1]
  events_.fetch_add(1, std::memory_order_release);
  changed_.notify();
}

void Collector::count(Batch& batch, Totals& totals) {
  const Holding holding(*this);
  const std::uint64_t below = ended_below();
  batch.count(
      options_.queue, below, below + slots_, [this](std::uint64_t p) { return ended(p); }, totals);
}

Counts Collector::counts() {
  const Holding holding(*this);
  return counts_;
}

void Collector::add_ops(std::unordered_map<std::uint32_t, OpCounters>& into) {
  const Holding holding(*this);
  for (const auto& [op, counters] : ops_) {
    OpCounters& sum = into[op];
    sum.items += counters->items;
    sum.faults += counters->faults;
    sum.cancelled += counters->cancelled;
    sum.deduped += counters->deduped;
    sum.latency.add(counters->latency);
    sum.queueing.add(counters->queueing);
    sum.running.add(counters->running);
  }
}

}  // namespace vyre::runtime
