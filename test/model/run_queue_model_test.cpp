// The run queue under the seeded scheduler: no entry is written over that a worker has not read,
// none is read twice, and no poller waits for a worker that is busy with an item. A failure prints
// VYRE_SEED; with that variable set the one execution runs again.
#include <gtest/gtest.h>

#include "model/explore.hpp"
#include "model/run_queue_scenario.hpp"

namespace vyre::model {
namespace {

/// All workers are busy until more no-ops have ended than the queue has entries; each of them gives
/// a number back.
RunQueueSetup busy_workers() {
  std::vector<Errand> errands{Errand::patient};
  errands.insert(errands.end(), 14, Errand::flagged);
  errands.insert(errands.end(), 3, Errand::work);
  return {.errands = {errands}, .workers = 1};
}
/// Many laps of work, read by workers of which any may be slow.
RunQueueSetup many_laps() {
  return {.errands = {std::vector<Errand>(30, Errand::work)}, .workers = 3};
}
/// One ring is quiet from the beginning, with a number drawn ahead, while the other goes round.
RunQueueSetup quiet_neighbour() {
  return {.errands = {std::vector<Errand>(40, Errand::work), {}}, .workers = 2};
}
RunQueueSetup everything() {
  std::vector<Errand> first{Errand::patient, Errand::flagged, Errand::work};
  std::vector<Errand> second;
  for (int i = 0; i < 6; ++i) {
    first.push_back(Errand::flagged);
    second.push_back(Errand::work);
    second.push_back(Errand::flagged);
  }
  return {.errands = {first, second}, .workers = 2};
}

void expect_good(const RunQueueSetup& setup, std::uint64_t runs, std::uint64_t least_laps) {
  RunQueueScenario scenario{setup};
  std::uint64_t laps = 0;
  const std::uint64_t seed = first_seed();
  for (std::uint64_t i = 0; i < run_count(runs); ++i) {
    RandomChooser chooser{seed + i};
    const Outcome outcome = scenario.run(chooser);
    ASSERT_EQ(outcome.ending, Ending::finished) << outcome.what << " VYRE_SEED=" << seed + i;
    laps += scenario.laps();
  }
  EXPECT_GE(laps, run_count(runs) * least_laps);
}

TEST(RunQueueModel, NumbersThatAreGivenBackNeverFillTheQueueWhileAllWorkersAreBusy) {
  expect_good(busy_workers(), 500, 0);
}

TEST(RunQueueModel, AnEntryStaysUntilItsWorkerHasReadIt) {
  expect_good(many_laps(), 500, 3);
}

TEST(RunQueueModel, ANumberDrawnAheadByAQuietRingStopsNobody) {
  expect_good(quiet_neighbour(), 500, 2);
}

TEST(RunQueueModel, EveryItemRunsOnceWhateverIsMixed) {
  expect_good(everything(), 500, 0);
}

void expect_caught(RunQueueSetup setup, const RunQueueBugs& bugs) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  setup.bugs = bugs;
  RunQueueScenario scenario{setup};
  const Exploration found = hunt(scenario);
  EXPECT_FALSE(found.good()) << "not caught in " << found.runs << " executions";
  testing::Test::RecordProperty("caught_in", std::to_string(found.runs));
}

TEST(PlantedRunQueueBug, NumbersDrawnAheadWithoutBoundAreCaught) {
  expect_caught(busy_workers(), {.draws_without_bound = true});
}

TEST(PlantedRunQueueBug, NeitherBoundNorRoomIsCaught) {
  expect_caught(busy_workers(), {.draws_without_bound = true, .writes_without_room = true});
}

TEST(PlantedRunQueueBug, EntriesWrittenOverASlowWorkersAreCaught) {
  expect_caught(many_laps(), {.writes_without_room = true});
}

TEST(PlantedRunQueueBug, ANumberThatAQuietRingKeepsIsCaught) {
  expect_caught(quiet_neighbour(), {.keeps_overdue = true});
}

}  // namespace
}  // namespace vyre::model
