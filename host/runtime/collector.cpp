// Collecting completions of one queue. See collector.hpp.
#include "collector.hpp"

#include <algorithm>
#include <array>

namespace vyre::runtime {
namespace {

constexpr std::uint32_t kCollectBatch{256};

std::int64_t ns_since(Deadline opened) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - opened).count();
}

}  // namespace

Collector::Collector(std::uint32_t queue, backend::QueuePort port, std::uint32_t history,
                     Deadline opened, ObserverSlot& observer)
    : queue_(queue),
      port_(port),
      history_(history),
      slots_(port.completions.geometry.slots()),
      opened_(opened),
      observer_(observer),
      submits_(new SubmitRecord[slots_]),
      results_(new ResultRecord[history]) {
  // No position has ended: record i starts with a position that is not i.
  for (std::uint32_t i = 0; i < history_; ++i)
    results_[i].position_low.store(~i, std::memory_order_relaxed);
}

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
  const std::unique_lock lock(mutex_, std::try_to_lock);
  // What a worker that was left behind posts afterwards has been ended by give_up() already.
  if (!lock.owns_lock() || gave_up_) return 0;
  std::array<queue::TakenCompletion, kCollectBatch> batch;
  std::uint64_t sum = 0;
  // Relaxed: a bound. What no poller has taken cannot have ended, so that nobody need look there;
  // and unlike the tail this word is not one that producers fight for.
  const std::uint64_t taken =
      queue::HostAtomics::load(&port_.submissions.taken->position, queue::Order::relaxed);
  // Bounded: producers may refill what is given back below, for ever.
  while (sum < slots_) {
    const std::uint32_t count = port_.completions.take(batch.data(), kCollectBatch, taken);
    if (count == 0) break;
    const std::int64_t now_ns = ns_since(opened_);
    for (std::uint32_t i = 0; i < count; ++i) end(batch[i].completion, batch[i].position, now_ns);
    advance(port_.completions.position);
    sum += count;
    if (count < kCollectBatch) break;
  }
  return sum;
}

bool Collector::collect_at(std::uint64_t position) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || gave_up_) return false;
  queue::TakenCompletion taken;
  if (!port_.completions.take_at(position, &taken)) return false;
  end(taken.completion, taken.position, ns_since(opened_));
  advance(port_.completions.position);
  return true;
}

void Collector::end(const Completion& completion, std::uint64_t position, std::int64_t now_ns) {
  const SubmitRecord& submitted = submits_[position & (slots_ - 1)];
  const bool known = submitted.position_low.load(std::memory_order_relaxed) ==
                     static_cast<std::uint32_t>(position);
  const std::uint32_t op = known ? submitted.op.load(std::memory_order_relaxed) : kNoOp;
  const CompletionStatus status = completion.status();
  if (op != kNoOp) {
    if (op != last_op_) {
      auto& counters = ops_[op];
      if (!counters) counters = std::make_unique<OpCounters>();
      last_op_ = op;
      last_counters_ = counters.get();
    }
    ++last_counters_->items;
    const std::int64_t waited = now_ns - submitted.since_open_ns.load(std::memory_order_relaxed);
    last_counters_->latency.add(static_cast<std::uint64_t>(std::max<std::int64_t>(waited, 0)), 1);
  }
  ++counts_.ended;
  counts_.last_end_ns = now_ns;

  ResultRecord& record = results_[position & (history_ - 1)];
  // Readers check position_low before and after; a value that is neither tells them that we are
  // here.
  record.position_low.store(~static_cast<std::uint32_t>(position), std::memory_order_relaxed);
  record.head.store(completion.head, std::memory_order_release);
  record.workgroup.store(completion.workgroup, std::memory_order_release);
  record.lane.store(completion.lane, std::memory_order_release);
  // [END-2] release: the record, and everything the item wrote.
  record.position_low.store(static_cast<std::uint32_t>(position), std::memory_order_release);

  const bool observed = observer_.active.load(std::memory_order_acquire);
  if (status == CompletionStatus::done && !observed) return;
  ItemResult result{
      {queue_, position},
      status,
      {completion.code(), completion.workgroup, completion.lane, completion.statement()}};
  if (status != CompletionStatus::done) {
    ++counts_.not_done;
    if (status == CompletionStatus::faulted) ++counts_.faulted;
    if (completion.code() == FaultCode::wall_time) ++counts_.never_started;
    if (op != kNoOp)
      ++(status == CompletionStatus::faulted ? last_counters_->faults : last_counters_->cancelled);
    if (counts_.first_not_done.size() < kMaxReportedFaults) {
      counts_.first_not_done.push_back(result);
      counts_.first_not_done_ops.push_back(op);
    }
  }
  if (observed) {
    const std::lock_guard lock(observer_.mutex);
    if (observer_.observer)
      observer_.observer->on_completion(result, std::chrono::nanoseconds{now_ns});
  }
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
  return results_[position & (history_ - 1)].position_low.load(
             std::memory_order_acquire) ==  // [END-2]
         static_cast<std::uint32_t>(position);
}

bool Collector::ended(const QueueSpan& span) const noexcept {
  if (span.last < ended_below()) return true;
  if (span.first != span.last || !ended(span.last)) return false;
  const ResultRecord& record = results_[span.last & (history_ - 1)];
  const Completion completion{record.head.load(std::memory_order_acquire), 0, 0, 0};
  // Replaced meanwhile: long ago, then.
  if (!ended(span.last)) return true;
  return completion.status() != CompletionStatus::cancelled;
}

Collector::Found Collector::look(std::uint64_t position, ItemResult& out) const noexcept {
  const std::uint64_t tail = port_.submissions.tail();
  if (position >= tail) return Found::never_submitted;
  const ResultRecord& record = results_[position & (history_ - 1)];
  const auto low = static_cast<std::uint32_t>(position);
  const std::uint64_t below = ended_below();
  if (record.position_low.load(std::memory_order_acquire) == low) {  // [END-2]
    Completion completion{};
    completion.head = record.head.load(std::memory_order_acquire);
    completion.workgroup = record.workgroup.load(std::memory_order_acquire);
    completion.lane = record.lane.load(std::memory_order_acquire);
    if (record.position_low.load(std::memory_order_relaxed) == low) {
      out = {{queue_, position},
             completion.status(),
             {completion.code(), completion.workgroup, completion.lane, completion.statement()}};
      return Found::ended;
    }
  }
  return position < below ? Found::forgotten : Found::pending;
}

void Collector::give_up(std::uint64_t tail, FaultCode why) {
  const std::lock_guard lock(mutex_);
  gave_up_ = true;
  const std::int64_t now_ns = ns_since(opened_);
  for (std::uint64_t p = ended_below_.load(std::memory_order_relaxed); p < tail; ++p) {
    if (ended(p)) continue;
    end(Completion::make(CompletionStatus::cancelled, why, static_cast<std::uint32_t>(p), 0, 0, 0),
        p, now_ns);
  }
  // No credits: the slots that nobody posted into stay as they are.
  ended_below_.store(tail, std::memory_order_release);  // [END-1]
  events_.fetch_add(1, std::memory_order_release);
}

Counts Collector::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Collector::add_ops(std::unordered_map<std::uint32_t, OpCounters>& into) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [op, counters] : ops_) {
    OpCounters& sum = into[op];
    sum.items += counters->items;
    sum.faults += counters->faults;
    sum.cancelled += counters->cancelled;
    sum.latency.add(counters->latency);
  }
}

}  // namespace vyre::runtime
