// See bound.hpp. What a thread asks is its own: no lock.
#include "bound.hpp"

#include <utility>

#include "session.hpp"

namespace vyre::abi {
namespace {

vyre_stopped& of_this_thread() noexcept {
  thread_local vyre_stopped asked = nullptr;
  return asked;
}

}  // namespace

std::atomic<bool> any_thread_asks{false};

vyre_stopped given_by_this_thread() noexcept {
  return of_this_thread();
}

Error interrupted() {
  return {Errc::cancelled, "the function given to vyre_interrupt_by() asked for it"};
}

Bound::Bound(vyre_ns timeout)
    : deadline_(deadline_after(timeout, kDefaultTimeout)),
      asked_(asked_by_this_thread()),
      interrupt_([this] { return over(); }) {}

bool Bound::over() {
  stopped_ = stopped_ || (asked_ != nullptr && asked_());
  return stopped_ || Clock::now() >= deadline_;
}

}  // namespace vyre::abi

vyre_stopped vyre_interrupt_by(vyre_stopped stopped) {
  if (stopped != nullptr) vyre::abi::any_thread_asks.store(true, std::memory_order_relaxed);
  return std::exchange(vyre::abi::of_this_thread(), stopped);
}
