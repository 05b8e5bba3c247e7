// The order lock of a session, as types. The lock gives one order to handles, to the users of
// buffers, and to what an observer is told. Host only.
//
// A function that takes `const OrderLock&` must be called with the lock held and keeps it. A
// function that takes `OrderLock&` must be called with the lock held, gives it up while it waits,
// and holds it again when it returns. The order of all locks of a session is in README.md.
#pragma once

#include <mutex>

namespace vyre::runtime {

class OrderMutex {
 private:
  friend class OrderLock;
  std::mutex mutex_;
};

class [[nodiscard]] OrderLock {
 public:
  explicit OrderLock(OrderMutex& mutex) : lock_(mutex.mutex_) {}
  void lock() { lock_.lock(); }
  void unlock() { lock_.unlock(); }
  [[nodiscard]] bool owns_lock() const noexcept { return lock_.owns_lock(); }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace vyre::runtime
