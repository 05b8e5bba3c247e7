// Taking items in order, waking workers, and ending items. See state.hpp.
#include "state.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <thread>
#include <utility>

#include "base/message.hpp"
#include "costs.hpp"

namespace vyre::cpu {
namespace {

/// A batch ends at this much expected work, so that items that could run elsewhere do not wait
/// behind it.
constexpr std::uint32_t kBatchNs{20'000};
/// With less than this left in a batch, waking another worker costs more than it brings.
constexpr std::uint32_t kWakeNs{5'000};
constexpr std::chrono::nanoseconds kIdleLook{kIdleLookNs};
/// The limit of a queue's producers lags behind what they were given by the time of a store. After
/// so long the promise that every accepted position is below the limit is broken.
constexpr std::chrono::seconds kLimitLag{1};

std::uint32_t expected_ns(const OpRecord* op) {
  const std::uint32_t known = op == nullptr ? 0 : op->estimate_ns.load(std::memory_order_relaxed);
  return known == 0 ? kBatchNs : known;
}

}  // namespace

WorkerQueue::WorkerQueue(queue::Queue given, std::chrono::nanoseconds producer_timeout)
    : rings(std::move(given)),
      producer(rings.producer()),
      writer(rings.writer()),
      ended(new std::uint32_t[rings.completion_slots()]),
      marks{ended.get(), &ended_count, rings.completion_slots()},
      times(make_zeroed<backend::ItemTime>(rings.completion_slots())),
      consumer(rings.consumer()),
      watch(producer_timeout) {
  marks.reset();
}

BySizeClass OpRecord::lane_ns() const noexcept {
  BySizeClass ns{};
  for (std::size_t c = 0; c < kSizeClasses; ++c)
    ns[c] = static_cast<double>(lane_ps[c].value()) / CostHistogram::kPsPerNs;
  return ns;
}

bool WorkerQueue::must_wait(std::uint32_t flags, std::uint64_t ahead) const noexcept {
  if (has_window() && next_start - marks.count() >= window.load(std::memory_order_relaxed))
    return true;
  if ((flags & kQueueFlagAfterAll) != 0) {
    return marks.count() + ahead != next_start;  // [ORDER-2]
  }
  return (flags & kQueueFlagAfterPrevious) != 0 && ahead == 0 && next_start != 0 &&
         !marks.has_ended(next_start - 1);
}

bool WorkerQueue::take_cancel() noexcept {
  std::vector<bool>::reference wanted = cancels[next_start & (cancels.size() - 1)];
  if (!wanted) return false;
  wanted = false;
  --cancel_count;
  return true;
}

std::uint64_t State::cancel_items(std::uint32_t q, std::span<const std::uint64_t> positions) {
  const std::lock_guard lock(taking);
  WorkerQueue& worker_queue = *queues[q];
  if (worker_queue.cancels.empty())
    worker_queue.cancels.resize(worker_queue.rings.completion_slots());
  const std::uint64_t tail = worker_queue.producer.tail();
  std::uint64_t count = 0;
  for (const std::uint64_t position : positions) {
    // No more than completion_slots items are in flight, so that a place means one of them.
    if (position < worker_queue.next_start || position >= tail) continue;
    std::vector<bool>::reference wanted =
        worker_queue.cancels[position & (worker_queue.cancels.size() - 1)];
    if (wanted) continue;
    wanted = true;
    ++count;
  }
  worker_queue.cancel_count += count;
  return count;
}

std::optional<std::uint32_t> State::make_region(std::span<const MegakernelWorkItem> items,
                                                bool side_by_side) {
  if (side_by_side && options.workers > 1) {
    // As for a batch: with more work than that, other workers should have a part of it.
    std::uint64_t expected = 0;
    for (const MegakernelWorkItem& item : items) expected += expected_ns(ops.find(item.op_handle));
    if (expected > kBatchNs) return std::nullopt;
  }
  return regions.put(items, nullptr);
}

std::uint64_t State::cancel_members(std::uint32_t q, std::uint64_t position, std::uint32_t region,
                                    std::uint64_t members) {
  const std::lock_guard lock(taking);
  if (position < queues[q]->next_start) return 0;
  RegionBlock& block = regions.at(region);
  const std::uint64_t fresh = members & ~block.cancelled;
  block.cancelled |= fresh;
  return static_cast<std::uint64_t>(std::popcount(fresh));
}

void State::cancel(FaultCode why) noexcept {
  std::uint8_t none = 0;
  cancel_why.compare_exchange_strong(none, static_cast<std::uint8_t>(why),
                                     std::memory_order_acq_rel);
  wake_all();
}

void State::wake_one() noexcept {
  // [WAKE-1] acq_rel, at both ends on the same word: either the sleeper's bit is seen here, or the
  // sleeper's own addition comes later and its look at the rings sees what was published before.
  std::uint64_t idle = idle_mask.fetch_or(0, std::memory_order_acq_rel);
  while (idle != 0) {
    const int worker = std::countr_zero(idle);
    const std::uint64_t bit = std::uint64_t{1} << worker;
    if (!may_look(static_cast<std::uint32_t>(worker))) return;    // nor do those behind it
    idle = idle_mask.fetch_and(~bit, std::memory_order_acq_rel);  // [WAKE-1]
    if ((idle & bit) != 0) {
      waiters[static_cast<std::size_t>(worker)]->notify();
      return;
    }
    idle &= ~bit;
  }
}

void State::wake_all() noexcept {
  idle_mask.exchange(0, std::memory_order_acq_rel);  // [WAKE-1]
  for (auto& waiter : waiters) waiter->notify();
}

void State::keep_awake(const backend::AwakeGroups& groups) noexcept {
  const std::uint32_t before = awake.load(std::memory_order_relaxed);
  awake_until.store(groups.until, std::memory_order_relaxed);
  awake_then.store(groups.then, std::memory_order_relaxed);
  set_awake(groups.now);
  look_beyond();
  // One of those that slept on; it wakes the next where there is more. What is published later has
  // a doorbell of its own.
  if (awake.load(std::memory_order_relaxed) > before && may_have_work()) wake_one();
}

void State::look_beyond() noexcept {
  std::uint64_t positions = 0;
  for (const auto& worker_queue : queues) positions += worker_queue->producer.tail();
  if (positions <= awake_until.load(std::memory_order_relaxed)) return;
  awake_until.store(~std::uint64_t{0}, std::memory_order_relaxed);
  set_awake(awake_then.load(std::memory_order_relaxed));
}

void State::set_awake(std::uint32_t workers) noexcept {
  awake.store(std::clamp(workers, 1u, options.workers), std::memory_order_relaxed);
}

void State::set_window(std::uint32_t q, std::uint64_t items, std::uint64_t until) noexcept {
  WorkerQueue& worker_queue = *queues[q];
  worker_queue.window.store(std::max<std::uint64_t>(items, 1), std::memory_order_relaxed);
  worker_queue.window_until.store(until, std::memory_order_relaxed);
  // What the last window held back may start now.
  wake_for_held_back();
}

void State::wake_for_held_back() noexcept {
  // [HELD-1] acq_rel, at both ends on the same word: either the mark is seen here, or the taker's
  // exchange comes later and its second look sees what this worker ended before.
  if (held_back.fetch_or(0, std::memory_order_acq_rel) == 0) return;
  look_for_me();
}

void State::look_for_me() noexcept {
  look_again.store(true, std::memory_order_release);  // [WAKE-1], with idle_mask
  wake_one();
}

bool State::take(Batch& batch) {
  batch.count = 0;
  batch.next = 0;
  if (!orphans.empty()) {
    batch = orphans.front();
    orphans.pop_front();
    orphan_count.store(static_cast<std::uint32_t>(orphans.size()), std::memory_order_relaxed);
    return true;
  }
  (void)look_again.exchange(false, std::memory_order_acq_rel);
  (void)held_back.exchange(0, std::memory_order_acq_rel);  // [HELD-1]
  bool told_held_back = false;
  if (options.start_until != Deadline::max() && Clock::now() >= options.start_until) {
    cancel(FaultCode::wall_time);
  }
  const bool cancelling = cancel_reason() != FaultCode::none;
  std::uint32_t expected = 0;
  bool more = false;
  for (std::uint32_t n = 0; n < queues.size() && batch.count < kBatchItems; ++n) {
    const auto q = static_cast<std::uint32_t>((first_queue + n) % queues.size());
    WorkerQueue& worker_queue = *queues[q];
    const std::uint64_t begun =
        worker_queue.next_start;  // items of this queue from here on are in the batch
    bool blocked = false;
    const bool windowed = worker_queue.has_window();
    while (batch.count < kBatchItems && !blocked) {
      if (worker_queue.pending_begin == worker_queue.pending_end) {
        worker_queue.pending_begin = 0;
        worker_queue.pending_end =
            worker_queue.consumer.take(worker_queue.pending.data(), kBatchItems);
        if (worker_queue.pending_end == 0) {
          if (worker_queue.producer.tail() > worker_queue.consumer.position &&
              !worker_queue.given_up) {
            const auto verdict = worker_queue.watch.check(
                worker_queue.producer, worker_queue.consumer.position, Clock::now());
            if (verdict == queue::WatchVerdict::reaped) continue;
            if (verdict == queue::WatchVerdict::wedged) {
              end_wedged(q);
            }
          }
          break;
        }
        worker_queue.consumer.release();
      }
      for (; worker_queue.pending_begin != worker_queue.pending_end && batch.count < kBatchItems;
           ++worker_queue.pending_begin) {
        const queue::TakenItem& taken = worker_queue.pending[worker_queue.pending_begin];
        const std::uint64_t position = worker_queue.next_start;
        const bool abandoned = (taken.flags & kQueueFlagAbandoned) != 0;
        if ((taken.flags != 0 || windowed) && (!cancelling || abandoned)) {
          const std::uint64_t ahead = position - begun;
          blocked = worker_queue.must_wait(taken.flags, ahead);
          if (blocked && !told_held_back) {
            (void)held_back.exchange(1, std::memory_order_acq_rel);  // [HELD-1]
            told_held_back = true;
            blocked = worker_queue.must_wait(taken.flags, ahead);
          }
          if (blocked) break;
        }
        const std::uint32_t cost = expected_ns(ops.find(taken.item.op_handle));
        if (batch.count != 0 && expected + cost > kBatchNs && !cancelling) {
          more = true;
          blocked = true;
          break;
        }
        expected += cost;
        Work& work = batch.items[batch.count++];
        work = Work{taken, q, position};
        if (worker_queue.cancel_count != 0 && worker_queue.take_cancel())
          work.taken.flags |= kWorkCancelled;
        ++worker_queue.next_start;
      }
    }
    worker_queue.started.store(worker_queue.next_start, std::memory_order_relaxed);
    more = more || batch.count == kBatchItems;
  }
  first_queue = static_cast<std::uint32_t>((first_queue + 1) % queues.size());
  left_behind.store(more, std::memory_order_release);  // [WAKE-1], before the caller's wake_one()
  return expected >= kWakeNs && (more || may_have_work());
}

void State::end_wedged(std::uint32_t q) {
  // Its producer died between two stores: nothing of this queue can be read any more.
  WorkerQueue& worker_queue = *queues[q];
  const std::uint64_t tail = worker_queue.producer.close();
  // What is posted next has not come through the ring, so [RING-1] does not
  // give this worker its slots; asking for the limit does [RING-5].
  const Deadline until = Clock::now() + kLimitLag;
  while (worker_queue.producer.limit() < tail) {
    if (Clock::now() >= until) {
      worker_queue.given_up = true;
      tell_broken({Errc::internal, message("queue {} accepted items up to position {}, but its "
                                           "limit stayed at {}; open a new session",
                                           q, tail, worker_queue.producer.limit())});
      return;
    }
    queue::spin_pause();
  }
  for (std::uint64_t p = worker_queue.consumer.position; p < tail; ++p) {
    const Completion lost = Completion::make(CompletionStatus::cancelled, FaultCode::abandoned,
                                             static_cast<std::uint32_t>(p), 0, 0, 0);
    post(q, &lost, &p, 1);
  }
  worker_queue.consumer.position = tail;
}

void State::tell_broken(Error error) {
  {
    const std::lock_guard lock(broken_mutex);
    if (broken) return;
    broken = std::move(error);
  }
  promise_broken.store(true, std::memory_order_relaxed);
  cancel(FaultCode::worker_lost);
}

bool State::may_have_work() const noexcept {
  if (orphan_count.load(std::memory_order_relaxed) != 0) return true;
  if (left_behind.load(std::memory_order_acquire)) return true;  // [WAKE-1]
  if (look_again.load(std::memory_order_acquire)) return true;
  for (const auto& worker_queue : queues) {
    // [RING-2] The taker publishes how far it has read; items it holds back are its own business or
    // wait for a running one.
    const std::uint64_t position =
        queue::HostAtomics::load(&worker_queue->producer.taken->position, queue::Order::acquire);
    if (worker_queue->producer.tail() > position && worker_queue->producer.published(position))
      return true;
  }
  return false;
}

Deadline State::next_look(Deadline now) const noexcept {
  for (const auto& worker_queue : queues) {
    // [RING-2] acquire, as in may_have_work().
    const std::uint64_t position =
        queue::HostAtomics::load(&worker_queue->producer.taken->position, queue::Order::acquire);
    if (worker_queue->producer.tail() > position) {
      return now + std::min<std::chrono::nanoseconds>(kIdleLook, options.producer_timeout / 4);
    }
  }
  const bool fires = options.start_until > now;  // once it has fired there is nothing to wait for
  return fires ? std::min(now + kIdleLook, options.start_until) : now + kIdleLook;
}

void State::post(std::uint32_t q, const Completion* completions, const std::uint64_t* positions,
                 std::uint32_t count) noexcept {
  WorkerQueue& worker_queue = *queues[q];
  for (std::uint32_t i = 0; i < count; ++i) worker_queue.writer.post(positions[i], completions[i]);
  worker_queue.marks.mark(positions, count);
}

void State::cancel_all_queued() {
  const std::lock_guard lock(taking);
  Batch batch;
  for (;;) {
    (void)take(batch);
    if (batch.count == batch.next) return;
    for (std::uint32_t i = batch.next; i < batch.count; ++i) {
      const Work& work = batch.items[i];
      const FaultCode why =
          (work.taken.flags & kQueueFlagAbandoned) != 0 ? FaultCode::abandoned : cancel_reason();
      const Completion completion = Completion::make(
          CompletionStatus::cancelled, why, static_cast<std::uint32_t>(work.position), 0, 0, 0);
      post(work.queue, &completion, &work.position, 1);
    }
  }
}

}  // namespace vyre::cpu
