// Which queues of a session are open; queue 0 always is. Any thread.
//
// Lock: a mutex of its own; nothing is called under it.
#pragma once

#include <bitset>
#include <cstdint>
#include <mutex>

#include "base/error.hpp"
#include "protocol/limits.hpp"

namespace vyre::abi {

class QueueNumbers {
 public:
  explicit QueueNumbers(std::uint32_t queues) : queues_(queues) {}
  /// Errc::limit_exceeded where all are open.
  [[nodiscard]] Result<std::uint32_t> take();
  void give_back(std::uint32_t queue) noexcept;

 private:
  const std::uint32_t queues_;
  std::mutex mutex_;
  std::bitset<kMaxQueues> open_{1};
};

}  // namespace vyre::abi
