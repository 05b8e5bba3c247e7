// How far two f32 values lie apart, in units in the last place. Host and tests; pure.
#pragma once

#include <cstdint>

namespace vyre {

/// Distance of two f32 bit patterns on the line where neighbours differ by one: -0 and +0 are 1
/// apart, and NaN is near nothing but its own bits (then ~0).
[[nodiscard]] constexpr std::uint64_t ulp_distance(std::uint32_t a, std::uint32_t b) noexcept {
  const auto is_nan = [](std::uint32_t bits) { return (bits & 0x7FFF'FFFFu) > 0x7F80'0000u; };
  const auto place = [](std::uint32_t bits) {
    const auto magnitude = static_cast<std::int64_t>(bits & 0x7FFF'FFFFu);
    return (bits >> 31) != 0 ? -1 - magnitude : magnitude;
  };
  if (a == b) return 0;
  if (is_nan(a) || is_nan(b)) return ~std::uint64_t{0};
  const std::int64_t apart = place(a) - place(b);
  return static_cast<std::uint64_t>(apart < 0 ? -apart : apart);
}

}  // namespace vyre
