// Producers that are late or never come back, at every step of theirs, with a reaper that may act
// at any time.
#include <gtest/gtest.h>

#include "model/ring_scenario.hpp"

namespace vyre::model {
namespace {

/// Items that are published one by one, and in runs.
class AbandonModel : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Runs, AbandonModel, ::testing::Bool());

TEST_P(AbandonModel, LateProducerAndReaperAgreeOnEverySlot) {
  const RingSetup setup{
      .producers = 2, .items_each = 4, .batch = 2, .reaper = true, .runs = GetParam()};
  RingScenario<ModelAtomics> scenario{setup};
  std::uint64_t reaped = 0;
  std::uint64_t accepted = 0;
  const std::uint64_t seed = first_seed();
  for (std::uint64_t i = 0; i < run_count(2000); ++i) {
    RandomChooser chooser{seed + i};
    const Outcome outcome = scenario.run(chooser);
    ASSERT_EQ(outcome.ending, Ending::finished) << outcome.what << " VYRE_SEED=" << seed + i;
    reaped += scenario.reaped();
    accepted += scenario.accepted();
  }
  if (std::getenv("VYRE_SEED") == nullptr) {
    EXPECT_GT(reaped, 0u) << "the reaper never won";
    EXPECT_GT(accepted, reaped) << "the producers never won";
  }
}

TEST_P(AbandonModel, EveryScheduleWithTwoPreemptionsAndAReaper) {
  const RingSetup setup{
      .producers = 1, .items_each = 3, .batch = 2, .reaper = true, .runs = GetParam()};
  RingScenario<ModelAtomics> scenario{setup};
  const Exploration found = explore_systematically(scenario, 2, 0, 200'000);
  EXPECT_TRUE(found.good()) << describe(found);
  EXPECT_TRUE(found.exhausted) << "not every schedule was tried in " << found.runs << " executions";
}

// The producer dies before its access number k, for every k. Only between its first claim and its
// last store does that leave a slot that nobody can use; AbandonWatch then names the queue wedged.
// Everywhere else everything ends.
TEST_P(AbandonModel, ProducerThatDiesAtAnyStepHoldsNobodyUp) {
  const RingSetup setup{
      .producers = 2, .items_each = 3, .batch = 2, .reaper = true, .runs = GetParam()};
  RingScenario<ModelAtomics> scenario{setup};
  std::uint64_t killed_and_ended = 0;
  std::uint64_t wedged = 0;
  const std::uint64_t seed = first_seed();
  for (std::uint32_t step = 0; step < 36; ++step) {
    for (std::uint64_t i = 0; i < run_count(50); ++i) {
      RandomChooser chooser{seed + i};
      const Outcome outcome = scenario.run(chooser, {.thread = 0, .at_step = step});
      if (outcome.ending == Ending::stuck && scenario.wedged()) {
        ++wedged;
        continue;
      }
      ASSERT_EQ(outcome.ending, Ending::finished)
          << outcome.what << " step " << step << " VYRE_SEED=" << seed + i;
      ++killed_and_ended;
    }
  }
  EXPECT_GT(killed_and_ended, 0u);
  // One publication has 5 accesses, of which 4 lie between claim and last store, and a run of two
  // has 9 of 10 there; a reservation has 2 to 8 more.
  EXPECT_LT(wedged, (GetParam() ? 4 : 2) * killed_and_ended);
}

}  // namespace
}  // namespace vyre::model
