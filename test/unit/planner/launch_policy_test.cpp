#include "planner/launch_policy.hpp"

#include <gtest/gtest.h>

#include <random>

namespace vyre::planner {
namespace {

MegakernelLaunchRequest device() {
  MegakernelLaunchRequest r;
  r.queue_len = 100;
  r.max_workgroup_size_x = 256;
  r.max_compute_workgroups_per_dimension = 65'535;
  r.max_compute_invocations_per_workgroup = 1'024;
  return r;
}

MegakernelLaunchPlan plan(const MegakernelLaunchRequest& r,
                          std::optional<Topology> previous = std::nullopt) {
  const auto planned = plan_launch(r, previous);
  EXPECT_TRUE(planned) << planned.error().message;
  return planned.value_or(MegakernelLaunchPlan{});
}

Topology at_density(std::uint16_t bps, std::optional<Topology> previous = std::nullopt) {
  auto r = device();
  r.frontier_density_bps = bps;
  return plan(r, previous).topology;
}

TEST(LaunchPolicy, TopologyFollowsTheFirstRuleThatApplies) {
  auto r = device();
  r.queue_len = 0;
  r.memory_pressure_bps = 10'000;
  EXPECT_EQ(plan(r).topology, Topology::Empty);  // an empty queue wins over pressure
  r.queue_len = 1;
  EXPECT_EQ(plan(r).topology, Topology::MemoryConstrained);
  EXPECT_EQ(at_density(500), Topology::SparseFrontier);
  EXPECT_EQ(at_density(501), Topology::HybridFrontier);
  EXPECT_EQ(at_density(3'999), Topology::HybridFrontier);
  EXPECT_EQ(at_density(4'000), Topology::DenseFrontier);
}

TEST(LaunchPolicy, FusedDenseNeedsNodesEdgesAndHotness) {
  auto r = device();
  r.frontier_density_bps = 5'000;
  r.graph_node_count = 10;
  r.graph_edge_count = 65'536;
  r.hot_opcode_count = 8;
  EXPECT_EQ(plan(r).topology, Topology::FusedDense);
  EXPECT_EQ(plan(r).execution_mode, ExecutionMode::Jit);
  r.graph_edge_count = 65'535;
  EXPECT_EQ(plan(r).topology, Topology::DenseFrontier);
  r.graph_edge_count = 65'536;
  r.hot_opcode_count = 7;
  EXPECT_EQ(plan(r).topology, Topology::DenseFrontier);
  r.hot_window_count = 4;
  EXPECT_EQ(plan(r).topology, Topology::FusedDense);
  r.graph_node_count = 0;
  EXPECT_EQ(plan(r).topology, Topology::DenseFrontier);
}

TEST(LaunchPolicy, HysteresisHoldsATopologyUntilTheSignalHasClearlyMoved) {
  EXPECT_EQ(at_density(750, Topology::SparseFrontier), Topology::SparseFrontier);
  EXPECT_EQ(at_density(751, Topology::SparseFrontier), Topology::HybridFrontier);
  EXPECT_EQ(at_density(250, Topology::HybridFrontier), Topology::HybridFrontier);
  EXPECT_EQ(at_density(249, Topology::HybridFrontier), Topology::SparseFrontier);
  EXPECT_EQ(at_density(4'250, Topology::HybridFrontier), Topology::HybridFrontier);
  EXPECT_EQ(at_density(4'251, Topology::HybridFrontier), Topology::DenseFrontier);
  EXPECT_EQ(at_density(3'750, Topology::DenseFrontier), Topology::DenseFrontier);
  EXPECT_EQ(at_density(3'749, Topology::DenseFrontier), Topology::HybridFrontier);
  EXPECT_EQ(at_density(3'750, Topology::FusedDense), Topology::HybridFrontier);  // no longer hot
  auto r = device();
  r.frontier_density_bps = 5'000;
  r.memory_pressure_bps = 8'250;
  EXPECT_EQ(plan(r, Topology::MemoryConstrained).topology, Topology::MemoryConstrained);
  r.memory_pressure_bps = 8'249;
  EXPECT_EQ(plan(r, Topology::MemoryConstrained).topology, Topology::DenseFrontier);
}

TEST(LaunchPolicy, MemoryPressureShedsBetweenAQuarterAndAHalfOfTheWorkers) {
  auto r = device();
  r.requested_worker_groups = 1'000;
  r.memory_pressure_bps = 8'500;
  EXPECT_EQ(plan(r).worker_groups, 750u);
  r.memory_pressure_bps = 10'000;
  EXPECT_EQ(plan(r).worker_groups, 500u);
  r.memory_pressure_bps = 9'250;
  EXPECT_EQ(plan(r).worker_groups, 625u);
  r.requested_worker_groups = 1;
  EXPECT_EQ(plan(r).worker_groups, 1u);
}

TEST(LaunchPolicy, SparseFrontierScalesWorkersDownToThirtyTwo) {
  auto r = device();
  r.requested_worker_groups = 1'000;
  r.graph_node_count = 1'000'000;
  r.frontier_density_bps = 250;
  EXPECT_EQ(plan(r).worker_groups, 500u);
  r.frontier_density_bps = 1;
  EXPECT_EQ(plan(r).worker_groups, 32u);
  r.requested_worker_groups = 8;
  EXPECT_EQ(plan(r).worker_groups, 8u);
  r.requested_worker_groups = 1'000;
  r.graph_node_count = 0;  // without a graph there is nothing to scale by
  EXPECT_EQ(plan(r).worker_groups, 1'000u);
}

TEST(LaunchPolicy, SignalsAreInferredOnlyWhenTheyAreAbsent) {
  auto r = device();
  r.graph_node_count = 1'000;
  EXPECT_EQ(plan(r).frontier_density_bps, 1'000);
  r.graph_node_count = 50;
  EXPECT_EQ(plan(r).frontier_density_bps, 10'000);
  r.graph_node_count = 100'000'000;
  EXPECT_EQ(plan(r).frontier_density_bps, 1);
  r.frontier_density_bps = 77;
  EXPECT_EQ(plan(r).frontier_density_bps, 77);
  r.resident_device_bytes = 1u << 20;
  r.device_memory_budget_bytes = 1u << 22;
  EXPECT_EQ(plan(r).memory_pressure_bps, 2'500);
}

TEST(LaunchPolicy, HitCapacityDoublesWithoutPressureAndHasAFloor) {
  auto r = device();
  EXPECT_EQ(plan(r).hit_capacity, 1'024u);
  r.queue_len = 1'000;
  r.expected_hits_per_item = 3;
  EXPECT_EQ(plan(r).hit_capacity, 6'000u);
  r.memory_pressure_bps = 9'000;
  EXPECT_EQ(plan(r).hit_capacity, 3'000u);
  r.requested_hit_capacity = 5;
  EXPECT_EQ(plan(r).hit_capacity, 5u);
}

TEST(LaunchPolicy, HitCapacityBeyondU32IsAnErrorAndNotAWrappedNumber) {
  auto r = device();
  r.queue_len = 1u << 31;
  r.expected_hits_per_item = 1;
  const auto refused = plan_launch(r);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
}

TEST(LaunchPolicy, EstimateOverTheBudgetNamesRequestedAndAvailable) {
  auto r = device();
  r.requested_hit_capacity = 1'000;
  r.resident_device_bytes = 100;
  r.device_memory_budget_bytes = 16'100;
  EXPECT_EQ(plan(r).estimated_peak_device_bytes, 16'100u);
  r.device_memory_budget_bytes = 16'099;
  const auto refused = plan_launch(r);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::out_of_memory);
  EXPECT_NE(refused.error().message.find("16100"), std::string::npos);
  EXPECT_NE(refused.error().message.find("16099"), std::string::npos);
}

TEST(LaunchPolicy, ZeroDeviceLimitIsNamed) {
  for (const auto& [name, member] :
       {std::pair{"max_workgroup_size_x", &MegakernelLaunchRequest::max_workgroup_size_x},
        std::pair{"max_compute_workgroups_per_dimension",
                  &MegakernelLaunchRequest::max_compute_workgroups_per_dimension},
        std::pair{"max_compute_invocations_per_workgroup",
                  &MegakernelLaunchRequest::max_compute_invocations_per_workgroup}}) {
    auto r = device();
    r.*member = 0;
    const auto refused = plan_launch(r);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
    EXPECT_NE(refused.error().message.find(name), std::string::npos);
  }
}

TEST(LaunchPolicy, SizesCoverTheQueueAndPressureCountsWaves) {
  auto r = device();
  r.requested_worker_groups = 8;
  r.queue_len = 17;
  const auto p = plan(r);
  EXPECT_EQ(p.workgroup_size_x, 8u);
  EXPECT_EQ(p.slot_count, 24u);
  EXPECT_EQ(p.dispatch_grid, (std::array<std::uint32_t, 3>{3, 1, 1}));
  EXPECT_EQ(p.pressure, Pressure::Light);  // 17 < 24 lanes
  r.queue_len = 64;
  EXPECT_EQ(plan(r).pressure, Pressure::Balanced);
  r.queue_len = 256;
  EXPECT_EQ(plan(r).pressure, Pressure::Saturated);
  r.queue_len = 1;
  r.requeue_count = 1;
  EXPECT_EQ(plan(r).pressure, Pressure::Saturated);
  EXPECT_TRUE(plan(r).age_priority_work);
}

TEST(LaunchPolicy, WorkersComeFromTheDeviceWhenNoneAreAskedFor) {
  auto r = device();
  EXPECT_EQ(plan(r).worker_groups, 255u);
  r.max_compute_workgroups_per_dimension = 300;
  EXPECT_EQ(plan(r).worker_groups, 1u);
  r.max_compute_invocations_per_workgroup = 4'096;
  EXPECT_EQ(plan(r).worker_groups, 64u);
  r.max_compute_workgroups_per_dimension = 16;
  EXPECT_EQ(plan(r).worker_groups, 16u);  // clamped to what the device allows
}

// Any request either fails with one of the three named errors or gives a plan that is usable as it
// stands.
TEST(LaunchPolicy, EveryPlanIsWithinTheLimitsOfItsRequest) {
  const std::uint32_t seed = 20'261'122;
  std::mt19937_64 random(seed);
  const auto skewed = [&] { return static_cast<std::uint32_t>(random() >> (random() % 64)); };
  int plans = 0;
  for (int i = 0; i < 20'000; ++i) {
    MegakernelLaunchRequest r;
    r.queue_len = skewed();
    r.requested_worker_groups = skewed() % 5'000;
    r.max_workgroup_size_x = skewed();
    r.max_compute_workgroups_per_dimension = skewed();
    r.max_compute_invocations_per_workgroup = skewed();
    r.requested_hit_capacity = skewed();
    r.expected_hits_per_item = skewed() % 100;
    r.hot_opcode_count = skewed() % 16;
    r.graph_node_count = random() >> (random() % 64);
    r.graph_edge_count = random() >> (random() % 64);
    r.frontier_density_bps = static_cast<std::uint16_t>(random() % 10'001);
    r.memory_pressure_bps = static_cast<std::uint16_t>(random() % 10'001);
    r.resident_device_bytes = random() >> (random() % 64);
    r.device_memory_budget_bytes = i % 2 == 0 ? 0 : random() >> (random() % 64);
    const auto planned = plan_launch(r, static_cast<Topology>(random() % 6));
    if (!planned) continue;
    ++plans;
    ASSERT_TRUE(r.device_memory_budget_bytes == 0 ||
                planned->estimated_peak_device_bytes <= r.device_memory_budget_bytes)
        << "seed " << seed << " case " << i;
    ASSERT_LE(planned->frontier_density_bps, 10'000) << "seed " << seed << " case " << i;
    ASSERT_LE(planned->memory_pressure_bps, 10'000) << "seed " << seed << " case " << i;
    ASSERT_GE(planned->worker_groups, 1u) << "seed " << seed << " case " << i;
    ASSERT_LE(planned->worker_groups, r.max_compute_workgroups_per_dimension)
        << "seed " << seed << " case " << i;
    ASSERT_LE(planned->workgroup_size_x, r.max_workgroup_size_x)
        << "seed " << seed << " case " << i;
    // Rounding up saturates at the end of 32 bits: then at most a workgroup is missing.
    ASSERT_GE(planned->slot_count,
              std::min(r.queue_len, 0xFFFF'FFFFu - (planned->workgroup_size_x - 1)))
        << "seed " << seed << " case " << i;
    ASSERT_GE(planned->dispatch_grid[0], 1u) << "seed " << seed << " case " << i;
    ASSERT_LE(planned->dispatch_grid[0], 1'024u) << "seed " << seed << " case " << i;
  }
  EXPECT_GT(plans, 1'000);
}

TEST(LaunchPolicy, WorkersDerivedFromTheDeviceAreNeitherShedNorScaled) {
  auto r = device();
  r.memory_pressure_bps = 10'000;
  EXPECT_EQ(plan(r).worker_groups, 255u);
  r.memory_pressure_bps = 0;
  r.graph_node_count = 1'000'000;
  r.frontier_density_bps = 100;
  EXPECT_EQ(plan(r).worker_groups, 255u);
}

TEST(LaunchPolicy, RequestedWorkersAreShedAndScaledBeforeTheDeviceClampsThem) {
  auto r = device();
  r.requested_worker_groups = 1'000;
  r.max_compute_workgroups_per_dimension = 400;
  r.memory_pressure_bps = 10'000;
  EXPECT_EQ(plan(r).worker_groups, 400u);  // 500 of 1,000, clamped
  r.memory_pressure_bps = 0;
  r.graph_node_count = 1'000'000;
  r.frontier_density_bps = 250;
  EXPECT_EQ(plan(r).worker_groups, 400u);
  r.frontier_density_bps = 100;
  EXPECT_EQ(plan(r).worker_groups, 200u);
}

TEST(LaunchPolicy, PeakBytesBeyond64BitsAreAnErrorWithAndWithoutABudget) {
  auto r = device();
  r.resident_device_bytes = ~std::uint64_t{0} - 16'383;
  for (const std::uint64_t budget : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    r.device_memory_budget_bytes = budget;
    const auto refused = plan_launch(r);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
    EXPECT_NE(refused.error().message.find("peak device bytes"), std::string::npos);
  }
  r.device_memory_budget_bytes = 0;
  --r.resident_device_bytes;
  EXPECT_EQ(plan(r).estimated_peak_device_bytes, ~std::uint64_t{0});
}

TEST(LaunchPolicy, FusedDenseIsKeptWithoutNodesWhileEdgesAndHotnessQualify) {
  auto r = device();
  r.frontier_density_bps = 3'750;
  r.graph_edge_count = 65'536;
  r.hot_opcode_count = 8;
  EXPECT_EQ(plan(r, Topology::FusedDense).topology, Topology::FusedDense);
  r.graph_edge_count = 65'535;
  EXPECT_EQ(plan(r, Topology::FusedDense).topology, Topology::HybridFrontier);
}

TEST(LaunchPolicy, SlotsNearTheEndOf32BitsAreRoundedDown) {
  auto r = device();
  r.queue_len = 0xFFFF'FFFFu;
  r.requested_worker_groups = 200;
  r.requested_hit_capacity = 1;
  EXPECT_EQ(plan(r).slot_count, 0xFFFF'FFFFu / 200 * 200);
}

TEST(LaunchPolicy, PressureOfHugeBuffersIsTheirRatioAndNotASaturatedOne) {
  auto r = device();
  r.resident_device_bytes = std::uint64_t{1} << 62;
  r.device_memory_budget_bytes = std::uint64_t{1} << 63;
  EXPECT_EQ(plan(r).memory_pressure_bps, 5'000);
}

TEST(LaunchPolicy, ADensityThatSwingsBy200AroundTheThresholdNeverChangesTheTopology) {
  for (const std::uint16_t threshold : {500, 4'000}) {
    std::optional<Topology> topology;
    int changes = 0;
    for (int i = 0; i < 400; ++i) {
      const int swing = i % 2 == 0 ? -200 : 200;
      auto r = device();
      r.frontier_density_bps = static_cast<std::uint16_t>(threshold + swing);
      const Topology next = plan(r, topology).topology;
      if (topology && next != *topology) ++changes;
      topology = next;
    }
    EXPECT_EQ(changes, 0) << threshold;
  }
}

}  // namespace
}  // namespace vyre::planner
