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
  std::array<Completion, kCollectBatch> batch;
  std::uint64_t sum = 0;
  // Bounded by the ring: more cannot be posted before the slots are given back below.
  for (;;) {
    const std::uint32_t count = port_.completions.take(batch.data(), kCollectBatch);
    if (count == 0) break;
    const std::int64_t now_ns = ns_since(opened_);
    const std::uint64_t floor = ended_below_.load(std::memory_order_relaxed);  // we alone write it
    for (std::uint32_t i = 0; i < count; ++i) {
      end(batch[i], queue::expand_position(batch[i].position_low, floor), now_ns);
    }
    advance();
    sum += count;
    if (count < kCollectBatch) break;
  }
  return sum;
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

void Collector::advance() {
  std::uint64_t below = ended_below_.load(std::memory_order_relaxed);
  const std::uint64_t before = below;
  while (results_[below & (history_ - 1)].position_low.load(std::memory_order_relaxed) ==
         static_cast<std::uint32_t>(below)) {
    ++below;
    if (below - before == history_) break;
  }
  // [END-1] release: results below are written.
  ended_below_.store(below, std::memory_order_release);
  // [RING-5] release. Credits follow the oldest item that has not ended, not the number of
  // completions: so records by position (submits_, the backend's `ended`) never meet two items in
  // flight in one place.
  queue::HostAtomics::store(&port_.completions.collected->position, below, queue::Order::release);
}

bool Collector::ended(std::uint64_t position) const noexcept {
  if (position < ended_below()) return true;
  return results_[position & (history_ - 1)].position_low.load(
             std::memory_order_acquire) ==  // [END-2]
         static_cast<std::uint32_t>(position);
}

bool Collector::ended(const QueueSpan& span) const noexcept {
  if (span.last < ended_below()) return true;
  return span.first == span.last && ended(span.last);
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
  advance();
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
