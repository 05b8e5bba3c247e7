// See bound.hpp. What a thread asks is its own: no lock.
#include "bound.hpp"

#include <utility>

#include "session.hpp"

namespace vyre::abi {
namespace {

vyre_stopped& asked_by_this_thread() noexcept {
  thread_local vyre_stopped asked = nullptr;
  return asked;
}

}  // namespace

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
  return std::exchange(vyre::abi::asked_by_this_thread(), stopped);
}
