// The right to be in a call on an object that one thread uses at a time. Host only.
#pragma once

#include <atomic>

namespace vyre::abi {

class Taken {
 public:
  // [STREAM-1] acquire: what the call before did with the object.
  explicit Taken(std::atomic<bool>& flag)
      : flag_(flag), mine_(!flag.exchange(true, std::memory_order_acquire)) {}
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  ~Taken() {
    if (mine_) flag_.store(false, std::memory_order_release);  // [STREAM-1]
  }
  explicit operator bool() const noexcept { return mine_; }

 private:
  std::atomic<bool>& flag_;
  const bool mine_;
};

}  // namespace vyre::abi
