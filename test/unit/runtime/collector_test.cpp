// A collector by itself: what happens to completions that come when nobody waits for them any more.
#include "runtime/collector.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "queue/queue.hpp"
#include "quiet_observer.hpp"

namespace vyre::runtime::test {
namespace {

TEST(Collector, WhatIsPostedAfterGivingUpIsNotCountedASecondTime) {
  auto rings = queue::Queue::create({32, 32});
  ASSERT_TRUE(rings);
  ObserverTap tap;
  queue::Waiter changed;
  Collector collector({1, 0, 32, Clock::now()}, {rings->producer(), rings->reader()}, tap, changed);
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

/// Does something while the collector is at work on an item.
class InCompletion final : public QuietObserver {
 public:
  explicit InCompletion(std::function<void()> what) : what_(std::move(what)) {}
  void on_completion(const ItemResult&, std::chrono::nanoseconds) override {
    if (auto what = std::exchange(what_, nullptr)) what();
  }

 private:
  std::function<void()> what_;
};

struct Collecting : testing::Test {
  static constexpr std::uint32_t kSlots{1024};
  queue::Queue rings = std::move(*queue::Queue::create({.slots = kSlots}));
  ObserverTap tap;
  queue::Waiter changed;
  Collector collector{
      {1, 0, kSlots, Clock::now()}, {rings.producer(), rings.reader()}, tap, changed};

  void SetUp() override {
    ASSERT_EQ(rings.producer().try_reserve(kSlots).count, kSlots);
    for (std::uint64_t p = 0; p < kSlots; ++p) {
      collector.note_submit(p, 0, 0);
      ASSERT_TRUE(rings.producer().try_publish(p, MegakernelWorkItem{0, 0, 0, 0}, 0));
    }
    std::vector<queue::TakenItem> taken(kSlots);
    queue::Consumer poller = rings.consumer();
    ASSERT_EQ(poller.take(taken.data(), kSlots), kSlots);
    poller.release();
  }
  void in_completion(std::function<void()> what) {
    OrderMutex order;
    const OrderLock lock(order);
    tap.attach(tap.hold_to_attach(lock), std::make_shared<InCompletion>(std::move(what)));
  }
  void post(std::uint64_t position) {
    rings.writer().post(position, Completion::make(CompletionStatus::done, FaultCode::none,
                                                   static_cast<std::uint32_t>(position), 0, 0, 0));
  }
};

TEST_F(Collecting, ItemFarBehindOneThatHasNotEndedIsFoundByItsPosition) {
  post(1'000);
  EXPECT_EQ(collector.collect(), 0u) << "beyond one look";
  EXPECT_FALSE(collector.collect_at(999));
  EXPECT_TRUE(collector.collect_at(1'000));
  EXPECT_FALSE(collector.collect_at(1'000)) << "once";
  ItemResult result;
  ASSERT_EQ(collector.look(1'000, result), Collector::Found::ended);
  EXPECT_EQ(collector.look(999, result), Collector::Found::pending);
  EXPECT_EQ(collector.ended_below(), 0u);
}

TEST_F(Collecting, SlowItemHidesNobodyButItsSlotIsNotGivenAwayMeanwhile) {
  for (std::uint64_t p = 1; p < kSlots; ++p) post(p);
  std::uint64_t found = 0;
  for (std::uint32_t looks = 0; looks <= kSlots / kCompletionLookAhead; ++looks)
    found += collector.collect();
  EXPECT_EQ(found, kSlots - 1);
  EXPECT_EQ(collector.counts().ended, kSlots - 1);
  EXPECT_EQ(rings.producer().collected->position, 0u)
      << "the slot of item 0 is still to be written";
  post(0);
  EXPECT_EQ(collector.collect(), 1u);
  EXPECT_EQ(collector.ended_below(), kSlots);
  EXPECT_EQ(rings.producer().collected->position, kSlots);
}

TEST_F(Collecting, WhatEndedOutOfOrderIsNotCancelledByGivingUp) {
  post(5);
  EXPECT_EQ(collector.collect(), 1u);
  collector.give_up(kSlots, FaultCode::shutdown);
  ItemResult result;
  ASSERT_EQ(collector.look(5, result), Collector::Found::ended);
  EXPECT_EQ(result.status, CompletionStatus::done);
  EXPECT_EQ(collector.counts().not_done, kSlots - 1);
}

/// Whether `change` wakes a thread that was about to sleep.
template <class Change>
bool wakes(queue::Waiter& waiter, const Change& change) {
  const std::uint32_t epoch = waiter.prepare();
  change();
  return waiter.sleep(epoch, Clock::now() + std::chrono::milliseconds{50});
}

TEST_F(Collecting, WhateverCollectsWakesThoseThatWait) {
  EXPECT_FALSE(wakes(changed, [&] { (void)collector.collect(); })) << "there was nothing";
  post(0);
  EXPECT_TRUE(wakes(changed, [&] { EXPECT_EQ(collector.collect(), 1u); }));
  post(9);
  EXPECT_TRUE(wakes(changed, [&] { EXPECT_TRUE(collector.collect_at(9)); }));
  EXPECT_TRUE(wakes(changed, [&] { collector.give_up(kSlots, FaultCode::shutdown); }));
}

TEST_F(Collecting, AThreadThatFindsAnotherAtItDoesNotMissWhatCameMeanwhile) {
  post(0);
  in_completion([&] {
    post(1);
    std::thread late([&] { EXPECT_EQ(collector.collect(), 0u) << "another thread is at it"; });
    late.join();
  });
  EXPECT_TRUE(wakes(changed, [&] { EXPECT_EQ(collector.collect(), 2u); }));
  EXPECT_TRUE(collector.ended(1));
}

TEST_F(Collecting, AThreadThatAsksForOneItemWhileAnotherIsAtItIsWoken) {
  in_completion([&] {
    post(1'000);  // beyond one look
    std::thread late([&] { EXPECT_FALSE(collector.collect_at(1'000)); });
    late.join();
    EXPECT_TRUE(wakes(changed, [&] { changed.notify(); })) << "the notifications so far are over";
  });
  post(5);
  EXPECT_TRUE(wakes(changed, [&] { EXPECT_TRUE(collector.collect_at(5)); }));
  EXPECT_TRUE(collector.collect_at(1'000));
}

TEST(Collector, APositionFourBillionItemsBackIsNotTakenForTheOneOfTheSameLowBits) {
  auto rings = queue::Queue::create({32, 32});
  ASSERT_TRUE(rings);
  constexpr std::uint64_t kLap{std::uint64_t{1} << 32};
  ObserverTap tap;
  queue::Waiter changed;
  // As if so many items had come and gone.
  backend::QueuePort port{rings->producer(), rings->reader()};
  port.submissions.words->tail = kLap + 3;
  port.completions.position = kLap;
  Collector collector({1, 0, 32, Clock::now()}, port, tap, changed);
  for (std::uint64_t p = kLap; p < kLap + 3; ++p) {
    rings->writer().post(p, Completion::make(CompletionStatus::faulted, FaultCode::trap,
                                             static_cast<std::uint32_t>(p), 0, 0, 0));
  }
  EXPECT_EQ(collector.collect(), 3u);
  ItemResult result;
  for (std::uint64_t low = 0; low < 3; ++low) {
    EXPECT_EQ(collector.look(kLap + low, result), Collector::Found::ended);
    EXPECT_EQ(result.ticket.position, kLap + low);
    EXPECT_EQ(collector.look(low, result), Collector::Found::forgotten);
  }
  EXPECT_EQ(collector.look(kLap + 3, result), Collector::Found::never_submitted);
}

}  // namespace
}  // namespace vyre::runtime::test
