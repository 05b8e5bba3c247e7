// See launch_signals.hpp.
#include "planner/launch_signals.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vyre::planner {
namespace {

constexpr std::uint64_t kHotShare{32};     // an op is hot from a 32nd of all steps on,
constexpr std::uint64_t kHotItems{4'096};  // if it ran so many items
constexpr std::uint64_t kHotShapeTimes{4};
constexpr std::uint64_t kHitHeaderBytes{16};  // in front of the records of a hit buffer
constexpr std::uint64_t kHitBytes{16};
constexpr std::uint64_t kWholeBps{10'000};

std::uint32_t saturated(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

std::uint64_t saturated_sum(std::uint64_t a, std::uint64_t b) noexcept {
  return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

std::uint32_t hot_ops(std::span<const OpActivity> ops) noexcept {
  std::uint64_t all = 0;
  for (const OpActivity& op : ops) all = saturated_sum(all, op.steps);
  if (all == 0) return 0;
  return saturated(
      static_cast<std::uint64_t>(std::count_if(ops.begin(), ops.end(), [all](const OpActivity& op) {
        // steps * 32 >= all, without a product
        return op.items >= kHotItems && op.steps >= all / kHotShare + (all % kHotShare != 0);
      })));
}

/// 0 means that nothing is known, so a share of almost nothing is 1.
std::uint16_t share_bps(std::uint64_t part, std::uint64_t whole) noexcept {
  if (whole == 0) return 0;
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  return static_cast<std::uint16_t>(std::clamp(share * kWholeBps, 1.0, double{kWholeBps}));
}

std::uint32_t hit_capacity(const std::optional<std::uint64_t>& bytes) noexcept {
  if (!bytes || *bytes < kHitHeaderBytes + kHitBytes) return 0;
  return saturated((*bytes - kHitHeaderBytes) / kHitBytes);
}

}  // namespace

MegakernelLaunchRequest launch_request(const LaunchSignals& s) noexcept {
  MegakernelLaunchRequest r;
  const std::uint64_t planned = s.plan != nullptr ? s.plan->members.size() : 0;
  r.queue_len = saturated(saturated_sum(s.items_not_ended, planned));
  r.requested_worker_groups = s.worker_groups;
  r.max_workgroup_size_x = s.items_a_group;
  r.max_compute_workgroups_per_dimension = s.most_groups;
  r.max_compute_invocations_per_workgroup = s.threads_a_group;
  r.requested_hit_capacity = hit_capacity(s.least_hit_buffer_bytes);
  r.expected_hits_per_item = static_cast<std::uint32_t>(std::clamp(
      std::ceil(s.mean_hits.value_or(1)), 1.0, double{std::numeric_limits<std::uint32_t>::max()}));
  r.hot_opcode_count = hot_ops(s.ops);
  r.hot_window_count = saturated(static_cast<std::uint64_t>(
      std::count_if(s.shapes.begin(), s.shapes.end(),
                    [](std::uint64_t times) { return times >= kHotShapeTimes; })));
  r.requeue_count = s.requeued;
  r.max_priority_age = s.longest_wait;
  if (s.plan != nullptr) {
    r.graph_node_count = s.plan->regions.size();
    r.graph_edge_count = s.plan->edges;
    r.frontier_density_bps = share_bps(s.plan->ready, s.plan->regions.size());
  } else {
    r.frontier_density_bps = share_bps(s.items_running, s.items_not_ended);
  }
  r.resident_device_bytes = s.resident_bytes;
  r.device_memory_budget_bytes = s.budget_bytes;
  return r;
}

Result<MegakernelLaunchPlan> LaunchHistory::decide(const MegakernelLaunchRequest& request,
                                                   const MegakernelLaunchPolicy& policy) {
  auto plan = plan_launch(request, previous_, policy);
  if (!plan) {
    ++counts_.refused;
    return plan;
  }
  note(*plan);
  return plan;
}

void LaunchHistory::note(const MegakernelLaunchPlan& plan) {
  ++counts_.decisions;
  ++counts_.topologies[static_cast<std::size_t>(plan.topology)];
  ++counts_.pressures[static_cast<std::size_t>(plan.pressure)];
  ++counts_.modes[static_cast<std::size_t>(plan.execution_mode)];
  if (plan.topology == Topology::Empty) {
    previous_.reset();
  } else {
    previous_ = plan.topology;
    last_ = plan;
  }
}

void LaunchHistory::Counts::add(const Counts& other) noexcept {
  const auto sum = [](auto& into, const auto& from) {
    for (std::size_t i = 0; i < into.size(); ++i) into[i] += from[i];
  };
  sum(topologies, other.topologies);
  sum(pressures, other.pressures);
  sum(modes, other.modes);
  decisions += other.decisions;
  refused += other.refused;
}

}  // namespace vyre::planner
