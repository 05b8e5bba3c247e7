// What a machine can do and what a run says of itself: upstream's structures (docs/origin.md). Host
// only. A value that the run did not measure is nullopt, never a constant. Spec: docs/report.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vyre {

struct MegakernelCaps {
  bool supported{false};
  std::uint32_t max_worker_count{0};
  std::string reason;  // why not, in words; empty when supported

  [[nodiscard]] static MegakernelCaps unsupported(std::string why) {
    return {false, 0, std::move(why)};
  }
  [[nodiscard]] static MegakernelCaps with_workers(std::uint32_t count) {
    return {true, count, {}};
  }
};

enum class Topology : std::uint8_t {
  Empty,
  SparseFrontier,
  HybridFrontier,
  DenseFrontier,
  FusedDense,
  MemoryConstrained
};
enum class Pressure : std::uint8_t { Empty, Light, Balanced, Saturated };
enum class ExecutionMode : std::uint8_t { Interpreter, Jit };

struct MegakernelTelemetry {
  std::optional<std::uint64_t> bytes_uploaded;
  std::optional<std::uint64_t> bytes_read_back;
  std::optional<std::uint64_t> bytes_moved;
  std::optional<std::uint32_t> resident_allocations;
  std::optional<std::uint32_t> kernel_launches;
  std::optional<std::uint32_t> sync_points;
  std::optional<std::uint16_t> occupancy_proxy_bps;
  std::optional<std::uint16_t> frontier_density_bps;
  std::optional<std::uint32_t> readback_buffers;
  std::optional<bool> compiled_pipeline_cache_hit;
  std::optional<bool> resident_input_cache_hit;
  std::optional<Topology> topology;
  std::optional<Pressure> pressure;
  std::optional<ExecutionMode> execution_mode;
  std::optional<std::uint32_t> hit_capacity;
  std::optional<std::uint64_t> estimated_peak_device_bytes;
  std::optional<std::uint64_t> device_memory_budget_bytes;  // 0 = unbounded
};

/// items_processed + items_remaining = items accepted = published_items + deduped_items.
struct MegakernelReport {
  std::uint64_t items_processed{0};
  std::uint64_t items_remaining{0};
  std::chrono::nanoseconds wall_time{0};
  std::optional<std::uint64_t> queue_plan_ns;
  std::optional<std::uint64_t> queue_publish_ns;
  std::optional<std::uint64_t> backend_dispatch_ns;
  std::optional<std::uint64_t> lineage_ns;
  std::uint64_t deduped_items{0};
  std::uint64_t published_items{0};
  std::uint64_t lineage_items{0};
  MegakernelTelemetry telemetry;
  std::vector<std::uint32_t> region_lineage;
};

}  // namespace vyre
