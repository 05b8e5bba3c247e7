// See notify_descriptor.hpp.
#include "notify_descriptor.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/message.hpp"

namespace vyre::runtime {

NotifyDescriptor::~NotifyDescriptor() {
  const int made = descriptor_.load(std::memory_order_acquire);
  if (made >= 0) (void)::close(made);
}

Result<int> NotifyDescriptor::descriptor() {
  const std::lock_guard lock(making_);
  int made = descriptor_.load(std::memory_order_acquire);
  if (made < 0) {
    made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made < 0) {
      Error error{Errc::io, message("cannot make an event descriptor: {}", std::strerror(errno))};
      error.detail = errno;
      return tl::unexpected<Error>(std::move(error));
    }
    descriptor_.store(made, std::memory_order_release);
  }
  VYRE_TRY(attendant_.call(*this));
  return made;
}

void NotifyDescriptor::signal() noexcept {
  const int made = descriptor_.load(std::memory_order_acquire);
  if (made < 0) return;
  const std::uint64_t one = 1;
  // It fails only where the count is full, and then the descriptor is readable anyhow.
  [[maybe_unused]] const ssize_t written = ::write(made, &one, sizeof(one));
}

Attendant::Need NotifyDescriptor::look(std::vector<DoneCall>&) {
  if (const std::uint64_t events = results_.events(); events != told_) {
    told_ = events;
    signal();
  }
  return life_.closing() ? Attendant::Need::none : Attendant::Need::at_once;  // close() signals
}

}  // namespace vyre::runtime
