// Both rings on real threads: every item exactly once, in its producer's order, through a full ring
// and many laps. Meant for TSan as much as for the result. VYRE_TEST_SCALE multiplies the items,
// VYRE_SEED replays the delays.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "vyre/queue/abandon_watch.hpp"
#include "vyre/queue/submit.hpp"

namespace vyre::queue {
namespace {

std::uint64_t seed_of_run() {
  if (const char* given = std::getenv("VYRE_SEED")) return std::strtoull(given, nullptr, 0);
  return std::random_device{}();
}
std::uint64_t scale() {
  const char* given = std::getenv("VYRE_TEST_SCALE");
  return given == nullptr ? 1 : std::max<std::uint64_t>(1, std::strtoull(given, nullptr, 0));
}

/// Now and then a thread loses its processor, or a little time, at a place that it does not choose.
class Delay {
 public:
  explicit Delay(std::uint64_t seed) : random_{seed} {}
  void operator()() {
    const std::uint64_t pick = random_() % 256;
    if (pick == 0) std::this_thread::yield();
    if (pick < 8) {
      for (std::uint64_t i = 0; i < pick * 16; ++i) spin_pause();
    }
  }

 private:
  std::mt19937_64 random_;
};

class Threads : public testing::TestWithParam<int> {};

TEST_P(Threads, EveryItemComesOnceInItsProducersOrderAndEveryCompletionGoesBack) {
  const int producers = GetParam();
  const std::uint64_t seed = seed_of_run();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  const std::uint32_t each =
      static_cast<std::uint32_t>(24'000 * scale() / static_cast<std::uint64_t>(producers));
  const std::uint64_t total = std::uint64_t{each} * static_cast<std::uint64_t>(producers);
  const auto deadline = Clock::now() + std::chrono::seconds{100};

  auto made = Queue::create({64, 128});
  ASSERT_TRUE(made);
  Queue& queue = *made;
  Waiter space;
  Waiter doorbell;
  Waiter collected_bell;
  std::atomic<bool> failed{false};

  std::vector<std::thread> threads;
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      Delay delay{seed + static_cast<std::uint64_t>(p)};
      std::mt19937_64 random{seed ^ static_cast<std::uint64_t>(p)};
      std::uint32_t sent = 0;
      while (sent < each && !failed) {
        MegakernelWorkItem items[16];
        const auto n = std::min<std::uint32_t>(each - sent, 1 + random() % 16);
        for (std::uint32_t i = 0; i < n; ++i) {
          const std::uint32_t serial = sent + i;
          items[i] = {static_cast<std::uint32_t>(p), serial, serial * 7u, ~serial};
        }
        const Submitted got =
            submit_until(queue.producer(), {items, n}, 0, deadline, space, doorbell);
        if (got.outcome != SubmitOutcome::ok) failed = true;
        sent += static_cast<std::uint32_t>(got.accepted);
        delay();
      }
    });
  }

  // Poller: checks order, then "workers" post the completions, every other one from the far end of
  // the batch.
  std::vector<std::uint32_t> next(static_cast<std::size_t>(producers), 0);
  std::uint64_t torn = 0;
  std::uint64_t out_of_order = 0;
  threads.emplace_back([&] {
    Delay delay{seed + 100};
    Consumer consumer = queue.consumer();
    TakenItem taken[32];
    while (consumer.position < total && !failed) {
      std::uint32_t n = 0;
      if (!doorbell.wait_until(deadline,
                               [&] { return (n = consumer.take(taken, 32)) != 0 || failed; }))
        failed = true;
      consumer.release();
      Completion done[32];
      for (std::uint32_t i = 0; i < n; ++i) {
        const MegakernelWorkItem& it = taken[i].item;
        if (it.output_handle != it.input_handle * 7u || it.param != ~it.input_handle) ++torn;
        if (it.op_handle >= next.size() || next[it.op_handle]++ != it.input_handle) ++out_of_order;
        done[n - 1 - i] = Completion::make(CompletionStatus::done, FaultCode::none,
                                           static_cast<std::uint32_t>(consumer.position - n + i),
                                           it.op_handle, it.input_handle, 0);
      }
      delay();
      if (queue.writer().try_post(done, n) != n) failed = true;
      collected_bell.notify();
      space.notify();
    }
  });

  std::vector<std::uint8_t> seen(total, 0);
  std::uint64_t twice = 0;
  threads.emplace_back([&] {
    Delay delay{seed + 200};
    Reader reader = queue.reader();
    Completion done[32];
    while (reader.position < total && !failed) {
      std::uint32_t n = 0;
      if (!collected_bell.wait_until(deadline,
                                     [&] { return (n = reader.take(done, 32)) != 0 || failed; })) {
        failed = true;
      }
      for (std::uint32_t i = 0; i < n; ++i) {
        if (done[i].position_low >= total || seen[done[i].position_low]++ != 0) ++twice;
      }
      delay();
      reader.release();
      space.notify();
    }
  });
  for (auto& t : threads) t.join();
  EXPECT_FALSE(failed.load()) << "a deadline passed or a completion found no slot";
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(out_of_order, 0u);
  EXPECT_EQ(twice, 0u);
  for (std::size_t p = 0; p < next.size(); ++p) EXPECT_EQ(next[p], each) << "producer " << p;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<std::ptrdiff_t>(total));
}

INSTANTIATE_TEST_SUITE_P(Producers, Threads, testing::Values(1, 2, 4, 8),
                         [](const auto& info) { return "x" + std::to_string(info.param); });

// Hazard: producer and reaper meet at one slot. Exactly one of them wins, and the poller sees what
// the winner wrote.
TEST(ThreadsReaper, ProducerAndReaperNeverBothWin) {
  auto made = Queue::create({32, 0});
  ASSERT_TRUE(made);
  Queue& queue = *made;
  Consumer consumer = queue.consumer();
  Reader reader = queue.reader();
  const std::uint64_t rounds = 3000 * scale();
  std::atomic<std::uint64_t> go{0};
  std::atomic<std::uint64_t> reaper_done{0};
  std::atomic<std::uint64_t> reaper_wins{0};
  std::thread reaper([&] {
    for (std::uint64_t r = 1; r <= rounds; ++r) {
      while (go.load(std::memory_order_relaxed) < r) std::this_thread::yield();
      if (queue.producer().reap(r - 1) == ReapOutcome::reaped) reaper_wins.fetch_add(1);
      reaper_done.store(r, std::memory_order_release);
    }
  });
  std::uint64_t producer_wins = 0;
  std::uint64_t abandoned_seen = 0;
  for (std::uint64_t r = 1; r <= rounds; ++r) {
    const Reservation got = queue.producer().try_reserve(1);
    ASSERT_EQ(got.first, r - 1);
    go.store(r, std::memory_order_relaxed);
    if ((r & 1) != 0) std::this_thread::yield();
    if (queue.producer().try_publish(got.first, {5, 6, 7, static_cast<std::uint32_t>(r)}, 0))
      ++producer_wins;
    while (reaper_done.load(std::memory_order_acquire) < r) std::this_thread::yield();
    TakenItem taken{};
    ASSERT_EQ(consumer.take(&taken, 1), 1u) << "round " << r;
    if ((taken.flags & kQueueFlagAbandoned) != 0) {
      ++abandoned_seen;
    } else {
      EXPECT_EQ(taken.item.param, r);
    }
    consumer.release();
    const Completion done{};
    ASSERT_EQ(queue.writer().try_post(&done, 1), 1u);
    Completion out{};
    ASSERT_EQ(reader.take(&out, 1), 1u);
    reader.release();
  }
  reaper.join();
  EXPECT_EQ(producer_wins + reaper_wins.load(), rounds);
  EXPECT_EQ(abandoned_seen, reaper_wins.load());
}

// Hazard: shutdown in the middle of submission. What was accepted before the close is what comes
// out.
TEST(ThreadsShutdown, AcceptedItemsAreExactlyThoseBelowTheFinalTail) {
  const std::uint64_t seed = seed_of_run();
  SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  for (int round = 0; round < 60; ++round) {
    auto made = Queue::create({32, 0});
    ASSERT_TRUE(made);
    Queue& queue = *made;
    Waiter space;
    Waiter doorbell;
    std::atomic<std::uint64_t> accepted{0};
    std::vector<std::thread> threads;
    for (int p = 0; p < 3; ++p) {
      threads.emplace_back([&] {
        for (;;) {
          const MegakernelWorkItem items[5]{};
          const Submitted got = submit_until(
              queue.producer(), items, 0, Clock::now() + std::chrono::seconds{60}, space, doorbell);
          accepted.fetch_add(got.accepted);
          if (got.outcome != SubmitOutcome::ok) return;
        }
      });
    }
    const std::uint64_t close_at = random() % 200;
    Consumer consumer = queue.consumer();
    Reader reader = queue.reader();
    std::uint64_t end = ~std::uint64_t{0};
    while (consumer.position != end) {
      if (end == ~std::uint64_t{0} && consumer.position >= close_at) {
        end = queue.producer().close();
        space.notify();
      }
      TakenItem taken[8];
      const std::uint32_t n = consumer.take(taken, 8);
      consumer.release();
      const Completion done[8]{};
      ASSERT_EQ(queue.writer().try_post(done, n), n);
      Completion out[8];
      ASSERT_EQ(reader.take(out, 8), n);
      reader.release();
      space.notify();
      if (n == 0) std::this_thread::yield();
    }
    for (auto& t : threads) t.join();
    EXPECT_EQ(accepted.load(), end);
  }
}

}  // namespace
}  // namespace vyre::queue
