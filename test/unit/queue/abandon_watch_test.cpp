// Time is given to the watch, so these tests wait for nothing.
#include "queue/abandon_watch.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace vyre::queue {
namespace {

constexpr std::chrono::milliseconds kTimeout{1000};
constexpr MegakernelWorkItem kItem{1, 2, 3, 4};

struct Watch : testing::Test {
  Queue queue = std::move(*Queue::create({32, 0}));
  Producer producer = queue.producer();
  Consumer consumer = queue.consumer();
  AbandonWatch watch{kTimeout};
  Deadline now = Clock::now();

  WatchVerdict check() { return watch.check(producer, consumer.position, now); }
};

TEST_F(Watch, NothingTakenIsNothingToWatch) {
  EXPECT_EQ(check(), WatchVerdict::idle);
  now += 10 * kTimeout;
  EXPECT_EQ(check(), WatchVerdict::idle);
}

TEST_F(Watch, SlotIsGivenUpAfterTheTimeoutAndNotBefore) {
  ASSERT_EQ(producer.try_reserve(1).count, 1u);
  EXPECT_EQ(check(), WatchVerdict::waiting);
  now += kTimeout - std::chrono::nanoseconds{1};
  EXPECT_EQ(check(), WatchVerdict::waiting);
  now += std::chrono::nanoseconds{1};
  EXPECT_EQ(check(), WatchVerdict::reaped);
  EXPECT_FALSE(producer.try_publish(0, kItem, 0));
  TakenItem got{};
  ASSERT_EQ(consumer.take(&got, 1), 1u);
  EXPECT_EQ(got.flags, std::uint32_t{kQueueFlagsOfAbandoned});
  EXPECT_EQ(check(), WatchVerdict::idle);
  EXPECT_EQ(watch.reaped(), 1u);
}

TEST_F(Watch, ProducerThatDiedWithManySlotsCostsOneTimeout) {
  ASSERT_EQ(producer.try_reserve(20).count, 20u);
  EXPECT_EQ(check(), WatchVerdict::waiting);
  now += kTimeout;
  EXPECT_EQ(check(), WatchVerdict::reaped);
  std::vector<TakenItem> got(32);
  EXPECT_EQ(consumer.take(got.data(), 32), 20u);
}

TEST_F(Watch, SlotTakenLaterKeepsItsOwnTime) {
  ASSERT_EQ(producer.try_reserve(1).count, 1u);
  EXPECT_EQ(check(), WatchVerdict::waiting);
  now += kTimeout / 2;
  ASSERT_EQ(producer.try_reserve(1).first, 1u);
  now += kTimeout / 2;
  EXPECT_EQ(check(), WatchVerdict::reaped);
  EXPECT_TRUE(producer.try_publish(1, kItem, 0)) << "only half its time was over";
}

TEST_F(Watch, SingleProducerIsNotWatched) {
  queue = std::move(*Queue::create({.slots = 32, .single_producer = true}));
  producer = queue.producer();
  consumer = queue.consumer();
  ASSERT_EQ(producer.try_reserve(1).count, 1u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(check(), WatchVerdict::idle);
    now += kTimeout;
  }
  producer.publish_owned(0, kItem, 0);
  TakenItem got{};
  ASSERT_EQ(consumer.take(&got, 1), 1u);
  EXPECT_EQ(got.flags, 0u);
}

TEST_F(Watch, SlowPollerIsNotAnAbandonedProducer) {
  ASSERT_EQ(producer.try_reserve(2).count, 2u);
  ASSERT_TRUE(producer.try_publish(0, kItem, 0));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(check(), WatchVerdict::idle);
    now += kTimeout;
  }
  EXPECT_TRUE(producer.try_publish(1, kItem, 0));
}

TEST_F(Watch, PublishedSlotsBehindTheHoleSurvive) {
  ASSERT_EQ(producer.try_reserve(3).count, 3u);
  ASSERT_TRUE(producer.try_publish(1, kItem, 0));
  EXPECT_EQ(check(), WatchVerdict::waiting);
  now += kTimeout;
  EXPECT_EQ(check(), WatchVerdict::reaped);
  TakenItem got[3];
  ASSERT_EQ(consumer.take(got, 3), 3u);
  EXPECT_EQ(got[0].flags, std::uint32_t{kQueueFlagsOfAbandoned});
  EXPECT_EQ(got[1].flags, 0u);
  EXPECT_EQ(got[1].item.param, kItem.param);
  EXPECT_EQ(got[2].flags, std::uint32_t{kQueueFlagsOfAbandoned});
}

TEST_F(Watch, ProducerKilledBetweenItsStoresIsNamedWedged) {
  ASSERT_EQ(producer.try_reserve(1).count, 1u);
  producer.claims[0] = 32;  // what try_publish does first; the rest never comes
  EXPECT_EQ(check(), WatchVerdict::waiting);
  now += kTimeout;
  EXPECT_EQ(check(), WatchVerdict::waiting) << "it has one more timeout for its stores";
  now += kTimeout;
  EXPECT_EQ(check(), WatchVerdict::wedged);
}

}  // namespace
}  // namespace vyre::queue
