// How a 32-bit buffer handle is built: table index below, generation above, so that a handle used
// after its release is told from the buffer that took its place. Host and device.
#pragma once

#include <cstdint>

#include "protocol/limits.hpp"

namespace vyre::backend {

inline constexpr std::uint32_t kHandleIndexBits{24};
static_assert(std::uint32_t{1} << kHandleIndexBits == kMaxHandles);

[[nodiscard]] constexpr std::uint32_t handle_index(std::uint32_t handle) noexcept {
  return handle & (kMaxHandles - 1);
}
[[nodiscard]] constexpr std::uint32_t make_handle(std::uint32_t index,
                                                  std::uint32_t generation) noexcept {
  return generation << kHandleIndexBits | index;
}

}  // namespace vyre::backend
