// The memory budget of a session: buffers, binding sets and programs together. Host only.
//
// Lock: the caller holds the order lock.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "order_lock.hpp"

namespace vyre::runtime {

class MemoryBudget {
 public:
  /// `budget_bytes` is SessionOptions::memory_budget_bytes: 0 means no bound.
  explicit MemoryBudget(std::uint64_t budget_bytes) : budget_(budget_bytes) {}

  /// Each reservation counts kHandleBytes at the least. `what` names the thing in the error.
  [[nodiscard]] Status reserve(const OrderLock&, std::uint64_t bytes, const char* what);
  /// `bytes` as they were reserved.
  void give_back(const OrderLock&, std::uint64_t bytes) noexcept;
  [[nodiscard]] std::uint64_t reserved(const OrderLock&) const noexcept { return reserved_; }

 private:
  const std::uint64_t budget_;
  std::uint64_t reserved_{0};
};

}  // namespace vyre::runtime
