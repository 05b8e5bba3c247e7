// Signals become the request that the page says, and a queue's decisions are counted.
#include "planner/launch_signals.hpp"

#include <gtest/gtest.h>

#include "unit/planner/plans.hpp"

namespace vyre::planner {
namespace {

LaunchSignals busy_device() {
  LaunchSignals s;
  s.items_not_ended = 100;
  s.items_running = 10;
  s.worker_groups = 8;
  s.items_a_group = 16;
  s.most_groups = 8;
  s.threads_a_group = 512;
  return s;
}

TEST(LaunchSignals, WithoutAPlanTheFrontierIsTheShareOfItemsWithWorkers) {
  const auto r = launch_request(busy_device());
  EXPECT_EQ(r.queue_len, 100u);
  EXPECT_EQ(r.graph_node_count, 0u);
  EXPECT_EQ(r.frontier_density_bps, 1'000);
  EXPECT_EQ(r.expected_hits_per_item, 1u);
  EXPECT_EQ(r.requested_hit_capacity, 0u);
  LaunchSignals idle = busy_device();
  idle.items_running = 0;
  EXPECT_EQ(launch_request(idle).frontier_density_bps, 1) << "0 would mean that it is not known";
  idle.items_not_ended = 0;
  EXPECT_EQ(launch_request(idle).frontier_density_bps, 0);
}

TEST(LaunchSignals, APlanBringsItsItemsRegionsEdgesAndReadyRegions) {
  Work work = testing::handing_over();
  work.ops[1].flat = false;
  work.add(1, {3}, {4});
  const Plan plan = testing::plan_of(work, {true, false, false});
  LaunchSignals s = busy_device();
  s.plan = &plan.regions;
  const auto r = launch_request(s);
  EXPECT_EQ(r.queue_len, 103u);
  EXPECT_EQ(r.graph_node_count, 3u);
  EXPECT_EQ(r.graph_edge_count, 1u);
  EXPECT_EQ(r.frontier_density_bps, 6'666);  // two of three wait for nothing
}

TEST(LaunchSignals, HotOpsHaveAThirtySecondOfTheStepsAndEnoughItems) {
  const OpActivity ops[] = {{4'096, 32}, {4'095, 900}, {10'000, 31}, {5'000, 61}};
  LaunchSignals s = busy_device();
  s.ops = ops;  // 1,024 steps: 32 are a 32nd
  EXPECT_EQ(launch_request(s).hot_opcode_count, 2u);
  const std::uint64_t shapes[] = {3, 4, 100};
  s.shapes = shapes;
  EXPECT_EQ(launch_request(s).hot_window_count, 2u);
}

TEST(LaunchSignals, HitBuffersAndMeanHitsGiveTheCapacity) {
  LaunchSignals s = busy_device();
  s.least_hit_buffer_bytes = 16 + 16 * 7 + 15;
  s.mean_hits = 2.1;
  EXPECT_EQ(launch_request(s).requested_hit_capacity, 7u);
  EXPECT_EQ(launch_request(s).expected_hits_per_item, 3u);
  s.least_hit_buffer_bytes = 31;
  EXPECT_EQ(launch_request(s).requested_hit_capacity, 0u);
}

TEST(LaunchSignals, NumbersBeyond32BitsSaturate) {
  LaunchSignals s = busy_device();
  s.items_not_ended = ~std::uint64_t{0};
  s.mean_hits = 1e30;
  s.least_hit_buffer_bytes = ~std::uint64_t{0};
  const auto r = launch_request(s);
  EXPECT_EQ(r.queue_len, 0xFFFF'FFFFu);
  EXPECT_EQ(r.expected_hits_per_item, 0xFFFF'FFFFu);
  EXPECT_EQ(r.requested_hit_capacity, 0xFFFF'FFFFu);
}

TEST(LaunchHistory, TheLastTopologyHoldsUntilTheQueueIsEmpty) {
  auto r = launch_request(busy_device());
  LaunchHistory history;
  EXPECT_FALSE(history.last());
  const auto at = [&](std::uint16_t density) {
    r.frontier_density_bps = density;
    return history.decide(r).value().topology;
  };
  EXPECT_EQ(at(400), Topology::SparseFrontier);
  EXPECT_EQ(at(700), Topology::SparseFrontier) << "hysteresis";
  r.queue_len = 0;
  EXPECT_EQ(at(700), Topology::Empty);
  EXPECT_EQ(history.last()->topology, Topology::SparseFrontier);
  r.queue_len = 100;
  EXPECT_EQ(at(700), Topology::HybridFrontier) << "forgotten";
}

TEST(LaunchHistory, EveryDecisionIsCountedByTopologyPressureAndMode) {
  auto r = launch_request(busy_device());
  LaunchHistory history;
  for (const std::uint32_t items : {0u, 1u, 5'000u}) {
    r.queue_len = items;
    ASSERT_TRUE(history.decide(r));
  }
  r.device_memory_budget_bytes = 1;
  EXPECT_EQ(history.decide(r).error().code, Errc::out_of_memory);
  const auto& counts = history.counts();
  const auto sum = [](const auto& list) {
    std::uint64_t all = 0;
    for (const std::uint64_t one : list) all += one;
    return all;
  };
  EXPECT_EQ(counts.decisions, 3u);
  EXPECT_EQ(counts.refused, 1u);
  EXPECT_EQ(sum(counts.topologies), 3u);
  EXPECT_EQ(sum(counts.pressures), 3u);
  EXPECT_EQ(sum(counts.modes), 3u);
  EXPECT_EQ(counts.topologies[static_cast<std::size_t>(Topology::Empty)], 1u);
  EXPECT_EQ(counts.modes[static_cast<std::size_t>(ExecutionMode::Jit)], 1u);
}

}  // namespace
}  // namespace vyre::planner
