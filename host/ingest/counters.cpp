// Adding to the pump's counts, and the section of a report that they make.
#include "counters.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

#include "report/latency.hpp"

namespace vyre::ingest {
namespace {

/// The smallest depth that `percent` of all submissions do not exceed.
template <class Depths>
std::uint32_t depth_quantile(const Depths& depths, std::uint64_t percent) {
  std::uint64_t total = 0;
  for (const Count& n : depths) total += n.get();
  const std::uint64_t rank = (total * percent + 99) / 100;
  std::uint64_t seen = 0;
  for (std::uint32_t depth = 0; depth < depths.size(); ++depth) {
    seen += depths[depth].get();
    if (seen >= rank && seen != 0) return depth;
  }
  return 0;
}

}  // namespace

void Counters::submitted(Tier tier, bool fixed, std::uint64_t bytes,
                         std::uint32_t under_way) noexcept {
  TierCounts& counts = tiers[static_cast<std::size_t>(tier)];
  counts.submitted_operations.add(1);
  counts.submitted_bytes.add(bytes);
  (fixed ? counts.fixed_operations : counts.plain_operations).add(1);
  depths_[std::min(under_way, kMaxIoDepth)].add(1);
}

void Counters::ended(Tier tier, bool direct, std::int32_t result,
                     std::uint64_t latency_ns) noexcept {
  TierCounts& counts = tiers[static_cast<std::size_t>(tier)];
  latencies_[LogBuckets::bucket(latency_ns)].add(1);
  latency_sum_ns_.add(latency_ns);
  latency_max_.raise_to(latency_ns);
  if (result < 0) {
    counts.failed_operations.add_last(1);
    return;
  }
  const auto bytes = static_cast<std::uint64_t>(result);
  counts.completed_bytes.add(bytes);
  (direct ? counts.direct_bytes : counts.kernel_copy_bytes).add(bytes);
  counts.completed_operations.add_last(1);
}

void Counters::copied(Tier tier, std::uint64_t bytes) noexcept {
  tiers[static_cast<std::size_t>(tier)].user_copy_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void Counters::describe_door(std::string name, std::string reason, std::string setup) {
  const std::lock_guard lock(mutex_);
  door_ = std::move(name);
  reason_ = std::move(reason);
  setup_ = std::move(setup);
}

void Counters::describe_registration(const Registration& registration) {
  const std::lock_guard lock(mutex_);
  registration_ = registration;
}

report::IngestSection Counters::section() const {
  report::IngestSection out;
  for (std::size_t i = 0; i < kTiers; ++i) {
    const TierCounts& counts = tiers[i];
    report::IngestTier row;
    row.tier = letter(static_cast<Tier>(i));
    row.completed_operations = counts.completed_operations.get_first();
    row.failed_operations = counts.failed_operations.get_first();
    row.completed_bytes = counts.completed_bytes.get();
    row.direct_bytes = counts.direct_bytes.get();
    row.kernel_copy_bytes = counts.kernel_copy_bytes.get();
    row.user_copy_bytes = counts.user_copy_bytes.load(std::memory_order_relaxed);
    row.submitted_operations = counts.submitted_operations.get();
    row.submitted_bytes = counts.submitted_bytes.get();
    row.fixed_operations = counts.fixed_operations.get();
    row.plain_operations = counts.plain_operations.get();
    if (row.submitted_operations != 0) out.tiers.push_back(std::move(row));
  }
  out.short_reads = short_reads.get();
  out.resubmits = resubmits.get();
  const std::pair<std::int32_t, const Count*> retries[] = {
      {EINTR, &retries_interrupted}, {EIO, &retries_io_error}, {EAGAIN, &retries_again}};
  static_assert(EINTR < EIO && EIO < EAGAIN);
  for (const auto& [error_number, count] : retries) {
    if (count->get() != 0) out.retries.push_back({error_number, count->get()});
  }
  out.stray_completions = stray_completions.get();
  out.cq_overflows = cq_overflows.get();
  out.enters = enters.get();
  out.depth_p50 = depth_quantile(depths_, 50);
  out.depth_p99 = depth_quantile(depths_, 99);
  out.depth_max = depth_quantile(depths_, 100);
  // Once, so that bounds and buckets are of the same values while the pump goes on.
  std::array<std::uint64_t, LogBuckets::kBuckets> counts;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) total += counts[i] = latencies_[i].get();
  if (total != 0) {
    out.latency = report::latency_of([&](std::uint32_t i) { return counts[i]; }, total,
                                     latency_sum_ns_.get(), latency_max_.get());
  }
  out.item_requests = item_requests.get();
  out.item_requests_end_of_file = item_requests_end_of_file.get();
  out.item_requests_failed = item_requests_failed.get();
  out.item_requests_rejected = item_requests_rejected.get();
  out.vm_pin_kib = vm_pin_kib();
  const std::lock_guard lock(mutex_);
  out.door = door_;
  out.reason = reason_;
  out.setup = setup_;
  out.registered_regions = registration_.regions;
  out.registered_bytes = registration_.bytes;
  out.registration_reason = registration_.reason;
  return out;
}

std::optional<std::uint64_t> vm_pin_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmPin:") continue;
    std::uint64_t kib = 0;
    if (status >> kib) return kib;
    break;
  }
  return std::nullopt;
}

}  // namespace vyre::ingest
