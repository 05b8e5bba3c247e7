// See latency.hpp.
#include "report/latency.hpp"

#include <array>

#include "base/message.hpp"

namespace vyre::report {
namespace {

/// A rank among so many values still fits 64 bits.
constexpr std::uint64_t kMostValues{std::uint64_t{1} << 56};

using Counts = std::array<std::uint64_t, LogBuckets::kBuckets>;

void add(const std::vector<LatencyBucket>& buckets, Counts& counts) {
  for (const LatencyBucket& bucket : buckets)
    counts[LogBuckets::bucket(bucket.up_to_ns)] += bucket.count;
}

std::uint64_t total_of(const Counts& counts) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  return total;
}

LatencySummary of(const Counts& counts, std::uint64_t sum_ns, std::uint64_t max_ns) {
  const auto count = [&](std::uint32_t bucket) { return counts[bucket]; };
  return latency_of(count, total_of(counts), sum_ns, max_ns);
}

}  // namespace

std::optional<std::uint64_t> values_of(const LatencySummary& latency) {
  if (!latency.buckets) return std::nullopt;
  std::uint64_t values = 0;
  for (const LatencyBucket& bucket : *latency.buckets) values += bucket.count;
  return values;
}

std::optional<LatencySummary> merged(const LatencySummary& a, const LatencySummary& b) {
  if (!a.buckets || !b.buckets) return std::nullopt;
  Counts counts{};
  add(*a.buckets, counts);
  add(*b.buckets, counts);
  return of(counts, a.sum_ns.value_or(0) + b.sum_ns.value_or(0), std::max(a.max_ns, b.max_ns));
}

Status check_latency(const LatencySummary& latency, std::string_view where) {
  if (latency.buckets.has_value() != latency.sum_ns.has_value()) {
    return fail(Errc::mismatch,
                message("report: {} has one of sum_ns and buckets; it needs both or none", where));
  }
  if (!latency.buckets) return {};
  std::uint64_t values = 0;
  const LatencyBucket* before = nullptr;
  for (const LatencyBucket& bucket : *latency.buckets) {
    const bool a_bound = LogBuckets::upper(LogBuckets::bucket(bucket.up_to_ns)) == bucket.up_to_ns;
    if (!a_bound || (before != nullptr && before->up_to_ns >= bucket.up_to_ns)) {
      return fail(Errc::mismatch,
                  message("report: {} has a bucket up to {} ns, which is no bound or not above the "
                          "one before",
                          where, bucket.up_to_ns));
    }
    if (bucket.count == 0 || bucket.count > kMostValues - values) {
      return fail(Errc::mismatch,
                  message("report: {} has {} values in a bucket, not 1 to {} in all", where,
                          bucket.count, kMostValues));
    }
    values += bucket.count;
    before = &bucket;
  }
  Counts counts{};
  add(*latency.buckets, counts);
  const LatencySummary expected = of(counts, *latency.sum_ns, latency.max_ns);
  if (values != 0 && expected.p50_ns == latency.p50_ns && expected.p99_ns == latency.p99_ns)
    return {};
  return fail(
      Errc::mismatch,
      message("report: {} says p50 {} ns and p99 {} ns; its {} values make {} and {}", where,
              latency.p50_ns, latency.p99_ns, values, expected.p50_ns, expected.p99_ns));
}

}  // namespace vyre::report
