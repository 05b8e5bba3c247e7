#include "planner/launch_policy.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::planner {
namespace {

constexpr std::uint64_t kFullBps{10'000};
constexpr std::uint32_t kOccupancyDivisor{256};  // workgroups a dimension allows per worker group
constexpr std::uint32_t kWideDeviceInvocations{4'096};
constexpr std::uint32_t kWideDeviceMinGroups{64};
constexpr std::uint32_t kSparseMinGroups{32};
constexpr std::uint64_t kShedBaseBps{2'500};  // shed at the threshold; twice that at full pressure

std::uint64_t saturating_multiply(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::uint64_t>::max()
                                                : product;
}

std::uint32_t saturate32(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

std::uint16_t infer_density(const MegakernelLaunchRequest& r) noexcept {
  if (r.frontier_density_bps != 0 || r.queue_len == 0 || r.graph_node_count == 0)
    return r.frontier_density_bps;
  const std::uint64_t active = std::min<std::uint64_t>(r.queue_len, r.graph_node_count);
  const std::uint64_t bps = saturating_multiply(active, kFullBps) / r.graph_node_count;
  return static_cast<std::uint16_t>(std::clamp<std::uint64_t>(bps, 1, kFullBps));
}

std::uint16_t infer_pressure(const MegakernelLaunchRequest& r) noexcept {
  if (r.memory_pressure_bps != 0 || r.device_memory_budget_bytes == 0 ||
      r.resident_device_bytes == 0) {
    return r.memory_pressure_bps;
  }
  if (r.resident_device_bytes >= r.device_memory_budget_bytes) return kFullBps;
  __extension__ using Wide = unsigned __int128;  // the product needs up to 78 bits
  return static_cast<std::uint16_t>(Wide{r.resident_device_bytes} * kFullBps /
                                    r.device_memory_budget_bytes);
}

/// What the topology rules look at, with the inferred signals in place.
struct Signals {
  std::uint32_t queue_len;
  std::int32_t density;
  std::int32_t pressure;
  bool fusable;    // edges and hotness qualify for FusedDense
  bool has_nodes;  // asked only when FusedDense is entered, not when it is kept
};

Topology raw_topology(const Signals& s, const MegakernelLaunchPolicy& p) noexcept {
  if (s.queue_len == 0) return Topology::Empty;
  if (s.pressure >= p.memory_pressure_threshold_bps) return Topology::MemoryConstrained;
  if (s.density <= p.sparse_frontier_threshold_bps) return Topology::SparseFrontier;
  if (s.density >= p.dense_frontier_threshold_bps) {
    return s.fusable && s.has_nodes ? Topology::FusedDense : Topology::DenseFrontier;
  }
  return Topology::HybridFrontier;
}

/// A topology is left only when its signal has moved past the threshold by the hysteresis.
Topology with_hysteresis(Topology raw, Topology previous, const Signals& s,
                         const MegakernelLaunchPolicy& p) noexcept {
  if (raw == Topology::Empty || raw == Topology::MemoryConstrained) return raw;
  const std::int32_t sparse = p.sparse_frontier_threshold_bps;
  const std::int32_t dense = p.dense_frontier_threshold_bps;
  const std::int32_t margin = p.frontier_hysteresis_bps;
  const bool raw_is_dense = raw == Topology::DenseFrontier || raw == Topology::FusedDense;
  switch (previous) {
    case Topology::Empty:
      return raw;
    case Topology::MemoryConstrained:
      return s.pressure >= p.memory_pressure_threshold_bps - p.memory_hysteresis_bps ? previous
                                                                                     : raw;
    case Topology::SparseFrontier:
      return s.density <= sparse + margin ? previous : raw;
    case Topology::HybridFrontier:
      if (raw == Topology::SparseFrontier && s.density >= sparse - margin) return previous;
      if (raw_is_dense && s.density <= dense + margin) return previous;
      return raw;
    case Topology::DenseFrontier:
      return raw == Topology::HybridFrontier && s.density >= dense - margin ? previous : raw;
    case Topology::FusedDense:
      return raw == Topology::HybridFrontier && s.density >= dense - margin && s.fusable ? previous
                                                                                         : raw;
  }
  return raw;
}

std::uint32_t groups_from_device(const MegakernelLaunchRequest& r) noexcept {
  const std::uint32_t by_workgroups =
      std::clamp(r.max_compute_workgroups_per_dimension / kOccupancyDivisor, 1u, kMaxWorkerGroups);
  const std::uint32_t by_width =
      r.max_compute_invocations_per_workgroup >= kWideDeviceInvocations ? kWideDeviceMinGroups : 1u;
  return std::max(by_workgroups, by_width);
}

/// Fewer of the workers that were asked for, where memory is short or the frontier is thin.
std::uint32_t shaped_groups(std::uint32_t groups, Topology topology, const Signals& s,
                            const MegakernelLaunchPolicy& p) noexcept {
  if (groups <= 1) return groups;
  if (topology == Topology::MemoryConstrained && s.pressure > 0) {
    const std::int64_t threshold = p.memory_pressure_threshold_bps;
    const std::int64_t span =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(kFullBps) - threshold);
    const std::int64_t over = std::min(span, std::max<std::int64_t>(0, s.pressure - threshold));
    const std::uint64_t shed = kShedBaseBps + static_cast<std::uint64_t>(over) * kShedBaseBps /
                                                  static_cast<std::uint64_t>(span);
    return std::max<std::uint32_t>(1, saturate32(groups * (kFullBps - shed) / kFullBps));
  }
  if (topology == Topology::SparseFrontier && s.has_nodes && s.density > 0) {
    const std::uint64_t threshold = std::max<std::uint64_t>(1, p.sparse_frontier_threshold_bps);
    const std::uint64_t density =
        std::clamp<std::uint64_t>(static_cast<std::uint64_t>(s.density), 1, threshold);
    return std::clamp(saturate32(groups * density / threshold), std::min(groups, kSparseMinGroups),
                      groups);
  }
  return groups;
}

Result<std::uint32_t> hit_capacity(const MegakernelLaunchRequest& r, const Signals& s,
                                   const MegakernelLaunchPolicy& p) {
  if (r.requested_hit_capacity != 0) return r.requested_hit_capacity;
  const std::uint64_t multiplier =
      s.pressure >= p.memory_pressure_threshold_bps ? 1 : p.hit_capacity_multiplier;
  const std::uint64_t hits = saturating_multiply(
      saturating_multiply(r.queue_len, std::max<std::uint32_t>(1, r.expected_hits_per_item)),
      multiplier);
  const std::uint64_t capacity = std::max<std::uint64_t>(p.min_hit_capacity, hits);
  if (capacity > std::numeric_limits<std::uint32_t>::max()) {
    return fail(Errc::limit_exceeded,
                message("hit capacity: queue_len {} with {} expected hits an item needs more than "
                        "4294967295 hits; submit in smaller batches or set requested_hit_capacity",
                        r.queue_len, r.expected_hits_per_item));
  }
  return static_cast<std::uint32_t>(capacity);
}

Result<std::uint64_t> peak_bytes(const MegakernelLaunchRequest& r, std::uint32_t hit_capacity,
                                 const MegakernelLaunchPolicy& p) {
  const std::uint64_t scratch = std::uint64_t{hit_capacity} * p.scratch_bytes_per_hit;
  std::uint64_t peak = 0;
  if (__builtin_add_overflow(r.resident_device_bytes, scratch, &peak)) {
    return fail(Errc::limit_exceeded,
                message("peak device bytes: {} resident bytes and {} bytes for hits do not fit 64 "
                        "bits; check resident_device_bytes",
                        r.resident_device_bytes, scratch));
  }
  if (r.device_memory_budget_bytes != 0 && peak > r.device_memory_budget_bytes) {
    return fail(
        Errc::out_of_memory,
        message(
            "the launch plan needs {} bytes of device memory (requested) and the budget allows {} "
            "(available); free resident buffers, lower requested_hit_capacity or raise the budget",
            peak, r.device_memory_budget_bytes));
  }
  return peak;
}

Status check_limits(const MegakernelLaunchRequest& r) {
  const auto zero = [](const char* name) {
    return fail(Errc::invalid_argument,
                message("{} is 0; give the limit that the device reports", name));
  };
  if (r.max_workgroup_size_x == 0) return zero("max_workgroup_size_x");
  if (r.max_compute_workgroups_per_dimension == 0)
    return zero("max_compute_workgroups_per_dimension");
  if (r.max_compute_invocations_per_workgroup == 0)
    return zero("max_compute_invocations_per_workgroup");
  return {};
}

Pressure queue_pressure(const MegakernelLaunchRequest& r, const MegakernelLaunchPlan& plan,
                        const MegakernelLaunchPolicy& p) noexcept {
  if (r.queue_len == 0) return Pressure::Empty;
  const std::uint64_t lanes =
      std::max<std::uint64_t>(1, saturating_multiply(plan.dispatch_grid[0], plan.workgroup_size_x));
  if (r.requeue_count > 0 || r.queue_len >= saturating_multiply(lanes, p.saturated_waves)) {
    return Pressure::Saturated;
  }
  return r.queue_len >= lanes ? Pressure::Balanced : Pressure::Light;
}

}  // namespace

Result<MegakernelLaunchPlan> plan_launch(const MegakernelLaunchRequest& request,
                                         std::optional<Topology> previous,
                                         const MegakernelLaunchPolicy& policy) {
  VYRE_TRY(check_limits(request));

  MegakernelLaunchPlan plan;
  plan.frontier_density_bps = infer_density(request);
  plan.memory_pressure_bps = infer_pressure(request);
  plan.promote_hot_opcodes = request.hot_opcode_count >= policy.hot_opcode_threshold;
  plan.promote_hot_windows = request.hot_window_count >= policy.hot_window_threshold;
  plan.age_priority_work =
      request.requeue_count > 0 || request.max_priority_age >= policy.priority_age_threshold;

  const Signals signals{request.queue_len, plan.frontier_density_bps, plan.memory_pressure_bps,
                        request.graph_edge_count >= policy.fusion_edge_threshold &&
                            (plan.promote_hot_opcodes || plan.promote_hot_windows),
                        request.graph_node_count > 0};
  plan.topology = raw_topology(signals, policy);
  if (previous) plan.topology = with_hysteresis(plan.topology, *previous, signals, policy);

  plan.execution_mode = request.queue_len >= policy.jit_queue_len_threshold ||
                                plan.promote_hot_opcodes || plan.promote_hot_windows ||
                                plan.topology == Topology::FusedDense
                            ? ExecutionMode::Jit
                            : ExecutionMode::Interpreter;

  const std::uint32_t wanted =
      request.requested_worker_groups != 0
          ? shaped_groups(request.requested_worker_groups, plan.topology, signals, policy)
          : groups_from_device(request);
  plan.worker_groups = std::clamp(wanted, 1u, request.max_compute_workgroups_per_dimension);
  plan.workgroup_size_x = std::clamp(plan.worker_groups, 1u, request.max_workgroup_size_x);
  // Rounding up saturates before it divides, as upstream's does: near 2^32 items there may be fewer
  // slots than items. The slots are a window over the queue, so a short one loses nothing.
  const std::uint32_t rounded =
      saturate32(std::max<std::uint64_t>(1, request.queue_len) + plan.workgroup_size_x - 1);
  const std::uint32_t waves = std::max(1u, rounded / plan.workgroup_size_x);
  plan.slot_count = saturate32(std::uint64_t{waves} * plan.workgroup_size_x);
  plan.dispatch_grid[0] = std::min({waves, plan.worker_groups, kMaxWorkerGroups});

  VYRE_ASSIGN(plan.hit_capacity, hit_capacity(request, signals, policy));
  VYRE_ASSIGN(plan.estimated_peak_device_bytes, peak_bytes(request, plan.hit_capacity, policy));
  plan.pressure = queue_pressure(request, plan, policy);
  return plan;
}

}  // namespace vyre::planner
