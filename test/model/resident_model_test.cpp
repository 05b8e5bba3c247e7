// The life of the resident kernel under the seeded scheduler: however publishing, parking, ringing
// and closing fall, nothing that is published waits for an item that runs, and nothing is lost. A
// failure prints VYRE_SEED; with that variable set the one execution runs again.
#include <gtest/gtest.h>

#include "model/explore.hpp"
#include "model/resident_scenario.hpp"

namespace vyre::model {
namespace {

/// An item of ring 0 that ends only when one of ring 1 has ended, which comes later.
const std::vector<Publication> kPatientItem{{0, Piece::patient}, {1, Piece::work}};
/// The same, and behind it in one group a no-op and an item that waits for all: the no-op ends
/// while the patient item runs.
const std::vector<Publication> kPatientItemBeforeAGroup{
    {0, Piece::patient}, {0, Piece::nop}, {0, Piece::after_all}, {1, Piece::work}};
const std::vector<Publication> kShortItems{
    {0, Piece::nop}, {1, Piece::work}, {0, Piece::work}, {1, Piece::after_all}, {0, Piece::nop}};

void expect_good(const std::vector<Publication>& items, std::uint64_t runs) {
  ResidentScenario scenario{{.items = items}};
  std::uint64_t parked = 0;
  std::uint64_t stayed = 0;
  const std::uint64_t seed = first_seed();
  for (std::uint64_t i = 0; i < run_count(runs); ++i) {
    RandomChooser chooser{seed + i};
    const Outcome outcome = scenario.run(chooser);
    ASSERT_EQ(outcome.ending, Ending::finished) << outcome.what << " VYRE_SEED=" << seed + i;
    parked += scenario.parked();
    stayed += scenario.stayed();
  }
  if (std::getenv("VYRE_SEED") == nullptr) {
    EXPECT_GT(parked, runs / 20) << "it hardly ever parked";
    EXPECT_GT(stayed, runs / 20) << "it hardly ever had to stay after it told that it parks";
  }
}

TEST(ResidentModel, WhatIsPublishedNeverWaitsForAnItemThatWasTakenInTheLastLook) {
  expect_good(kPatientItem, 600);
}

TEST(ResidentModel, WhatIsPublishedNeverWaitsForAnItemThatOthersOfItsRingStandFor) {
  expect_good(kPatientItemBeforeAGroup, 600);
}

TEST(ResidentModel, ShortItemsEndOnceHoweverOftenTheKernelParksAndStays) {
  expect_good(kShortItems, 600);
}

void expect_caught(const std::vector<Publication>& items, const ResidentBugs& bugs) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  ResidentScenario scenario{{.items = items, .bugs = bugs}};
  const Exploration found = hunt(scenario);
  EXPECT_FALSE(found.good()) << "not caught in " << found.runs << " executions";
  testing::Test::RecordProperty("caught_in", std::to_string(found.runs));
}

TEST(PlantedKernelBug, ParkingWithAnItemOfTheLastLookIsCaught) {
  expect_caught(kPatientItem, {.never_stays = true});
}

TEST(PlantedKernelBug, ParkingUnderAnItemThatOthersStandForIsCaught) {
  expect_caught(kPatientItemBeforeAGroup, {.holds_position = true, .never_stays = true});
}

TEST(PlantedKernelBug, ADoorbellWithoutAFenceIsCaught) {
  expect_caught(kShortItems, {.rings_unfenced = true});
}

TEST(PlantedKernelBug, AKernelThatParksWithoutAFenceIsCaught) {
  expect_caught(kShortItems, {.parks_unfenced = true});
}

}  // namespace
}  // namespace vyre::model
