// Bounded submission: prefixes, deadlines, closing while full, being given up.
#include "vyre/queue/submit.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace vyre::queue {
namespace {

using std::chrono::milliseconds;

struct Submit : testing::Test {
  Queue queue = std::move(*Queue::create({32, 0}));
  Producer producer = queue.producer();
  Consumer consumer = queue.consumer();
  Writer writer = queue.writer();
  Reader reader = queue.reader();
  Waiter space;
  Waiter doorbell;

  Submitted submit(std::uint32_t count, milliseconds patience, std::uint32_t flags = 0) {
    std::vector<MegakernelWorkItem> items(count);
    for (std::uint32_t i = 0; i < count; ++i) items[i].param = i;
    return submit_until(producer, items, flags, Clock::now() + patience, space, doorbell);
  }
  std::uint32_t serve() {
    TakenItem taken[32];
    const std::uint32_t n = consumer.take(taken, 32);
    consumer.release();
    const Completion done[32]{};
    EXPECT_EQ(writer.try_post(done, n), n);
    Completion out[32];
    EXPECT_EQ(reader.take(out, 32), n);
    reader.release();
    space.notify();
    return n;
  }
};

TEST_F(Submit, AcceptsThePrefixThatFitsWithoutWaiting) {
  const Submitted got = submit(50, milliseconds{0});
  EXPECT_EQ(got.outcome, SubmitOutcome::ok);
  EXPECT_EQ(got.first, 0u);
  EXPECT_EQ(got.accepted, 32u);
  EXPECT_FALSE(got.waited);
}

TEST_F(Submit, NoItemsAreNothingToDo) {
  EXPECT_EQ(submit(0, milliseconds{0}).accepted, 0u);
  EXPECT_EQ(producer.tail(), 0u);
}

TEST_F(Submit, FullRingAnswersAtTheDeadline) {
  ASSERT_EQ(submit(32, milliseconds{0}).accepted, 32u);
  const auto start = Clock::now();
  const Submitted got = submit(1, milliseconds{20});
  EXPECT_EQ(got.outcome, SubmitOutcome::full);
  EXPECT_EQ(got.accepted, 0u);
  EXPECT_TRUE(got.waited);
  EXPECT_GE(Clock::now() - start, milliseconds{20});
  EXPECT_EQ(serve(), 32u) << "what was accepted before is untouched";
}

TEST_F(Submit, FullRingAcceptsAsSoonAsThereIsRoom) {
  ASSERT_EQ(submit(32, milliseconds{0}).accepted, 32u);
  std::thread server([&] {
    std::this_thread::sleep_for(milliseconds{5});
    serve();
  });
  const Submitted got = submit(1, std::chrono::seconds{20});
  server.join();
  EXPECT_EQ(got.outcome, SubmitOutcome::ok);
  EXPECT_EQ(got.first, 32u);
}

TEST_F(Submit, ShutdownWhileFullWakesTheWaiterWithClosed) {
  ASSERT_EQ(submit(32, milliseconds{0}).accepted, 32u);
  std::thread closer([&] {
    std::this_thread::sleep_for(milliseconds{5});
    producer.close();
    space.notify();
  });
  const auto start = Clock::now();
  const Submitted got = submit(1, std::chrono::seconds{60});
  closer.join();
  EXPECT_EQ(got.outcome, SubmitOutcome::closed);
  EXPECT_EQ(got.accepted, 0u);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds{30});
  EXPECT_EQ(producer.tail(), 32u);
}

TEST_F(Submit, GivenUpInTheMiddleKeepsThePrefixAndGivesUpTheRest) {
  producer.claims[2] = 2 + 32;  // the reaper was faster with position 2
  const Submitted got = submit(5, milliseconds{0});
  EXPECT_EQ(got.outcome, SubmitOutcome::abandoned);
  EXPECT_EQ(got.accepted, 2u);
  TakenItem taken[5];
  EXPECT_EQ(consumer.take(taken, 5), 2u) << "its own store of position 2 is the reaper's to make";
  for (const std::uint32_t p : {3u, 4u}) {
    EXPECT_TRUE(producer.published(p)) << p;
    EXPECT_FALSE(producer.try_publish(p, {0, 0, 0, 0}, 0)) << p;
  }
}

TEST_F(Submit, ItemsOfOneCallAreNeighboursWithTheirFlags) {
  ASSERT_EQ(submit(3, milliseconds{0}, kQueueFlagAfterPrevious).accepted, 3u);
  TakenItem taken[3];
  ASSERT_EQ(consumer.take(taken, 3), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(taken[i].item.param, i);
    EXPECT_EQ(taken[i].flags, std::uint32_t{kQueueFlagAfterPrevious});
  }
}

}  // namespace
}  // namespace vyre::queue
