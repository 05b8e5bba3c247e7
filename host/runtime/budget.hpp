// What the memory budget of a session counts for a buffer. Host only, pure. Spec: docs/api.md.
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/limits.hpp"

namespace vyre::runtime {

/// kHandleBytes at the least: what a session keeps of a buffer however small it is.
[[nodiscard]] constexpr std::uint64_t counted_bytes(std::uint64_t bytes) noexcept {
  return std::max(bytes, kHandleBytes);
}

}  // namespace vyre::runtime
