// The loop of a worker, and how it dies. What items do is in run.cpp.
#include "worker.hpp"

#include <algorithm>
#include <new>
#include <thread>

#include "idle_spins.hpp"

namespace vyre::cpu {

void Worker::run() noexcept {
  bool dead = false;
  try {
    IdleSpins idle;
    while (!dead && !state_.exit.load(std::memory_order_acquire)) {
      heartbeat_.store(heartbeat_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      if (batch_.next != batch_.count) {
        busy_.store(1, std::memory_order_relaxed);
        dead = !run_batch();
        busy_.store(0, std::memory_order_relaxed);
      } else if (step()) {
        idle.found_work();
      } else if (idle.look_again() && !state_.exit.load(std::memory_order_relaxed)) {
        queue::spin_pause();
      } else {
        state_.listener->idle();
        sleep();
        idle.slept();
      }
    }
  } catch (...) {
    // No memory even to look for work, say. A worker is lost, not the session.
    dead = true;
  }
  if (dead) die();
}

bool Worker::step() {
  if (!state_.may_look(index_)) [[unlikely]] {
    if (must_look_) state_.look_for_me();
    must_look_ = false;
    return false;
  }
  if (state_.spread_count.load(std::memory_order_acquire) != 0) {  // [WAKE-1]
    if (must_look_) state_.wake_for_held_back();                   // helping may take long
    if (help()) return true;
  }
  std::unique_lock lock(state_.taking, std::defer_lock);
  if (must_look_) {
    lock.lock();
    must_look_ = false;
  } else if (!state_.may_have_work() || !lock.try_lock()) {
    return false;
  }
  timed_ = is_timed(batches_);
  if (timed_) [[unlikely]]
    taken_at_ = Clock::now();
  const bool more = state_.take(batch_);
  lock.unlock();
  batches_ += batch_.count != 0;
  ran_ns_ = 0;
  if (more) state_.ring();
  return batch_.count != 0;
}

void Worker::sleep() {
  const std::uint64_t bit = std::uint64_t{1} << index_;
  queue::Waiter& waiter = *state_.waiters[index_];
  const std::uint32_t epoch = waiter.prepare();
  state_.idle_mask.fetch_or(bit, std::memory_order_acq_rel);  // [WAKE-1]
  const bool work = state_.may_have_work() ||
                    state_.spread_count.load(std::memory_order_acquire) != 0;  // [WAKE-1]
  if (state_.exit.load(std::memory_order_acquire) || (work && state_.may_look(index_))) {
    waiter.cancel();
  } else {
    (void)waiter.sleep(epoch, state_.next_look(Clock::now()));
  }
  const std::uint64_t idle =
      state_.idle_mask.fetch_and(~bit, std::memory_order_acq_rel);  // [WAKE-1]
  // Deadlines and abandoned slots show themselves in take() only. A worker that was woken and may
  // not look any more has another one look.
  must_look_ = must_look_ || (idle & bit) == 0 || state_.may_look(index_);
}

bool Worker::run_batch() {
  item_ended_at_ = {};
  while (batch_.next != batch_.count) {
    const Work& work = batch_.items[batch_.next];
    if (work.taken.item.op_handle == kRegionOp) [[unlikely]] {
      Completion of_region;
      item_ended_at_ = {};
      const Deadline begin = Clock::now();
      if (!run_region(work, of_region)) return false;
      const std::chrono::nanoseconds ran = Clock::now() - begin;
      // One that was cancelled did not begin.
      if (of_region.status() != CompletionStatus::cancelled)
        state_.queues[work.queue]->note_time(work.position, begin, ran.count(), index_);
      item_ended_at_ = {};
      end(work, of_region);
      ++batch_.next;
      continue;
    }
    // As in run_or_die(), which would cost a no-op item a fifth of its time.
    Completion completion = Completion::make(CompletionStatus::cancelled, FaultCode::out_of_memory,
                                             static_cast<std::uint32_t>(work.position), 0, 0, 0);
    try {
      if (state_.options.worker_dies && state_.options.worker_dies(index_, items_run_))
        return false;
      completion = run_item(work);
    } catch (const std::bad_alloc&) {
      // This item ends; the next may need less, and everything that an item leaves here is set
      // anew by the next.
    }
    ++items_run_;
    end(work, completion);
    ++batch_.next;
  }
  flush();
  must_look_ = true;
  if (timed_) [[unlikely]]
    costs_.slots.add(batch_.count, Clock::now() - taken_at_ - std::chrono::nanoseconds{ran_ns_});
  return true;
}

bool Worker::run_or_die(const Work& work, Completion& completion) {
  try {
    if (state_.options.worker_dies && state_.options.worker_dies(index_, items_run_)) return false;
    completion = run_item(work);
  } catch (const std::bad_alloc&) {
    completion = Completion::make(CompletionStatus::cancelled, FaultCode::out_of_memory,
                                  static_cast<std::uint32_t>(work.position), 0, 0, 0);
  }
  ++items_run_;
  return true;
}

void Worker::end(const Work& work, const Completion& completion) {
  if (ended_.count == kBatchItems || (ended_.count != 0 && ended_.queue != work.queue)) flush();
  ended_.queue = work.queue;
  ended_.completions[ended_.count] = completion;
  ended_.positions[ended_.count] = work.position;
  ++ended_.count;
}

void Worker::flush() {
  if (ended_.count == 0) return;
  item_ended_at_ = {};
  state_.post(ended_.queue, ended_.completions.data(), ended_.positions.data(), ended_.count);
  ended_.count = 0;
  state_.listener->posted();
}

void Worker::flush_before_long_work() {
  flush();
  state_.wake_for_held_back();
}

Completion Worker::lost(const Work& work) {
  const auto low = static_cast<std::uint32_t>(work.position);
  const Completion lost =
      Completion::make(CompletionStatus::cancelled, FaultCode::worker_lost, low, 0, 0, 0);
  if (work.taken.item.op_handle != kRegionOp || members_ended_ == 0) return lost;
  RegionBlock& block = state_.regions.at(work.taken.item.param);
  std::fill(block.results.begin() + static_cast<std::ptrdiff_t>(members_ended_),
            block.results.end(), lost);
  return Completion::make(CompletionStatus::faulted, FaultCode::none, low, 0, 0, 0);
}

void Worker::die() noexcept {
  busy_.store(0, std::memory_order_relaxed);
  flush();
  if (batch_.next != batch_.count) {
    const Work& work = batch_.items[batch_.next++];
    end(work, lost(work));
    flush();
  }
  if (batch_.next != batch_.count) {
    // The rest keeps its order: one batch, run by one worker.
    const std::lock_guard lock(state_.taking);
    state_.orphans.push_back(batch_);
    state_.orphan_count.store(static_cast<std::uint32_t>(state_.orphans.size()),
                              std::memory_order_relaxed);
  }
  if (state_.alive.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    state_.cancel(FaultCode::worker_lost);
    state_.cancel_all_queued();
    state_.listener->posted();
  }
  state_.wake_all();
}

}  // namespace vyre::cpu
