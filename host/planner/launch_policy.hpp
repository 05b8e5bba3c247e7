// The launch policy: from what is known of a queue, a graph and a device to how a launch is shaped.
// Host only, pure functions without clock or I/O. Spec: docs/internals/planner.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/error.hpp"
#include "report/report.hpp"

namespace vyre::planner {

/// Densities and pressures are in basis points (1/10000). Zero means "not known, derive it" where a
/// comment says so.
struct MegakernelLaunchRequest {
  std::uint32_t queue_len{0};
  std::uint32_t requested_worker_groups{0};  // 0: from the device limits
  std::uint32_t max_workgroup_size_x{0};
  std::uint32_t max_compute_workgroups_per_dimension{0};
  std::uint32_t max_compute_invocations_per_workgroup{0};
  std::uint32_t requested_hit_capacity{0};  // 0: derive
  std::uint32_t expected_hits_per_item{0};
  std::uint32_t hot_opcode_count{0};
  std::uint32_t hot_window_count{0};
  std::uint32_t requeue_count{0};
  std::uint32_t max_priority_age{0};
  std::uint64_t graph_node_count{0};
  std::uint64_t graph_edge_count{0};
  std::uint16_t frontier_density_bps{0};  // 0: derive from queue_len and graph_node_count
  std::uint16_t memory_pressure_bps{0};   // 0: derive from resident bytes and budget
  std::uint64_t resident_device_bytes{0};
  std::uint64_t device_memory_budget_bytes{0};  // 0: unbounded
};

/// The policy's constants; `standard()` is what a session uses.
struct MegakernelLaunchPolicy {
  std::uint32_t min_hit_capacity{1'024};
  std::uint32_t hit_capacity_multiplier{2};
  std::uint32_t saturated_waves{4};
  std::uint32_t hot_opcode_threshold{8};
  std::uint32_t hot_window_threshold{4};
  std::uint32_t jit_queue_len_threshold{4'096};
  std::uint32_t priority_age_threshold{32};
  std::uint16_t sparse_frontier_threshold_bps{500};
  std::uint16_t dense_frontier_threshold_bps{4'000};
  std::uint16_t memory_pressure_threshold_bps{8'500};
  std::uint64_t fusion_edge_threshold{65'536};
  std::uint32_t scratch_bytes_per_hit{16};
  std::uint16_t frontier_hysteresis_bps{250};
  std::uint16_t memory_hysteresis_bps{250};

  [[nodiscard]] static constexpr MegakernelLaunchPolicy standard() noexcept { return {}; }
};

struct MegakernelLaunchPlan {
  Topology topology{Topology::Empty};
  Pressure pressure{Pressure::Empty};
  ExecutionMode execution_mode{ExecutionMode::Interpreter};
  std::uint16_t frontier_density_bps{0};
  std::uint16_t memory_pressure_bps{0};
  bool promote_hot_opcodes{false};
  bool promote_hot_windows{false};
  bool age_priority_work{false};
  std::uint32_t worker_groups{1};
  std::uint32_t workgroup_size_x{1};
  std::uint32_t slot_count{1};
  std::array<std::uint32_t, 3> dispatch_grid{1, 1, 1};
  std::uint32_t hit_capacity{0};
  std::uint64_t estimated_peak_device_bytes{0};
};

/// `previous` is the topology of the last plan for the same work, if there was one: thresholds then
/// have hysteresis. Errors: invalid_argument (a device limit is zero, named), limit_exceeded (hit
/// capacity beyond 32 bits, peak bytes beyond 64), out_of_memory (the estimate is over the budget;
/// the message has requested and available bytes).
[[nodiscard]] Result<MegakernelLaunchPlan> plan_launch(
    const MegakernelLaunchRequest& request, std::optional<Topology> previous = std::nullopt,
    const MegakernelLaunchPolicy& policy = MegakernelLaunchPolicy::standard());

}  // namespace vyre::planner
