// The completion ring on one thread: what the collector gives out when items end out of order.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "queue/queue.hpp"

namespace vyre::queue {
namespace {

struct Completions : testing::Test {
  static constexpr std::uint32_t kSlots{1024};
  Queue queue = std::move(*Queue::create({kSlots, 0}));
  Writer writer = queue.writer();
  Reader reader = queue.reader();

  void post(std::uint64_t position) {
    writer.post(position, Completion::make(CompletionStatus::done, FaultCode::none,
                                           static_cast<std::uint32_t>(position), 7, 0, 0));
  }
  std::vector<std::uint64_t> take(std::uint64_t tail, std::uint32_t max = kSlots) {
    std::vector<TakenCompletion> out(max);
    out.resize(reader.take(out.data(), max, tail));
    std::vector<std::uint64_t> positions;
    for (const TakenCompletion& taken : out) {
      EXPECT_EQ(taken.completion.position_low, static_cast<std::uint32_t>(taken.position));
      positions.push_back(taken.position);
    }
    return positions;
  }
  std::uint64_t credits() {
    reader.release();
    return queue.producer().limit();
  }
};

using Positions = std::vector<std::uint64_t>;

TEST_F(Completions, LieInTheSlotOfTheirItem) {
  post(5);
  post(kSlots + 6);
  EXPECT_EQ(writer.slots[5].word[0] & kSlotPhaseBit, kSlotPhaseBit);
  EXPECT_EQ(writer.slots[5].word[1], 5u);
  EXPECT_EQ(writer.slots[6].word[0] & kSlotPhaseBit, 0u) << "an odd lap";
  EXPECT_EQ(writer.slots[6].word[1], kSlots + 6);
  EXPECT_EQ(writer.slots[4].word[1], 0u);
}

TEST_F(Completions, SlowItemDoesNotHideTheOnesBehindIt) {
  for (const std::uint64_t p : {1u, 3u}) post(p);
  EXPECT_EQ(take(5), (Positions{1, 3}));
  EXPECT_EQ(take(5), Positions{}) << "each comes once";
  post(2);
  EXPECT_EQ(take(5), (Positions{2}));
  EXPECT_EQ(reader.position, 0u);
  post(0);
  post(4);
  EXPECT_EQ(take(5), (Positions{0, 4}));
  EXPECT_EQ(reader.position, 5u);
  EXPECT_EQ(reader.ahead, 0u);
}

TEST_F(Completions, CreditsFollowTheOldestItemThatHasNotEnded) {
  for (std::uint64_t p = 1; p < 50; ++p) post(p);
  EXPECT_EQ(take(50).size(), 49u);
  EXPECT_EQ(credits(), kSlots) << "its slot is still to be written";
  post(0);
  EXPECT_EQ(take(50), (Positions{0}));
  // The limit of the submission ring is the poller's; the credit is what was given back.
  EXPECT_EQ(queue.reader().collected->position, 0u);
  reader.release();
  EXPECT_EQ(reader.collected->position, 50u);
}

TEST_F(Completions, LookAheadIsBoundedAndGoesOnWhereItStopped) {
  post(kCompletionLookAhead);
  post(kCompletionLookAhead + 1);
  post(3 * kCompletionLookAhead);
  EXPECT_EQ(take(kSlots), (Positions{kCompletionLookAhead})) << "slots 1 to the bound";
  EXPECT_EQ(take(kSlots), (Positions{kCompletionLookAhead + 1}));
  EXPECT_EQ(take(kSlots), (Positions{3 * kCompletionLookAhead}));
  post(1);
  Positions got;
  for (std::uint32_t looks = 0; looks <= kSlots / kCompletionLookAhead && got.empty(); ++looks)
    got = take(kSlots);
  EXPECT_EQ(got, (Positions{1})) << "and round again";
}

TEST_F(Completions, NothingIsReadAtOrBeyondTheTail) {
  post(1);
  post(2);
  EXPECT_EQ(take(2), (Positions{1}));
  EXPECT_EQ(take(0), Positions{});
  EXPECT_EQ(take(~std::uint64_t{0}), (Positions{2})) << "nor beyond the ring, whatever the tail";
}

TEST_F(Completions, OneItemCanBeAskedForWhereverItStands) {
  post(900);
  TakenCompletion out{};
  EXPECT_FALSE(reader.take_at(899, &out));
  ASSERT_TRUE(reader.take_at(900, &out));
  EXPECT_EQ(out.position, 900u);
  EXPECT_FALSE(reader.take_at(900, &out)) << "once";
  post(0);
  ASSERT_TRUE(reader.take_at(0, &out));
  EXPECT_EQ(reader.position, 1u);
  EXPECT_FALSE(reader.take_at(0, &out)) << "long past";
  EXPECT_FALSE(reader.take_at(kSlots + 1, &out)) << "more than a lap ahead";
  for (std::uint64_t p = 1; p < 901; ++p)
    if (p != 900) post(p);
  EXPECT_EQ(take(901).size(), 899u);
  EXPECT_EQ(reader.position, 901u) << "over the one that was given out before";
}

TEST_F(Completions, SmallestTakeGivesEverythingInTheEnd) {
  post(1);
  post(2);
  EXPECT_EQ(take(3, 1), (Positions{1}));
  post(0);
  EXPECT_EQ(take(3, 1), (Positions{0}));
  EXPECT_EQ(reader.position, 2u) << "past the one that was given out before";
  EXPECT_EQ(take(3, 1), (Positions{2}));
  EXPECT_EQ(take(3, 1), Positions{});
}

TEST_F(Completions, EachComesOnceOverManyLapsInAnyOrderOfEnding) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  constexpr std::uint64_t kItems{8 * kSlots};
  std::vector<std::uint8_t> seen(kItems, 0);
  std::vector<std::uint64_t> running;
  std::uint64_t tail = 0;
  std::uint64_t given = 0;
  for (std::uint64_t step = 0; given < kItems; ++step) {
    ASSERT_LT(step, 1'000'000u) << "something was never given out";
    while (tail < kItems && tail < reader.collected->position + kSlots && random() % 64 != 0)
      running.push_back(tail++);
    // Some end; the oldest is the slowest.
    for (std::uint64_t n = random() % 40; n != 0 && !running.empty(); --n) {
      const std::size_t pick = running.size() - 1 - random() % running.size();
      if (pick == 0 && random() % 8 != 0) continue;
      post(running[pick]);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(pick));
    }
    for (const std::uint64_t p : take(tail, 1 + static_cast<std::uint32_t>(random() % 300))) {
      ASSERT_LT(p, tail);
      ASSERT_EQ(seen[p]++, 0) << "position " << p << " came twice";
      ++given;
    }
    reader.release();
  }
  EXPECT_EQ(reader.position, kItems);
  EXPECT_EQ(reader.ahead, 0u);
}

TEST(SingleProducer, PublishesWithoutClaimsThroughManyLaps) {
  auto made = Queue::create({.slots = 32, .single_producer = true});
  ASSERT_TRUE(made);
  const Producer producer = made->producer();
  Consumer consumer = made->consumer();
  Reader reader = made->reader();
  EXPECT_EQ(producer.claims, nullptr);
  for (std::uint32_t lap = 0; lap < 5; ++lap) {
    const Reservation got = producer.try_reserve(32);
    ASSERT_EQ(got.count, 32u);
    EXPECT_EQ(producer.try_reserve(1).outcome, TakeOutcome::full);
    for (std::uint32_t i = 0; i < 32; ++i) {
      const MegakernelWorkItem item{lap, i, i + 1, i + 2};
      if (i % 2 == 0) {
        producer.publish_owned(got.first + i, item, kQueueFlagAfterPrevious);
      } else {
        EXPECT_TRUE(producer.try_publish(got.first + i, item, kQueueFlagAfterPrevious));
      }
    }
    TakenItem taken[32];
    ASSERT_EQ(consumer.take(taken, 32), 32u);
    consumer.release();
    for (std::uint32_t i = 0; i < 32; ++i) {
      EXPECT_EQ(taken[i].item.op_handle, lap);
      EXPECT_EQ(taken[i].item.param, i + 2);
      EXPECT_EQ(taken[i].flags, std::uint32_t{kQueueFlagAfterPrevious});
      made->writer().post(got.first + i, Completion{});
    }
    TakenCompletion out[32];
    ASSERT_EQ(reader.take(out, 32, producer.tail()), 32u);
    reader.release();
  }
}

TEST(SingleProducer, SlotIsNeverGivenUpBehindItsBack) {
  auto made = Queue::create({.slots = 32, .single_producer = true});
  ASSERT_TRUE(made);
  const Producer producer = made->producer();
  ASSERT_EQ(producer.try_reserve(1).count, 1u);
  EXPECT_EQ(producer.reap(0), ReapOutcome::too_late);
  EXPECT_FALSE(producer.published(0));
  producer.publish_owned(0, {1, 2, 3, 4}, 0);
  EXPECT_TRUE(producer.published(0));
}

}  // namespace
}  // namespace vyre::queue
