// Buckets of a histogram over 64-bit values: exact below 16, then 16 for each power of two (6.25 %
// resolution). Arithmetic only; who counts in them decides on the counters. Host only.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace vyre {

struct LogBuckets {
  static constexpr std::uint32_t kSubBits{4};
  static constexpr std::uint32_t kSub{1u << kSubBits};
  static constexpr std::uint32_t kOctaves{
      40};  // up to 2^44 ns, almost five hours; beyond counts as that
  static constexpr std::uint32_t kBuckets{kSub * (kOctaves + 1)};

  [[nodiscard]] static constexpr std::uint32_t bucket(std::uint64_t value) noexcept {
    if (value < kSub) return static_cast<std::uint32_t>(value);
    const auto octave = static_cast<std::uint32_t>(std::bit_width(value)) - kSubBits;  // from 1
    if (octave > kOctaves) return kBuckets - 1;
    return octave * kSub + static_cast<std::uint32_t>(value >> (octave - 1) & (kSub - 1));
  }
  /// The largest value of a bucket.
  [[nodiscard]] static constexpr std::uint64_t upper(std::uint32_t bucket) noexcept {
    if (bucket < kSub) return bucket;
    const std::uint32_t octave = bucket / kSub;
    return ((std::uint64_t{kSub} + bucket % kSub + 1) << (octave - 1)) - 1;
  }
  /// The smallest bucket's upper end below which `percent` of all values lie; never above `max`.
  /// `count(b)`: how many values bucket b has.
  template <class Count>
  [[nodiscard]] static std::uint64_t quantile(const Count& count, std::uint64_t total,
                                              std::uint64_t percent, std::uint64_t max) noexcept {
    const std::uint64_t rank = (total * percent + 99) / 100;
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < kBuckets; ++i) {
      seen += count(i);
      if (seen >= rank && seen != 0) return std::min(upper(i), max);
    }
    return max;
  }
};

}  // namespace vyre
