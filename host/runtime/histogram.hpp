// A latency histogram of fixed size: exact counts, 16 buckets for each power of two (6.25 %
// resolution), exact maximum. Host only; one writer at a time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "vyre/report/report.hpp"

namespace vyre::runtime {

class Histogram {
 public:
  static constexpr std::uint32_t kSubBits{4};
  static constexpr std::uint32_t kSub{1u << kSubBits};
  static constexpr std::uint32_t kOctaves{
      40};  // up to 2^44 ns, almost five hours; beyond counts as that
  static constexpr std::uint32_t kBuckets{kSub * (kOctaves + 1)};

  void add(std::uint64_t ns, std::uint64_t times) noexcept {
    counts_[bucket(ns)] += times;
    total_ += times;
    max_ = std::max(max_, ns);
  }
  void add(const Histogram& other) noexcept {
    for (std::uint32_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    max_ = std::max(max_, other.max_);
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] report::LatencySummary summary() const noexcept {
    return {quantile(50), quantile(99), max_};
  }

  [[nodiscard]] static constexpr std::uint32_t bucket(std::uint64_t ns) noexcept {
    if (ns < kSub) return static_cast<std::uint32_t>(ns);
    const auto octave = static_cast<std::uint32_t>(std::bit_width(ns)) - kSubBits;  // from 1
    if (octave > kOctaves) return kBuckets - 1;
    return octave * kSub + static_cast<std::uint32_t>(ns >> (octave - 1) & (kSub - 1));
  }
  /// The largest value of a bucket.
  [[nodiscard]] static constexpr std::uint64_t upper(std::uint32_t bucket) noexcept {
    if (bucket < kSub) return bucket;
    const std::uint32_t octave = bucket / kSub;
    return ((std::uint64_t{kSub} + bucket % kSub + 1) << (octave - 1)) - 1;
  }

 private:
  /// The smallest bucket's upper end below which `percent` of all values lie; never above the
  /// maximum.
  [[nodiscard]] std::uint64_t quantile(std::uint64_t percent) const noexcept {
    const std::uint64_t rank = (total_ * percent + 99) / 100;
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= rank && seen != 0) return std::min(upper(i), max_);
    }
    return max_;
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t total_{0};
  std::uint64_t max_{0};
};

}  // namespace vyre::runtime
