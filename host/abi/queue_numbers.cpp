// See queue_numbers.hpp.
#include "queue_numbers.hpp"

#include <string>

#include "base/message.hpp"

namespace vyre::abi {

Result<std::uint32_t> QueueNumbers::take() {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t queue = 0; queue < queues_; ++queue) {
    if (open_[queue]) continue;
    open_[queue] = true;
    return queue;
  }
  return fail(Errc::limit_exceeded,
              message("the session's queues are all open: {}, the main queue among them; free one, "
                      "or open the session with a larger `queues`",
                      queues_));
}

void QueueNumbers::give_back(std::uint32_t queue) noexcept {
  if (queue == 0) return;
  const std::lock_guard lock(mutex_);
  open_[queue] = false;
}

}  // namespace vyre::abi
