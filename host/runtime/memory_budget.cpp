// See memory_budget.hpp.
#include "memory_budget.hpp"

#include "runtime/budget.hpp"

#include <algorithm>
#include <string>

#include "protocol/limits.hpp"

namespace vyre::runtime {

Status MemoryBudget::reserve(const OrderLock&, std::uint64_t bytes, const char* what) {
  const std::uint64_t left = budget_ - std::min(budget_, reserved_);
  if (budget_ != 0 && counted_bytes(bytes) > left) {
    const auto text = [](std::uint64_t value) { return std::to_string(value); };
    const std::string least =
        counted_bytes(bytes) == bytes ? "" : ", which counts as " + text(kHandleBytes) + ",";
    return fail(Errc::out_of_memory, std::string(what) + " of " + text(bytes) + " bytes" + least +
                                         " was requested, but " + text(left) +
                                         " bytes are available of the memory budget of " +
                                         text(budget_) +
                                         "; release buffers or raise memory_budget_bytes");
  }
  reserved_ += counted_bytes(bytes);
  return {};
}

void MemoryBudget::give_back(const OrderLock&, std::uint64_t bytes) noexcept {
  reserved_ -= counted_bytes(bytes);
}

}  // namespace vyre::runtime
