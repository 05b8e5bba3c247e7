// Latencies of a report out of the buckets that were counted, and whether buckets that were read
// can be such. Host only; any thread. Page: docs/report.md.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/log_buckets.hpp"
#include "report/report.hpp"

namespace vyre::report {

/// `count(b)`: values in bucket b of LogBuckets; `total` of all.
template <class Count>
[[nodiscard]] LatencySummary latency_of(const Count& count, std::uint64_t total,
                                        std::uint64_t sum_ns, std::uint64_t max_ns) {
  LatencySummary latency{LogBuckets::quantile(count, total, 50, max_ns),
                         LogBuckets::quantile(count, total, 99, max_ns), max_ns, sum_ns,
                         std::vector<LatencyBucket>{}};
  for (std::uint32_t b = 0; b < LogBuckets::kBuckets; ++b) {
    if (const std::uint64_t values = count(b); values != 0)
      latency.buckets->push_back({LogBuckets::upper(b), values});
  }
  return latency;
}

/// How many values it is of; nullopt where it has no buckets.
[[nodiscard]] std::optional<std::uint64_t> values_of(const LatencySummary& latency);
/// Of the values of both; nullopt where one has no buckets, as then no quantile is known.
[[nodiscard]] std::optional<LatencySummary> merged(const LatencySummary& a,
                                                   const LatencySummary& b);
/// Its buckets are some of LogBuckets, in order, and its quantiles follow from them. `where` is for
/// the message.
[[nodiscard]] Status check_latency(const LatencySummary& latency, std::string_view where);

}  // namespace vyre::report
