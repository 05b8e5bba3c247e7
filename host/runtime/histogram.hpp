// A latency histogram of fixed size: exact counts in the buckets of base/log_buckets.hpp, exact
// maximum. Host only; one writer at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/log_buckets.hpp"
#include "report/latency.hpp"

namespace vyre::runtime {

class Histogram : public LogBuckets {
 public:
  void add(std::uint64_t ns, std::uint64_t times) noexcept {
    counts_[bucket(ns)] += times;
    total_ += times;
    sum_ns_ += ns * times;
    max_ = std::max(max_, ns);
  }
  void add(const Histogram& other) noexcept {
    for (std::uint32_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    sum_ns_ += other.sum_ns_;
    max_ = std::max(max_, other.max_);
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] report::LatencySummary summary() const {
    const auto count = [this](std::uint32_t i) { return counts_[i]; };
    return report::latency_of(count, total_, sum_ns_, max_);
  }

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t total_{0};
  std::uint64_t sum_ns_{0};
  std::uint64_t max_{0};
};

}  // namespace vyre::runtime
