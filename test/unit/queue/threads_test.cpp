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

#include "queue/queue.hpp"
#include "support/bounded_submit.hpp"

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
        const Submitted got = submit_until(queue.producer(), {items, n}, deadline, space, doorbell);
        if (got.outcome != TakeOutcome::ok) failed = true;
        sent += got.accepted;
        delay();
      }
    });
  }

  // Poller: checks order, then posts the completions of a batch from its far end, and holds one
  // back for a batch now and then.
  std::vector<std::uint32_t> next(static_cast<std::size_t>(producers), 0);
  std::atomic<std::uint64_t> torn{0};
  std::uint64_t out_of_order = 0;
  threads.emplace_back([&] {
    Delay delay{seed + 100};
    Consumer consumer = queue.consumer();
    TakenItem taken[32];
    const Writer writer = queue.writer();
    struct Held {
      std::uint64_t position;
      Completion completion;
    };
    std::vector<Held> held;
    while (consumer.position < total && !failed) {
      std::uint32_t n = 0;
      if (!doorbell.wait_until(deadline,
                               [&] { return (n = consumer.take(taken, 32)) != 0 || failed; }))
        failed = true;
      consumer.release();
      Held done[32];
      for (std::uint32_t i = 0; i < n; ++i) {
        const MegakernelWorkItem& it = taken[i].item;
        if (it.output_handle != it.input_handle * 7u || it.param != ~it.input_handle) ++torn;
        if (it.op_handle >= next.size() || next[it.op_handle]++ != it.input_handle) ++out_of_order;
        const std::uint64_t position = consumer.position - n + i;
        done[n - 1 - i] = {position, Completion::make(CompletionStatus::done, FaultCode::none,
                                                      static_cast<std::uint32_t>(position),
                                                      it.op_handle, it.input_handle, 0)};
      }
      delay();
      const bool hold = n != 0 && consumer.position < total && consumer.position % 3 == 0;
      for (std::uint32_t i = 0; i + (hold ? 1 : 0) < n; ++i)
        writer.post(done[i].position, done[i].completion);
      for (const Held& late : held) writer.post(late.position, late.completion);
      held.clear();
      if (hold) held.push_back(done[n - 1]);
      collected_bell.notify();
      space.notify();
    }
  });

  std::vector<std::uint8_t> seen(total, 0);
  std::uint64_t twice = 0;
  threads.emplace_back([&] {
    Delay delay{seed + 200};
    Reader reader = queue.reader();
    TakenCompletion done[32];
    while (reader.position < total && !failed) {
      std::uint32_t n = 0;
      if (!collected_bell.wait_until(deadline, [&] {
            return (n = reader.take(done, 32, queue.producer().tail())) != 0 || failed;
          })) {
        failed = true;
      }
      for (std::uint32_t i = 0; i < n; ++i) {
        if (done[i].completion.position_low != static_cast<std::uint32_t>(done[i].position)) ++torn;
        if (done[i].position >= total || seen[done[i].position]++ != 0) ++twice;
      }
      delay();
      reader.release();
      space.notify();
    }
  });
  for (auto& t : threads) t.join();
  EXPECT_FALSE(failed.load()) << "a deadline passed";
  EXPECT_EQ(torn.load(), 0u);
  EXPECT_EQ(out_of_order, 0u);
  EXPECT_EQ(twice, 0u);
  for (std::size_t p = 0; p < next.size(); ++p) EXPECT_EQ(next[p], each) << "producer " << p;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<std::ptrdiff_t>(total));
}

INSTANTIATE_TEST_SUITE_P(Producers, Threads, testing::Values(1, 2, 4, 8),
                         [](const auto& one) { return "x" + std::to_string(one.param); });

// Without claims the rings alone keep the two sides apart.
TEST(ThreadsSingleProducer, EveryItemComesOnceInOrder) {
  auto made = Queue::create({.slots = 64, .single_producer = true});
  ASSERT_TRUE(made);
  Queue& queue = *made;
  const std::uint32_t total = static_cast<std::uint32_t>(20'000 * scale());
  const auto deadline = Clock::now() + std::chrono::seconds{100};
  std::thread producer([&] {
    const Producer ring = queue.producer();
    for (std::uint32_t sent = 0; sent < total && Clock::now() < deadline;) {
      const Reservation got = ring.try_reserve(std::min(total - sent, 16u));
      if (got.outcome == TakeOutcome::full) std::this_thread::yield();
      for (std::uint32_t i = 0; i < got.count; ++i, ++sent)
        ring.publish_owned(got.first + i, {0, sent, sent * 7u, ~sent}, 0);
    }
  });
  Consumer consumer = queue.consumer();
  Reader reader = queue.reader();
  std::uint64_t wrong = 0;
  while (reader.position < total && Clock::now() < deadline) {
    TakenItem taken[32];
    const std::uint32_t n = consumer.take(taken, 32);
    consumer.release();
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto serial = static_cast<std::uint32_t>(consumer.position - n + i);
      const MegakernelWorkItem& it = taken[i].item;
      if (it.input_handle != serial || it.output_handle != serial * 7u || it.param != ~serial)
        ++wrong;
      queue.writer().post(serial, Completion{});
    }
    TakenCompletion out[32];
    if (reader.take(out, 32, consumer.position) != n) ++wrong;
    reader.release();
    if (n == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(reader.position, total);
  EXPECT_EQ(wrong, 0u);
}

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
    queue.writer().post(r - 1, Completion{});
    TakenCompletion out{};
    ASSERT_EQ(reader.take(&out, 1, r), 1u);
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
              queue.producer(), items, Clock::now() + std::chrono::seconds{60}, space, doorbell);
          accepted.fetch_add(got.accepted);
          if (got.outcome != TakeOutcome::ok) return;
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
      for (std::uint32_t i = 0; i < n; ++i)
        queue.writer().post(consumer.position - n + i, Completion{});
      TakenCompletion out[8];
      ASSERT_EQ(reader.take(out, 8, consumer.position), n);
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
