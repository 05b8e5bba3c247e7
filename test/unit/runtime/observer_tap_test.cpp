// The observer tap by itself, and the order in which a session with many callers tells of items.
#include "runtime/observer_tap.hpp"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "fixtures.hpp"
#include "quiet_observer.hpp"

namespace vyre::runtime::test {
namespace {

class Releases final : public QuietObserver {
 public:
  void on_release(Handle handle) override { seen.push_back(handle.id); }
  std::vector<std::uint32_t> seen;
};

struct Tap : ::testing::Test {
  void attach(std::shared_ptr<SessionObserver> observer) {
    const OrderLock lock(order);
    tap.attach(tap.hold_to_attach(lock), std::move(observer));
  }
  void tell(std::uint32_t id) {
    const OrderLock lock(order);
    tap.tell(tap.hold(lock), [&](SessionObserver& observer) { observer.on_release({id}); });
  }
  OrderMutex order;
  ObserverTap tap;
};

TEST_F(Tap, AnObserverHearsWhatHappensWhileItIsAttachedAndNothingElse) {
  auto releases = std::make_shared<Releases>();
  tell(1);
  EXPECT_FALSE(tap.active());
  attach(releases);
  EXPECT_TRUE(tap.active());
  tell(2);
  {
    const OrderLock lock(order);
    tap.detach(tap.hold_to_attach(lock));
  }
  tell(3);
  EXPECT_EQ(releases->seen, std::vector<std::uint32_t>{2});
  EXPECT_EQ(releases.use_count(), 1) << "the tap lets go of it";
}

TEST_F(Tap, WithoutAnObserverAThreadThatHoldsTheTapStopsNoOther) {
  const OrderLock lock(order);
  const ObserverTap::Hold hold = tap.hold(lock);
  std::thread other([&] { const ObserverTap::Hold theirs = tap.hold(lock); });
  other.join();
}

TEST_F(Tap, EventsOfManyThreadsComeInTheOrderOfTheOrderLock) {
  auto releases = std::make_shared<Releases>();
  attach(releases);
  std::uint32_t next = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const OrderLock lock(order);
        const std::uint32_t id = next++;
        tap.tell(tap.hold(lock), [&](SessionObserver& observer) { observer.on_release({id}); });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(releases->seen.size(), 2'000u);
  EXPECT_TRUE(std::is_sorted(releases->seen.begin(), releases->seen.end()));
}

/// Checks the promises about items as they are told.
class ItemOrder final : public QuietObserver {
 public:
  void on_submit(const Ticket& ticket, const MegakernelWorkItem&, std::uint8_t,
                 std::chrono::nanoseconds) override {
    if (ticket.position != submitted[ticket.queue]++) ++out_of_order;
  }
  void on_completion(const ItemResult& result, std::chrono::nanoseconds) override {
    if (result.ticket.position >= submitted[result.ticket.queue]) ++before_submit;
    ++completed;
  }
  std::map<std::uint32_t, std::uint64_t> submitted;
  std::uint64_t completed{0};
  int out_of_order{0};
  int before_submit{0};
};

TEST(ObserverOfASession, HearsOfItemsInTheOrderOfTheirPositionsUnderManyThreads) {
  constexpr std::uint32_t kThreads{4};
  constexpr std::uint64_t kItems{400};
  auto session = Session::open(test_options(2, 2));
  ASSERT_OK(session);
  auto order = std::make_shared<ItemOrder>();
  ASSERT_OK(session->observe(order));
  const Handle shared = *session->allocate(64);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kItems; ++i) {
        // Some write a shared buffer, so that threads also wait for each other.
        const bool writes = i % 8 == t;
        const MegakernelWorkItem item{writes ? kFill : kNop, 0, writes ? shared.id : 0, 1};
        EXPECT_OK(session->submit(item, soon(), t % 2));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_OK(session->wait_all(soon()));
  ASSERT_OK(session->close());
  EXPECT_EQ(order->submitted[0] + order->submitted[1], kThreads * kItems);
  EXPECT_EQ(order->completed, kThreads * kItems);
  EXPECT_EQ(order->out_of_order, 0);
  EXPECT_EQ(order->before_submit, 0);
}

}  // namespace
}  // namespace vyre::runtime::test
