// Classes of sizes, eightfold each, so that what was measured of items of one size says something
// about others of about that size. Arithmetic only, host only.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vyre {

inline constexpr std::size_t kSizeClasses{8};

[[nodiscard]] constexpr std::size_t size_class(std::uint64_t size) noexcept {
  const auto octaves = static_cast<std::size_t>(std::bit_width(size)) / 3;
  return octaves < kSizeClasses ? octaves : kSizeClasses - 1;
}

/// Something by size class; 0: not known.
using BySizeClass = std::array<double, kSizeClasses>;

/// That of the class of `size`, or of the nearest class of which it is known.
[[nodiscard]] constexpr std::optional<double> nearest(const BySizeClass& known,
                                                      std::uint64_t size) noexcept {
  const std::size_t here = size_class(size);
  for (std::size_t away = 0; away < kSizeClasses; ++away) {
    if (here >= away && known[here - away] > 0) return known[here - away];
    if (here + away < kSizeClasses && known[here + away] > 0) return known[here + away];
  }
  return std::nullopt;
}

}  // namespace vyre
