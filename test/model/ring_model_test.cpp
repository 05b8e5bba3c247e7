// The rings under the seeded scheduler: nothing lost, nothing twice, nothing torn, nothing waits
// for ever. A failure prints VYRE_SEED; with that variable set the one execution runs again.
#include <gtest/gtest.h>

#include "model/ring_scenario.hpp"

namespace vyre::model {
namespace {

void expect_good_randomly(const RingSetup& setup, std::uint64_t runs) {
  RingScenario<ModelAtomics> scenario{setup};
  const Exploration found = explore_randomly(scenario, runs);
  EXPECT_TRUE(found.good()) << describe(found);
}

TEST(RingModel, TwoProducersManyLapsOfTwoSlots) {
  expect_good_randomly({.producers = 2, .items_each = 6, .batch = 2}, 1500);
}

TEST(RingModel, ProducersThatPublishInRuns) {
  expect_good_randomly({.slots = 4,
                        .completion_slots = 4,
                        .producers = 3,
                        .items_each = 5,
                        .batch = 3,
                        .runs = true},
                       1500);
}

TEST(RingModel, FourProducersOneByOne) {
  expect_good_randomly(
      {.slots = 4, .completion_slots = 4, .producers = 4, .items_each = 3, .batch = 1}, 1000);
}

TEST(RingModel, RingOfOneSlotIsStillARing) {
  expect_good_randomly(
      {.slots = 1, .completion_slots = 1, .producers = 2, .items_each = 4, .batch = 1}, 1000);
}

TEST(RingModel, MoreCompletionSlotsThanSlots) {
  expect_good_randomly(
      {.slots = 2, .completion_slots = 4, .producers = 3, .items_each = 4, .batch = 3}, 1000);
}

TEST(RingModel, ItemsThatEndInAnyOrderCompleteOnceOverManyLaps) {
  std::uint64_t out_of_order = 0;
  const std::uint64_t seed = first_seed();
  for (const bool asks_ahead : {false, true}) {
    for (const std::uint32_t completion_slots : {2u, 4u}) {
      RingScenario<ModelAtomics> scenario{{.completion_slots = completion_slots,
                                           .producers = 2,
                                           .items_each = 7,
                                           .workers = 2,
                                           .asks_ahead = asks_ahead}};
      for (std::uint64_t i = 0; i < run_count(600); ++i) {
        RandomChooser chooser{seed + i};
        const Outcome outcome = scenario.run(chooser);
        ASSERT_EQ(outcome.ending, Ending::finished) << outcome.what << " VYRE_SEED=" << seed + i;
        out_of_order += scenario.out_of_order();
      }
    }
  }
  if (std::getenv("VYRE_SEED") == nullptr) {
    EXPECT_GT(out_of_order, 100u) << "the look ahead was hardly ever needed";
  }
}

TEST(RingModel, SingleProducerNeedsNoClaims) {
  expect_good_randomly({.producers = 1, .items_each = 12, .workers = 2, .owned = true}, 800);
}

TEST(RingModel, EveryScheduleOfTwoWorkersWithOnePreemption) {
  RingScenario<ModelAtomics> scenario{
      {.completion_slots = 4, .producers = 1, .items_each = 4, .workers = 2}};
  const Exploration found = explore_systematically(scenario, 1, 1, 200'000);
  EXPECT_TRUE(found.good()) << describe(found);
  EXPECT_TRUE(found.exhausted) << "not every schedule was tried in " << found.runs << " executions";
  RecordProperty("executions", std::to_string(found.runs));
}

TEST(RingModel, LowHalfOfThePositionWraps) {
  expect_good_randomly(
      {.producers = 2, .items_each = 4, .first_position = (std::uint64_t{1} << 32) - 3}, 1000);
}

TEST(RingModel, PositionsNearTheirEndStillHaveAFreeClosedBit) {
  expect_good_randomly(
      {.producers = 2, .items_each = 4, .first_position = (std::uint64_t{1} << 63) - 64}, 600);
}

TEST(RingModel, DeadlineInAFullRingTakesNothing) {
  const RingSetup setup{.producers = 3, .items_each = 4, .batch = 1, .impatient = true};
  RingScenario<ModelAtomics> scenario{setup};
  std::uint64_t rejected = 0;
  const std::uint64_t seed = first_seed();
  for (std::uint64_t i = 0; i < run_count(1000); ++i) {
    RandomChooser chooser{seed + i};
    const Outcome outcome = scenario.run(chooser);
    ASSERT_EQ(outcome.ending, Ending::finished) << outcome.what << " VYRE_SEED=" << seed + i;
    rejected += scenario.rejected();
  }
  if (std::getenv("VYRE_SEED") == nullptr) {
    EXPECT_GT(rejected, 0u) << "the scenario never filled the ring";
  }
}

TEST(RingModel, ShutdownAtEveryStep) {
  std::uint64_t refused = 0;
  std::uint64_t accepted = 0;
  for (std::uint32_t step = 1; step <= 30; ++step) {
    const RingSetup setup{.producers = 3, .items_each = 3, .close_after_steps = step};
    RingScenario<ModelAtomics> scenario{setup};
    const std::uint64_t seed = first_seed();
    for (std::uint64_t i = 0; i < run_count(80); ++i) {
      RandomChooser chooser{seed + i};
      const Outcome outcome = scenario.run(chooser);
      ASSERT_EQ(outcome.ending, Ending::finished)
          << outcome.what << " step " << step << " VYRE_SEED=" << seed + i;
      refused += scenario.closed_out();
      accepted += scenario.accepted();
    }
  }
  if (std::getenv("VYRE_SEED") == nullptr) {
    EXPECT_GT(refused, 0u);
    EXPECT_GT(accepted, 0u);
  }
}

TEST(RingModel, EveryScheduleWithTwoPreemptions) {
  const RingSetup setup{.producers = 2, .items_each = 2, .batch = 2};
  RingScenario<ModelAtomics> scenario{setup};
  const Exploration found = explore_systematically(scenario, 2, 0, 200'000);
  EXPECT_TRUE(found.good()) << describe(found);
  EXPECT_TRUE(found.exhausted) << "not every schedule was tried in " << found.runs << " executions";
  RecordProperty("executions", std::to_string(found.runs));
}

TEST(RingModel, EveryScheduleWithOnePreemptionAndOneStaleRead) {
  const RingSetup setup{.producers = 2, .items_each = 2, .batch = 1};
  RingScenario<ModelAtomics> scenario{setup};
  const Exploration found = explore_systematically(scenario, 1, 1, 200'000);
  EXPECT_TRUE(found.good()) << describe(found);
  EXPECT_TRUE(found.exhausted) << "not every schedule was tried in " << found.runs << " executions";
  RecordProperty("executions", std::to_string(found.runs));
}

}  // namespace
}  // namespace vyre::model
