// What one worker measured of its items, for the planner: their way through the ring, bytes moved
// and steps. Histograms, because a thread may lose its processor in the middle of what it times,
// and half of the samples do not. Host only; the worker's thread adds, any thread reads. Spec:
// docs/internals/planner.md, "Cost".
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/log_buckets.hpp"

namespace vyre::cpu {

/// Of its first batches and programs a worker times all, and of the others one of so many: a look
/// at the clock costs more than a no-op item.
inline constexpr std::uint64_t kTimedOneOf{16};
[[nodiscard]] constexpr bool is_timed(std::uint64_t number) noexcept {
  return number < kTimedOneOf || number % kTimedOneOf == 0;
}

/// Picoseconds a unit; every sample counts as many times as it has units.
class CostHistogram : public LogBuckets {
 public:
  void add(std::uint64_t units, std::chrono::nanoseconds took) noexcept {
    if (units == 0 || took.count() < 0) return;
    std::atomic<std::uint64_t>& count =
        counts_[bucket(static_cast<std::uint64_t>(took.count()) * kPsPerNs / units)];
    // Relaxed, and no read-modify-write: there is one writer.
    count.store(count.load(std::memory_order_relaxed) + units, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t count(std::uint32_t bucket) const noexcept {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  static constexpr std::uint64_t kPsPerNs{1'000};

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
};

/// In ns a unit; `count(b)`: units in bucket b. nullopt: there are none.
template <class Count>
[[nodiscard]] std::optional<double> median_ns(const Count& count) noexcept {
  std::uint64_t total = 0;
  for (std::uint32_t b = 0; b < LogBuckets::kBuckets; ++b) total += count(b);
  if (total == 0) return std::nullopt;
  constexpr std::uint64_t kNoMaximum{~std::uint64_t{0}};
  return static_cast<double>(LogBuckets::quantile(count, total, 50, kNoMaximum)) /
         CostHistogram::kPsPerNs;
}

struct Costs {
  CostHistogram slots;  // taken, and ended
  CostHistogram bytes;  // that copies and fills read and wrote
  CostHistogram steps;  // of programs that the worker ran alone
  /// For a ns that members take one after another: what they took in one image.
  CostHistogram fused;
};

}  // namespace vyre::cpu
