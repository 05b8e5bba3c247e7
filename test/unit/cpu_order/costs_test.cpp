// What a worker measured of its items, as the planner reads it.
#include "cpu/backend/costs.hpp"

#include <gtest/gtest.h>

namespace vyre::cpu {
namespace {

using std::chrono::nanoseconds;

std::optional<double> median(const CostHistogram& histogram) {
  return median_ns([&](std::uint32_t bucket) { return histogram.count(bucket); });
}

TEST(Costs, NothingIsMeasuredWithoutASample) {
  CostHistogram histogram;
  histogram.add(0, nanoseconds{100});
  EXPECT_FALSE(median(histogram).has_value());
}

TEST(Costs, AThreadThatLosesItsProcessorDoesNotMoveTheMedian) {
  CostHistogram histogram;
  for (int sample = 0; sample < 9; ++sample) histogram.add(10, nanoseconds{1'000});
  const double before = median(histogram).value();
  EXPECT_GE(before, 100.0);
  EXPECT_LE(before, 107.0) << "the width of a bucket";
  for (int sample = 0; sample < 4; ++sample) histogram.add(10, nanoseconds{20'000'000});
  EXPECT_EQ(median(histogram), before);
}

TEST(Costs, ASampleCountsAsManyTimesAsItHasUnits) {
  CostHistogram histogram;
  for (int sample = 0; sample < 100; ++sample) histogram.add(1, nanoseconds{1'000});
  histogram.add(1'000'000, nanoseconds{2'000'000});
  EXPECT_NEAR(median(histogram).value(), 2.0, 0.13);
}

TEST(Costs, AllOfTheFirstAreTimedAndThenOneOfSixteen) {
  int timed = 0;
  for (std::uint64_t number = 0; number < 160; ++number) timed += is_timed(number) ? 1 : 0;
  EXPECT_EQ(timed, 16 + 9);
}

}  // namespace
}  // namespace vyre::cpu
