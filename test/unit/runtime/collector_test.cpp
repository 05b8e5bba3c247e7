// A collector by itself: what happens to completions that come when nobody waits for them any more.
#include "collector.hpp"

#include <gtest/gtest.h>

#include "vyre/queue/queue.hpp"

namespace vyre::runtime::test {
namespace {

TEST(Collector, WhatIsPostedAfterGivingUpIsNotCountedASecondTime) {
  auto rings = queue::Queue::create({32, 32});
  ASSERT_TRUE(rings);
  ObserverSlot observer;
  Collector collector(0, {rings->producer(), rings->reader()}, 32, Clock::now(), observer);
  const queue::Producer producer = rings->producer();
  const queue::Reservation got = producer.try_reserve(3);
  ASSERT_EQ(got.count, 3u);
  for (std::uint64_t p = 0; p < 3; ++p) {
    collector.note_submit(p, 0, 0);
    ASSERT_TRUE(producer.try_publish(p, MegakernelWorkItem{0, 0, 0, 0}, 0));
  }
  const auto post = [&rings](std::uint32_t position) {
    const Completion done =
        Completion::make(CompletionStatus::done, FaultCode::none, position, 0, 0, 0);
    rings->writer().post(position, done);
  };
  post(0);
  EXPECT_EQ(collector.collect(), 1u);
  collector.give_up(3, FaultCode::shutdown);
  EXPECT_EQ(collector.ended_below(), 3u);

  // The worker that was left behind comes to itself and ends what it held.
  post(1);
  EXPECT_EQ(collector.collect(), 0u);
  EXPECT_EQ(collector.counts().ended, 3u);
  EXPECT_EQ(collector.counts().not_done, 2u);
  EXPECT_EQ(collector.ended_below(), 3u);
  ItemResult result;
  ASSERT_EQ(collector.look(1, result), Collector::Found::ended);
  EXPECT_EQ(result.status, CompletionStatus::cancelled) << "the first ending stays";
}

}  // namespace
}  // namespace vyre::runtime::test
