// What the pump counted. One thread adds (the pump's), any thread reads: every count is a relaxed
// atomic with one writer, so adding is a plain load and store, and a reader sees each count whole,
// though not all of them at the same moment. Spec: docs/internals/ingest.md, "Telemetry".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/log_buckets.hpp"
#include "ingest/io.hpp"
#include "ingest/tier.hpp"
#include "protocol/limits.hpp"
#include "report/report.hpp"

namespace vyre::ingest {

class Count {
 public:
  void add(std::uint64_t n) noexcept { set(get() + n); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  void raise_to(std::uint64_t n) noexcept {
    if (n > get()) set(n);
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }
  /// A thread that sees this addition by get_first() sees all that was added before. [PUMP-3]
  void add_last(std::uint64_t n) noexcept { value_.store(get() + n, std::memory_order_release); }
  [[nodiscard]] std::uint64_t get_first() const noexcept {
    return value_.load(std::memory_order_acquire);  // [PUMP-3]
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// submitted = completed + failed + under way, in operations; a reader never sees fewer submitted.
struct TierCounts {
  Count submitted_operations;
  Count completed_operations;
  Count failed_operations;  // with an errno, also where they were tried again
  Count submitted_bytes;
  Count completed_bytes;
  Count fixed_operations;
  Count plain_operations;
  Count direct_bytes;
  Count kernel_copy_bytes;
  std::atomic<std::uint64_t> user_copy_bytes{0};  // any thread adds
};

struct Counters {
  std::array<TierCounts, kTiers> tiers;
  Count short_reads;
  Count resubmits;
  Count retries_interrupted;
  Count retries_again;
  Count retries_io_error;
  Count stray_completions;
  Count cq_overflows;
  Count enters;
  Count item_requests;
  Count item_requests_end_of_file;
  Count item_requests_failed;
  Count item_requests_rejected;

  void submitted(Tier tier, bool fixed, std::uint64_t bytes, std::uint32_t under_way) noexcept;
  void ended(Tier tier, bool direct, std::int32_t result, std::uint64_t latency_ns) noexcept;
  /// Any thread.
  void copied(Tier tier, std::uint64_t bytes) noexcept;

  /// Of the door: once, and after each registration.
  void describe_door(std::string name, std::string reason, std::string setup);
  void describe_registration(const Registration& registration);

  /// Any thread.
  [[nodiscard]] report::IngestSection section() const;

 private:
  std::array<Count, kMaxIoDepth + 1> depths_;  // operations under way at each submission
  std::array<Count, LogBuckets::kBuckets> latencies_;
  Count latency_sum_ns_;
  Count latency_max_;

  mutable std::mutex mutex_;  // guards the texts
  std::string door_;
  std::string reason_;
  std::string setup_;
  Registration registration_;
};

/// VmPin of this process; nullopt where the system does not say.
[[nodiscard]] std::optional<std::uint64_t> vm_pin_kib();

}  // namespace vyre::ingest
