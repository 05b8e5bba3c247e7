// A hundred thousand seeded schedules of the pump. A failure prints VYRE_SEED; with that variable
// set the one schedule runs again. VYRE_TEST_SCALE multiplies their number.
#include <gtest/gtest.h>

#include <cstdlib>

#include "schedule.hpp"
#include "support/choice.hpp"

namespace vyre::ingest::test {
namespace {

TEST(PumpSchedules, HundredThousandOfThemEndEveryReadOnceWithTheFilesBytes) {
  const Ground ground;
  Tally tally;
  if (std::getenv("VYRE_SEED") != nullptr) {
    const std::uint64_t seed = vyre::test::number_from_environment("VYRE_SEED", 0);
    EXPECT_EQ(run_schedule(seed, ground, tally), "") << "VYRE_SEED=" << seed;
    return;
  }
  const std::uint64_t runs = 100'000 * vyre::test::number_from_environment("VYRE_TEST_SCALE", 1);
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    ASSERT_EQ(run_schedule(seed, ground, tally), "") << "VYRE_SEED=" << seed;
  }
  // They had it all.
  EXPECT_GT(tally.reads, 10 * runs);
  for (const std::uint64_t some :
       {tally.ok, tally.end_of_file, tally.error, tally.cancelled, tally.short_reads, tally.retries,
        tally.strays, tally.requests, tally.rejected, tally.fences, tally.stops}) {
    EXPECT_GT(some, runs / 2);
  }
  for (const std::uint64_t rare :
       {tally.deaths, tally.timeouts, tally.abandoned, tally.unanswered}) {
    EXPECT_GT(rare, runs / 1000);
  }
  RecordProperty("reads", std::to_string(tally.reads));
  RecordProperty("retries", std::to_string(tally.retries));
  RecordProperty("deaths", std::to_string(tally.deaths));
}

}  // namespace
}  // namespace vyre::ingest::test
