#include "queue/waiter.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>
#include <vector>

namespace vyre::queue {
namespace {

using std::chrono::milliseconds;

TEST(Waiter, WaitEndsAtItsDeadlineAndNotBefore) {
  Waiter waiter;
  const auto start = Clock::now();
  EXPECT_FALSE(waiter.wait_until(start + milliseconds{30}, [] { return false; }));
  EXPECT_GE(Clock::now() - start, milliseconds{30});
}

TEST(Waiter, DeadlineInThePastStillLooksOnce) {
  Waiter waiter;
  EXPECT_TRUE(waiter.wait_until(Deadline{}, [] { return true; }));
  EXPECT_FALSE(waiter.wait_until(Deadline{}, [] { return false; }));
  EXPECT_FALSE(waiter.wait_until(Deadline::min(), [] { return false; }));
}

TEST(Waiter, DeadlineAtTheEndOfTimeIsNotThePast) {
  Waiter waiter;
  std::atomic<bool> ready{false};
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds{5});
    ready.store(true, std::memory_order_relaxed);
    waiter.notify();
  });
  EXPECT_TRUE(
      waiter.wait_until(Deadline::max(), [&] { return ready.load(std::memory_order_relaxed); }));
  other.join();
}

TEST(Waiter, NotifyWakesEverySleeper) {
  Waiter waiter;
  std::atomic<bool> go{false};
  std::atomic<int> woken{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back([&] {
      if (waiter.wait_until(Clock::now() + std::chrono::seconds{20}, [&] { return go.load(); }))
        ++woken;
    });
  }
  std::this_thread::sleep_for(milliseconds{5});
  go = true;
  waiter.notify();
  for (auto& t : sleepers) t.join();
  EXPECT_EQ(woken.load(), 4);
}

// Hazard: a notify that falls between the last look and the sleep. Two threads hand a turn back and
// forth; one lost wake-up ends in a timeout.
TEST(Waiter, NoWakeUpIsLostInAPingPong) {
  Waiter ping;
  Waiter pong;
  std::atomic<int> turn{0};
  constexpr int kTurns{1500};
  const auto deadline = Clock::now() + std::chrono::seconds{60};
  bool in_time = true;
  std::thread other([&] {
    for (int i = 0; i < kTurns; ++i) {
      const int mine = 2 * i + 1;
      (void)ping.wait_until(deadline, [&] { return turn.load(std::memory_order_relaxed) == mine; });
      turn.store(mine + 1, std::memory_order_relaxed);
      pong.notify();
    }
  });
  for (int i = 0; i < kTurns; ++i) {
    turn.store(2 * i + 1, std::memory_order_relaxed);
    ping.notify();
    in_time &= pong.wait_until(deadline,
                               [&] { return turn.load(std::memory_order_relaxed) == 2 * i + 2; });
  }
  other.join();
  EXPECT_TRUE(in_time);
}

TEST(Waiter, NotifyPublishesPlainMemory) {
  Waiter waiter;
  std::atomic<bool> ready{false};
  int plain = 0;  // ordered by the waiter alone: the flag is relaxed
  std::thread other([&] {
    plain = 42;
    ready.store(true, std::memory_order_release);
    waiter.notify();
  });
  ASSERT_TRUE(waiter.wait_until(Clock::now() + std::chrono::seconds{20},
                                [&] { return ready.load(std::memory_order_acquire); }));
  EXPECT_EQ(plain, 42);
  other.join();
}

TEST(Waiter, SleepingCostsNoProcessorTime) {
  Waiter waiter;
  timespec before{};
  timespec after{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  EXPECT_FALSE(waiter.wait_until(Clock::now() + milliseconds{200}, [] { return false; }));
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
  const double used_ms = static_cast<double>(after.tv_sec - before.tv_sec) * 1e3 +
                         static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e6;
  EXPECT_LT(used_ms, 20.0) << "of 200 ms asleep";
}

}  // namespace
}  // namespace vyre::queue
