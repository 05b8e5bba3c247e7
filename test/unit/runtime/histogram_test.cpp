// The latency histogram: its resolution is what it says, and its maximum is exact.
#include "runtime/histogram.hpp"

#include <gtest/gtest.h>

namespace vyre::runtime {
namespace {

TEST(Histogram, EveryValueLiesInItsBucketAndBucketsAreASixteenthWide) {
  std::uint64_t below = 0;  // upper end of the bucket before
  for (std::uint32_t b = 0; b + 1 < Histogram::kBuckets; ++b) {
    const std::uint64_t first = b == 0 ? 0 : below + 1;
    const std::uint64_t last = Histogram::upper(b);
    ASSERT_GE(last, first) << b;
    EXPECT_EQ(Histogram::bucket(first), b);
    EXPECT_EQ(Histogram::bucket(last), b);
    EXPECT_LE(last - first, first / 16) << b;
    below = last;
  }
  EXPECT_EQ(Histogram::bucket(~std::uint64_t{0}), Histogram::kBuckets - 1);
}

TEST(Histogram, QuantilesAreUpperBoundsNeverAboveTheMaximum) {
  Histogram h;
  for (std::uint64_t i = 1; i <= 1'000; ++i) h.add(i * 1'000, 1);
  const auto s = h.summary();
  EXPECT_GE(s.p50_ns, 500'000u);
  EXPECT_LE(s.p50_ns, 500'000u * 17 / 16);
  EXPECT_GE(s.p99_ns, 990'000u);
  EXPECT_LE(s.p99_ns, 1'000'000u);
  EXPECT_EQ(s.max_ns, 1'000'000u);
  Histogram other;
  other.add(7, 2'000);
  h.add(other);
  EXPECT_EQ(h.summary().p50_ns, 7u);
  EXPECT_EQ(h.total(), 3'000u);
}

}  // namespace
}  // namespace vyre::runtime
