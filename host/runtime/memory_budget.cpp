// See memory_budget.hpp.
#include "memory_budget.hpp"

#include "runtime/budget.hpp"

#include <algorithm>
#include <string>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {

Status MemoryBudget::reserve(const OrderLock&, std::uint64_t bytes, const char* what) {
  const std::uint64_t left = budget_ - std::min(budget_, reserved_);
  if (budget_ != 0 && counted_bytes(bytes) > left) {
    const std::string least =
        counted_bytes(bytes) == bytes ? "" : message(", which counts as {},", kHandleBytes);
    return fail(Errc::out_of_memory,
                message("{} of {} bytes{} was requested, but {} bytes are available of the memory "
                        "budget of {}; release buffers or raise memory_bytes",
                        what, bytes, least, left, budget_));
  }
  reserved_ += counted_bytes(bytes);
  return {};
}

void MemoryBudget::give_back(const OrderLock&, std::uint64_t bytes) noexcept {
  reserved_ -= counted_bytes(bytes);
}

}  // namespace vyre::runtime
