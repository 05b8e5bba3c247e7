// Counters of a session that end up in its report. Host only; any thread adds to them.
//
// Lock: none. All accesses are relaxed: each counter is a sum on its own, read after the fact.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/running_median.hpp"

namespace vyre::runtime {

/// On cache lines of its own: submits write it, and what stands beside it is read by all.
struct alignas(64) SessionCounters {
  std::atomic<std::uint64_t> plan_ns{0};
  std::atomic<std::uint64_t> publish_ns{0};
  std::atomic<std::int64_t> first_publish_ns{-1};  // since open; negative: none yet
  RunningMedian slot_publish_ps;
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
  std::atomic<std::uint64_t> files{0};  // streamed, loaded or mapped
  std::atomic<std::uint64_t> read_bytes{0};
  std::atomic<std::uint64_t> mapped_bytes{0};
  std::atomic<std::uint64_t> uploaded_bytes{0};
  std::atomic<std::uint64_t> output_bytes{0};
  std::atomic<std::uint64_t> inputs_found{0};  // cached uploads that found their bytes
  std::atomic<std::uint64_t> inputs_sent{0};   // cached uploads that did not
  std::atomic<std::uint64_t> input_bytes_found{0};
  std::atomic<std::uint64_t> input_bytes_sent{0};
  std::atomic<std::uint64_t> inputs_evicted{0};
  std::atomic<std::uint64_t> input_digest_ns{0};
  std::atomic<std::uint64_t> hit_headers{0};  // of match.literals, that streams read
  std::atomic<std::uint64_t> hits{0};         // in them
  std::atomic<std::uint32_t> allocations{0};  // buffers, binding sets and blocks of regions
  std::atomic<std::uint32_t> sync_points{0};  // waits that were not over at the first look
  std::atomic<std::uint32_t> readbacks{0};

  template <class Counter>
  static void add(Counter& counter, typename Counter::value_type by) noexcept {
    counter.fetch_add(by, std::memory_order_relaxed);
  }
};

}  // namespace vyre::runtime
