// What the backends of a process share: one at a time, and the next only when the last is gone.
#include "cuda/host/one_at_a_time.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <vector>

namespace vyre::cuda {
namespace {

struct Events {
  std::mutex mutex;
  std::condition_variable changed;
  bool destroying{false};
  bool may_end{false};
  std::atomic<int> alive{0};
  std::atomic<int> made{0};
  std::atomic<bool> waits{false};  // a destructor does
};
struct Shared {
  explicit Shared(Events& given) : events(given) {
    EXPECT_EQ(events.alive++, 0);
    ++events.made;
  }
  ~Shared() {
    if (events.waits) {
      std::unique_lock lock(events.mutex);
      events.destroying = true;
      events.changed.notify_all();
      EXPECT_TRUE(
          events.changed.wait_for(lock, std::chrono::seconds{30}, [&] { return events.may_end; }));
    }
    --events.alive;
  }
  Events& events;
};

TEST(OneAtATime, AllHoldersAtOnceHoldTheSame) {
  Events events;
  OneAtATime<Shared> shared;
  {
    auto first = shared.join(events);
    const auto second = shared.join(events);
    EXPECT_EQ(&first->events, &second->events);
    EXPECT_EQ(first.operator->(), second.operator->());
    first = {};
    EXPECT_FALSE(first);
    EXPECT_EQ(events.alive, 1);
  }
  EXPECT_EQ(events.alive, 0);
  EXPECT_EQ(events.made, 1);
}

TEST(OneAtATime, TheNextIsMadeOnlyWhenTheLastIsGone) {
  Events events;
  OneAtATime<Shared> shared;
  events.waits = true;
  std::thread closes([&] { (void)shared.join(events); });
  {
    std::unique_lock lock(events.mutex);
    ASSERT_TRUE(
        events.changed.wait_for(lock, std::chrono::seconds{30}, [&] { return events.destroying; }));
  }
  std::atomic<bool> joins{false};
  std::thread opens([&] {
    joins = true;
    (void)shared.join(events);
  });
  while (!joins) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) std::this_thread::yield();
  EXPECT_EQ(events.made, 1) << "made beside one that is being destroyed";
  events.waits = false;
  {
    const std::lock_guard lock(events.mutex);
    events.may_end = true;
    events.changed.notify_all();
  }
  closes.join();
  opens.join();
  EXPECT_EQ(events.made, 2);
  EXPECT_EQ(events.alive, 0);
}

TEST(OneAtATime, ThreadsThatComeAndGoNeverMeetTwo) {
  Events events;
  OneAtATime<Shared> shared;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) {
        const auto hold = shared.join(events);
        EXPECT_EQ(hold->events.alive, 1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GT(events.made, 0);
  EXPECT_EQ(events.alive, 0);
}

}  // namespace
}  // namespace vyre::cuda
