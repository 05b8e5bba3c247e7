// D7 against a model that keeps every completion in a set.
#include "vyre/queue/order_tracker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <vector>

namespace vyre::queue {
namespace {

TEST(Order, ItemsWithoutFlagsOverlap) {
  OrderTracker order{64};
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(order.may_start(kQueueFlagNone));
    order.start();
  }
  EXPECT_EQ(order.completed_below(), 0u);
}

TEST(Order, AfterPreviousWaitsForTheItemBeforeItAndForNoOther) {
  OrderTracker order{64};
  order.start();  // 0 runs on
  order.start();  // 1
  EXPECT_FALSE(order.may_start(kQueueFlagAfterPrevious));
  ASSERT_TRUE(order.complete(1));
  EXPECT_TRUE(order.may_start(kQueueFlagAfterPrevious)) << "item 0 still runs";
}

TEST(Order, AfterAllWaitsForEveryEarlierItem) {
  OrderTracker order{64};
  order.start();
  order.start();
  ASSERT_TRUE(order.complete(1));
  EXPECT_FALSE(order.may_start(kQueueFlagAfterAll));
  EXPECT_FALSE(order.may_start(kQueueFlagAfterAll | kQueueFlagAfterPrevious));
  ASSERT_TRUE(order.complete(0));
  EXPECT_TRUE(order.may_start(kQueueFlagAfterAll));
}

TEST(Order, FirstItemOfAQueueWaitsForNothing) {
  const OrderTracker order{64};
  EXPECT_TRUE(order.may_start(kQueueFlagAfterPrevious));
  EXPECT_TRUE(order.may_start(kQueueFlagAfterAll));
}

TEST(Order, ItemThatRunsForEverHoldsTheWindowNotTheMemory) {
  OrderTracker order{64};
  order.start();  // never completes
  for (std::uint64_t p = 1; p < 64; ++p) {
    ASSERT_TRUE(order.may_start(kQueueFlagNone));
    ASSERT_EQ(order.start(), p);
    ASSERT_TRUE(order.complete(p));
  }
  EXPECT_FALSE(order.may_start(kQueueFlagNone));
  EXPECT_EQ(order.may_start_plain(10), 0u);
  ASSERT_TRUE(order.complete(0));
  EXPECT_EQ(order.completed_below(), 64u);
  EXPECT_EQ(order.may_start_plain(100), 64u);
}

TEST(Order, CompletingTwiceOrBeforeTheStartIsRefused) {
  OrderTracker order{64};
  EXPECT_FALSE(order.complete(0));
  order.start();
  order.start();
  EXPECT_TRUE(order.complete(1));
  EXPECT_FALSE(order.complete(1));
  EXPECT_TRUE(order.complete(0));
  EXPECT_FALSE(order.complete(0));
  EXPECT_EQ(order.completed_below(), 2u);
}

TEST(Order, AgreesWithASetOfCompletionsOnRandomRuns) {
  std::uint64_t seed = std::random_device{}();
  if (const char* given = std::getenv("VYRE_SEED")) seed = std::strtoull(given, nullptr, 0);
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  for (int run = 0; run < 50; ++run) {
    const std::uint32_t window = 64u << (run % 3);
    OrderTracker order{window};
    std::vector<std::uint64_t> running;
    std::uint64_t started = 0;
    std::set<std::uint64_t> open;  // started and not completed
    for (int step = 0; step < 2000; ++step) {
      const std::uint32_t flags = random() % 8 == 0 ? random() % 4 : 0;
      const bool window_ok = open.empty() || started - *open.begin() < window;
      const bool expected =
          window_ok && !((flags & kQueueFlagAfterAll) != 0 && !open.empty()) &&
          !((flags & kQueueFlagAfterAll) == 0 && (flags & kQueueFlagAfterPrevious) != 0 &&
            started > 0 && open.count(started - 1) != 0);
      ASSERT_EQ(order.may_start(flags), expected)
          << "run " << run << " step " << step << " flags " << flags;
      if (expected) {
        ASSERT_EQ(order.start(), started);
        open.insert(started);
        running.push_back(started++);
      }
      const std::uint64_t completions = random() % 3;
      for (std::uint64_t i = 0; i < completions && !running.empty(); ++i) {
        const std::size_t pick =
            random() % std::min<std::size_t>(running.size(), 1 + random() % 64);
        const std::uint64_t position = running[pick];
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(pick));
        open.erase(position);
        ASSERT_TRUE(order.complete(position));
        ASSERT_TRUE(order.is_complete(position));
        ASSERT_EQ(order.completed_below(), open.empty() ? started : *open.begin());
      }
    }
  }
}

}  // namespace
}  // namespace vyre::queue
