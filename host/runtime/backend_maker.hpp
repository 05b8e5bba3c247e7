// Calls that make or release something which the backend keeps: one thread at a time. Host only.
//
// Lock: BackendMaker owns one mutex and holds it during the call, which on a device may take
// kControlWait. The caller must not hold the order lock, so that submits and close() do not wait
// for the backend. What is called may take the order lock.
#pragma once

#include <cstdint>
#include <mutex>

#include "backend/backend.hpp"

namespace vyre::runtime {

class BackendMaker {
 public:
  explicit BackendMaker(backend::Backend& backend) : backend_(backend) {}

  /// Returns what `make(backend::Backend&)` returns.
  template <class Make>
  [[nodiscard]] auto make(const Make& make) {
    const std::lock_guard making(mutex_);
    return make(backend_);
  }
  void release(std::uint32_t handle) {
    const std::lock_guard making(mutex_);
    backend_.release(handle);
  }

 private:
  backend::Backend& backend_;
  std::mutex mutex_;
};

}  // namespace vyre::runtime
