// Where host threads wait for items and completions: an event count that spins, yields, then sleeps
// on a futex until a deadline. Host only. A thread that changes what others wait for calls notify()
// afterwards; it costs one atomic addition when none sleeps. Spec: docs/internals/memory-model.md
// [WAIT-1].
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "base/clock.hpp"
#include "protocol/limits.hpp"

namespace vyre::queue {

/// Tells the CPU that this thread spins.
inline void spin_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class Waiter {
 public:
  /// True as soon as `ready()` is; false if it is still false at the deadline. `ready` is called
  /// from this thread only, may be called any number of times, and may change things (take items,
  /// say).
  template <class Ready>
  [[nodiscard]] bool wait_until(Deadline deadline, const Ready& ready) {
    if (ready()) return true;
    for (std::uint32_t i = 0; i < kWaitSpins; ++i) {
      spin_pause();
      if (ready()) return true;
    }
    for (std::uint32_t i = 0; i < kWaitYields; ++i) {
      std::this_thread::yield();
      if (ready()) return true;
    }
    for (;;) {
      const std::uint32_t epoch = prepare();
      if (ready()) {
        cancel();
        return true;
      }
      const bool in_time = sleep(epoch, deadline);
      if (ready()) return true;
      if (!in_time) return false;
    }
  }

  /// For waits written by hand: prepare, look once more, then sleep or cancel. Each prepare() needs
  /// exactly one of the two.
  [[nodiscard]] std::uint32_t prepare() noexcept {
    // [WAIT-1] acq_rel: either this addition comes after a notify(), whose publications are then
    // visible to the look that follows, or that notify() comes after it and sees a sleeper.
    return static_cast<std::uint32_t>(state_.fetch_add(1, std::memory_order_acq_rel) >> 32);
  }
  void cancel() noexcept {
    state_.fetch_sub(1, std::memory_order_relaxed);
  }  // relaxed: only a count
  /// Until a notify() later than prepare(), or the deadline (then false). May wake early.
  [[nodiscard]] bool sleep(std::uint32_t epoch, Deadline deadline) noexcept;

  void notify() noexcept {
    // [WAIT-1] acq_rel: publishes what changed before the call to threads that prepare after it.
    if ((state_.fetch_add(kEpoch, std::memory_order_acq_rel) & kSleepers) != 0) wake();
  }

 private:
  static constexpr std::uint64_t kEpoch{std::uint64_t{1} << 32};
  static constexpr std::uint64_t kSleepers{kEpoch - 1};
  void wake() noexcept;

  // Epoch in the high half (the futex word), sleepers in the low half.
  alignas(64) std::atomic<std::uint64_t> state_{0};
};

}  // namespace vyre::queue
