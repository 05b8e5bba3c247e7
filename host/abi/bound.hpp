// What bounds a call: its timeout, and what vyre_interrupt_by() was given on its thread. Host only;
// lives on the stack of the call.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "runtime/slices.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

/// Some thread has given vyre_interrupt_by() a function: until then no call has to ask for one.
extern std::atomic<bool> any_thread_asks;
/// What this thread has given; null: nothing.
[[nodiscard]] vyre_stopped given_by_this_thread() noexcept;
[[nodiscard]] inline vyre_stopped asked_by_this_thread() noexcept {
  // Relaxed: a thread sees what it did itself.
  return any_thread_asks.load(std::memory_order_relaxed) ? given_by_this_thread() : nullptr;
}

[[nodiscard]] Error interrupted();

/// Of work without a session.
class Bound {
 public:
  explicit Bound(vyre_ns timeout);
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;

  /// For the work to ask.
  [[nodiscard]] Interrupt* interrupt() noexcept { return &interrupt_; }
  /// What the work gave; Errc::cancelled where it was interrupted.
  template <class T>
  [[nodiscard]] Result<T> checked(Result<T> result) const {
    if (result || !stopped_) return result;
    return tl::unexpected<Error>(interrupted());
  }

 private:
  [[nodiscard]] bool over();

  const Deadline deadline_;
  const vyre_stopped asked_;
  bool stopped_{false};
  Interrupt interrupt_;
};

/// Of waits in a session: in slices where this thread asks, so that a stop ends them.
class Waits {
 public:
  explicit Waits(Deadline until) noexcept : until_(until), asked_(asked_by_this_thread()) {}

  /// What `wait(deadline)` gives in the end.
  template <class Wait>
  [[nodiscard]] auto run(const Wait& wait) const -> decltype(wait(Deadline{})) {
    if (asked_ == nullptr) [[likely]]
      return wait(until_);
    auto result = runtime::in_slices(until_, asked_, wait);
    if (!result && result.error().code == Errc::cancelled && stopped()) {
      return tl::unexpected<Error>(interrupted());
    }
    return result;
  }
  /// The same by hand, for what may come to something before it ends: when it has to come back,
  [[nodiscard]] Deadline soon() const noexcept {
    return asked_ == nullptr ? until_ : std::min(until_, after(runtime::kStopLook));
  }
  /// and whether only the slice is over.
  [[nodiscard]] bool goes_on(const Error& error) const {
    return asked_ != nullptr && retryable(error) && Clock::now() < until_;
  }
  [[nodiscard]] bool stopped() const { return asked_ != nullptr && asked_(); }

 private:
  const Deadline until_;
  const vyre_stopped asked_;
};

}  // namespace vyre::abi
