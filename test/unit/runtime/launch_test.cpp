// The launch policy in a live session: what it measures, what it decides, and what it sets. Every
// topology is reached by what the backend measures, and counts are compared with the test's own.
#include "launch_fixture.hpp"

#include <string>
#include <thread>

#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

using Launch = LaunchByHand;

TEST_F(Launch, ASessionThatDecidedNothingReportsNull) {
  open();
  const auto document = session->report();
  EXPECT_FALSE(document.planner.has_value());
  const MegakernelTelemetry& t = document.report.telemetry;
  EXPECT_FALSE(t.topology || t.pressure || t.frontier_density_bps || t.hit_capacity ||
               t.estimated_peak_device_bytes || t.occupancy_proxy_bps);
}

TEST_F(Launch, EmptyAndEachFrontierFollowFromTheItemsThatHaveWorkers) {
  open();
  decide();
  EXPECT_FALSE(topology().has_value()) << "a decision that finds nothing to do is not shown";
  EXPECT_EQ(decisions().topologies.empty, 1u);
  submit_nops(1'000);
  for (const auto& [running, wanted] :
       {std::pair(30, Topology::SparseFrontier), std::pair(200, Topology::HybridFrontier),
        std::pair(500, Topology::DenseFrontier), std::pair(20, Topology::SparseFrontier)}) {
    backend->running = static_cast<std::uint64_t>(running);
    decide();
    EXPECT_EQ(topology(), wanted) << running;
    EXPECT_EQ(telemetry().frontier_density_bps, running * 10);
  }
  backend->end_all(0);
  decide();
  EXPECT_EQ(topology(), Topology::SparseFrontier) << "the last that was not Empty";
  EXPECT_EQ(decisions().topologies.empty, 2u);
}

TEST_F(Launch, FusedDenseNeedsAPlanWithManyEdgesAndHotOps) {
  open();
  std::vector<std::uint32_t> ops;
  for (int i = 0; i < 8; ++i) {
    const auto program = vir::assemble(program_of_words(static_cast<std::uint32_t>(i) + 1));
    ASSERT_OK(program);
    const auto op = session->register_program("op" + std::to_string(i), *program);
    ASSERT_OK(op);
    ops.push_back(op->id);
  }
  decide();
  for (const std::uint32_t op : ops) {
    const std::vector<MegakernelWorkItem> items(4'096, {op, 0, 0, 0});
    ASSERT_EQ(session->submit_many(items, now()).accepted, items.size());
    backend->end_all(0);
    (void)session->report();  // looks at what has ended, and waits for nothing
  }
  backend->steps_of_each = 1'000'000;
  // 300 items wait for none, and 437 for 150 of these each.
  std::vector<Handle> read;
  std::vector<MegakernelWorkItem> items;
  for (int i = 0; i < 300; ++i) {
    read.push_back(*session->allocate(4));
    items.push_back({kFill, 0, read.back().id, 0});
  }
  read.resize(150);
  const auto set = session->bind(read);
  ASSERT_OK(set);
  for (int i = 0; i < 437; ++i) items.push_back({kCopy, set->id, session->allocate(4)->id, 0});
  const auto plan = session->plan(items, {.dedupe = false});
  ASSERT_OK(plan);
  ASSERT_OK(session->submit(*plan, now()));
  EXPECT_EQ(topology(), Topology::FusedDense);
  EXPECT_EQ(asked().back().graph_node_count, 737u);
  EXPECT_EQ(asked().back().graph_edge_count, 437u * 150);
  EXPECT_EQ(asked().back().hot_opcode_count, 8u);
  EXPECT_EQ(asked().back().queue_len, 737u);
  EXPECT_EQ(asked().back().frontier_density_bps, 300 * 10'000 / 737);
  EXPECT_EQ(act("fused_dense").applied, 1u);
  EXPECT_EQ(act("execution_mode").refused, 1u);
  EXPECT_EQ(act("execution_mode").why_refused, "no compiled form of a program is kept");
  EXPECT_EQ(decisions().modes.jit, 1u) << "a wish, which is counted";
  EXPECT_FALSE(telemetry().execution_mode == ExecutionMode::Jit) << "what ran is another matter";
}

TEST_F(Launch, ADensityThatSwingsAroundAThresholdNeverChangesTheTopology) {
  open();
  submit_nops(1'000);
  for (const auto& [first, wanted] :
       {std::pair(30u, Topology::SparseFrontier), std::pair(200u, Topology::HybridFrontier)}) {
    backend->running = first;
    decide();
    const auto before = decisions();
    for (int swing = 0; swing < 100; ++swing) {
      backend->running = swing % 2 == 0 ? 70 : 30;  // 500 bps, and 200 to either side
      decide();
      ASSERT_EQ(topology(), wanted) << swing;
    }
    EXPECT_EQ(decisions().decisions, before.decisions + 100);
  }
}

TEST_F(Launch, AnEmptyQueueForgetsItsTopologyAndAnotherQueueKeepsIts) {
  SessionOptions options = test_options(1);
  options.queues = 2;
  open(options);
  submit_nops(1'000, 0);
  submit_nops(1'000, 1);
  backend->running = 30;
  decide();
  backend->end_all(0);
  decide();
  submit_nops(1'000, 0);
  backend->running = 70;  // hybrid, unless the queue was sparse before
  const auto before = decisions().topologies;
  decide();
  const auto after = decisions().topologies;
  EXPECT_EQ(after.hybrid_frontier, before.hybrid_frontier + 1);
  EXPECT_EQ(after.sparse_frontier, before.sparse_frontier + 1);
}

TEST_F(Launch, SignalsAreWhatTheSessionAndTheBackendMeasured) {
  SessionOptions options = test_options(1);
  options.memory_budget_bytes = 1'000'000;
  open(options);
  ASSERT_OK(session->upload(Bytes(300'000, 1)));
  submit_nops(40);
  backend->running = 10;
  decide();
  ASSERT_EQ(asked().size(), 1u);
  const MegakernelLaunchRequest request = asked().back();
  EXPECT_EQ(request.queue_len, 40u);
  EXPECT_EQ(request.requested_worker_groups, PolicyBackend::kGroups);
  EXPECT_EQ(request.max_workgroup_size_x, 1u);
  EXPECT_EQ(request.max_compute_workgroups_per_dimension, PolicyBackend::kGroups);
  EXPECT_EQ(request.graph_node_count, 0u);
  EXPECT_EQ(request.frontier_density_bps, 2'500);
  EXPECT_EQ(request.resident_device_bytes, 300'000u);
  EXPECT_EQ(request.device_memory_budget_bytes, 1'000'000u);
  EXPECT_EQ(request.expected_hits_per_item, 1u);
  const MegakernelTelemetry t = telemetry();
  EXPECT_EQ(t.hit_capacity, 1'024u);
  EXPECT_EQ(t.estimated_peak_device_bytes, 300'000u + 16 * 1'024);
  EXPECT_EQ(t.pressure, Pressure::Saturated) << "40 items, and 8 at once";
}

TEST_F(Launch, WhatIsDecidedIsSetUntilMoreComes) {
  SessionOptions options = test_options(1);
  options.queues = 2;
  open(options);
  submit_nops(3, 1);
  decide();
  EXPECT_EQ(backend->awake().now, 3u) << "as many as there are items";
  EXPECT_EQ(backend->awake().until, 3u);
  EXPECT_EQ(backend->awake().then, PolicyBackend::kGroups);
  EXPECT_EQ(backend->window(0).until, 0u) << "an empty queue has no window";
  EXPECT_EQ(backend->window(1).items, 3u);
  EXPECT_EQ(backend->window(1).until, 3u);
  submit_nops(20, 0);
  decide();
  EXPECT_EQ(backend->awake().now, PolicyBackend::kGroups) << "the most that any queue wants";
  EXPECT_EQ(backend->awake().until, 23u);
  EXPECT_EQ(backend->window(0).items, 20u);
  backend->end_all(0);
  backend->end_all(1);
  decide();
  EXPECT_EQ(backend->awake().now, PolicyBackend::kGroups) << "nothing to limit";
  EXPECT_EQ(backend->window(1).until, 0u);
}

TEST_F(Launch, AWindowIsNeverLargerThanTheRing) {
  SessionOptions options = test_options(1);
  options.ring_slots = 64;
  open(options);
  forced.emplace();
  forced->topology = Topology::DenseFrontier;
  forced->slot_count = 5'000;
  forced->worker_groups = 2;
  submit_nops(10);
  decide();
  EXPECT_EQ(backend->window(0).items, 64u);
  EXPECT_EQ(backend->awake().now, 1u) << "of the grid";
  EXPECT_EQ(backend->awake().then, 2u);
}

TEST_F(Launch, EveryDecisionIsCountedAsWhatItWas) {
  SessionOptions options = test_options(1);
  options.queues = 2;
  options.memory_budget_bytes = 1'000'000;
  open(options);
  Random random(7);
  std::vector<Handle> held;
  for (int step = 0; step < 300; ++step) {
    switch (random.below(6)) {
      case 0:
        submit_nops(1 + random.below(200), random.below(2));
        break;
      case 1:
        backend->end_all(random.below(2));
        break;
      case 2:
        backend->running = random.below(30);
        break;
      case 3:
      case 4:
        if (auto made = session->allocate(82'000 + random.below(9'000), now()))
          held.push_back(*made);
        break;
      default:
        if (!held.empty()) {
          ASSERT_OK(session->release(held.back(), now()));
          held.pop_back();
        }
    }
    if (random.below(2) == 0) decide();
  }
  for (const Handle buffer : held) ASSERT_OK(session->release(buffer, now()));
  ASSERT_OK(session->allocate(990'000, now()));
  submit_nops(1);
  decide();  // no launch fits
  const auto counted = decisions();
  const auto words = [](const report::DecisionCounts& d) {
    const auto& t = d.topologies;
    const auto& p = d.pressures;
    return std::vector{d.decisions,
                       d.refused,
                       t.empty,
                       t.sparse_frontier,
                       t.hybrid_frontier,
                       t.dense_frontier,
                       t.fused_dense,
                       t.memory_constrained,
                       p.empty,
                       p.light,
                       p.balanced,
                       p.saturated,
                       d.modes.interpreter,
                       d.modes.jit};
  };
  EXPECT_EQ(words(counted), words(expected()));
  EXPECT_GT(counted.refused, 0u);
  EXPECT_GT(counted.topologies.memory_constrained, 0u);
}

TEST_F(Launch, WhatADecisionAsksForIsCountedAsAppliedOrRefusedWithAReason) {
  for (const bool acts : {true, false}) {
    acts_on_limits = acts;
    open();
    forced.emplace();
    forced->topology = Topology::HybridFrontier;
    forced->worker_groups = 8;
    forced->slot_count = 1'000'000;
    submit_nops(3);
    decide();
    for (const char* output : {"slot_count", "execution_mode", "age_priority_work", "saturated"})
      EXPECT_EQ(act(output).applied + act(output).refused, 0u) << output << " asks for nothing";
    forced->worker_groups = 2;
    forced->slot_count = 5;
    forced->pressure = Pressure::Saturated;
    forced->topology = Topology::MemoryConstrained;
    forced->age_priority_work = true;
    decide();
    EXPECT_EQ(act("hit_capacity").applied, 2u);
    for (const char* output : {"memory_constrained", "saturated"}) {
      EXPECT_EQ(act(output).applied, 1u) << output;
      EXPECT_FALSE(act(output).why_refused) << output;
    }
    EXPECT_EQ(act("age_priority_work").refused, 1u);
    EXPECT_EQ(act("slot_count").applied, acts ? 1u : 0u);
    EXPECT_EQ(act("slot_count").refused, acts ? 0u : 1u);
    EXPECT_EQ(act("worker_groups").applied, acts ? 2u : 0u) << "grid.x is 1 in both";
    EXPECT_EQ(act("worker_groups").why_refused.has_value(), !acts);
    forced.reset();
    backend->end_all(0);
    session.reset();
    backend = nullptr;
  }
}

TEST_F(Launch, OccupancyIsTheMeanOfWhatWorkersWereSeenToDoWhileItemsWereInFlight) {
  open();
  backend->busy_now = 8;
  decide();
  EXPECT_FALSE(telemetry().occupancy_proxy_bps.has_value()) << "nothing was in flight";
  submit_nops(4);
  for (const std::uint32_t busy : {1u, 2u, 3u, 8u}) {
    backend->busy_now = busy;
    decide();
  }
  EXPECT_EQ(telemetry().occupancy_proxy_bps, 14 * 10'000 / (4 * 8));
  backend->end_all(0);
  (void)session->report();
  backend->busy_now = 0;
  decide();
  EXPECT_EQ(telemetry().occupancy_proxy_bps, 14 * 10'000 / (4 * 8));
}

TEST_F(Launch, SubmittedShapesAreHotWhenTheyComeFourTimes) {
  open();
  const Handle a = *session->allocate(4);
  const std::vector<MegakernelWorkItem> one{{kFill, 0, a.id, 1}};
  const auto plan = session->plan(one, {});
  ASSERT_OK(plan);
  for (int times = 0; times < 5; ++times) ASSERT_OK(session->submit(*plan, now()));
  for (const auto& request : asked())
    EXPECT_EQ(request.hot_window_count, 0u) << "single items are no shapes";
}

class ShortMemory : public Launch {
 protected:
  static constexpr std::uint64_t kBudget{1'000'000};
  void SetUp() override {
    SessionOptions options = test_options(1);
    options.memory_budget_bytes = kBudget;
    open(options);
  }
  std::uint64_t evicted() {
    const auto document = session->report();
    return document.caches ? document.caches->inputs.evicted : 0;
  }
  /// Cached inputs that no caller holds.
  void keep_inputs(std::uint8_t count, std::uint64_t bytes) {
    for (std::uint8_t i = 0; i < count; ++i) {
      const auto input = session->upload_cached(Bytes(bytes, i));
      ASSERT_OK(input);
      ASSERT_OK(session->release(*input, now()));
    }
  }
};

TEST_F(ShortMemory, CachedInputsThatNoCallerHoldsGoDownToTheThreshold) {
  keep_inputs(9, 99'000);  // 891,000 bytes: two fifths of one too many
  submit_nops(1);
  EXPECT_EQ(evicted(), 0u);
  decide();
  EXPECT_EQ(topology(), Topology::MemoryConstrained);
  const Deadline until = soon();
  while (evicted() == 0 && Clock::now() < until) std::this_thread::yield();
  for (int again = 0; again < 20; ++again) decide();
  EXPECT_EQ(evicted(), 1u);
  EXPECT_EQ(asked().back().resident_device_bytes, 8u * 99'000);
}

TEST_F(ShortMemory, APlanThatDoesNotFitIsRefusedBeforeAnythingIsAccepted) {
  const Handle large = *session->upload(Bytes(990'000, 1));
  const std::vector<MegakernelWorkItem> items{{kFill, 0, large.id, 1}};
  const auto plan = session->plan(items, {});
  ASSERT_OK(plan);
  const auto refused = session->submit(*plan, now());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::out_of_memory);
  EXPECT_EQ(refused.error().message,
            "the launch plan needs 1006384 bytes of device memory (requested) and the budget "
            "allows 1000000 (available); free resident buffers, lower requested_hit_capacity or "
            "raise the budget");
  EXPECT_EQ(session->totals().accepted, 0u);
  EXPECT_EQ(decisions().refused, 1u);
  EXPECT_FALSE(topology().has_value());
  ASSERT_OK(session->submit(items[0], now())) << "items that are not planned are not refused";
}

TEST_F(ShortMemory, WhatNoCallerHoldsGoesBeforeAPlanIsRefused) {
  keep_inputs(9, 110'000);
  const Handle a = *session->allocate(4);
  const std::vector<MegakernelWorkItem> items{{kFill, 0, a.id, 1}};
  const auto plan = session->plan(items, {});
  ASSERT_OK(plan);
  ASSERT_OK(session->submit(*plan, now()));
  EXPECT_GE(evicted(), 1u);
}

}  // namespace
}  // namespace vyre::runtime::test
