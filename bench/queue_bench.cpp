// The rings on this machine's processors. Inside the timed region: reserve, publish, take, post,
// collect and give back for every item; outside: thread creation. One consumer thread is poller,
// worker and collector in one, so a number is the cost of the queue and of nothing else. Each run
// checks that every item came once and unchanged. The baseline, a deque under a mutex, is measured
// in the same run. Reported: items/s; p50, p99 and max in ns an item over batches (same thread
// only). How numbers become claims: docs/internals/benchmarking.md.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "queue/queue.hpp"
#include "queue/waiter.hpp"

namespace vyre::queue {
namespace {

constexpr std::uint32_t kBatch{32};
constexpr std::uint64_t kItems{1u << 20};
constexpr std::chrono::seconds kDeadline{60};

std::uint64_t sum_of(std::uint64_t count) {
  return count * (count - 1) / 2;
}

/// Starts `producers` threads that each call produce(first, count) and times until consume()
/// returns.
template <class Produce, class Consume>
double race(std::uint32_t producers, const Produce& produce, const Consume& consume) {
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  const std::uint64_t each = kItems / producers;
  for (std::uint32_t p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
      produce(p * each, each);
    });
  }
  const auto start = Clock::now();
  go.store(true, std::memory_order_release);
  consume();
  const auto end = Clock::now();
  for (auto& t : threads) t.join();
  return std::chrono::duration<double>(end - start).count();
}

/// Publishes as many of the items as the ring has room for, waiting until it has some.
std::uint32_t submit(const Producer& producer, const MegakernelWorkItem* items, std::uint32_t count,
                     bool owned, Deadline deadline, Waiter& space, Waiter& doorbell) {
  Reservation got;
  (void)space.wait_until(deadline, [&] {
    got = producer.try_reserve(count);
    return got.outcome != TakeOutcome::full;
  });
  for (std::uint32_t i = 0; i < got.count; ++i) {
    if (owned) {
      producer.publish_owned(got.first + i, items[i], 0);
    } else if (!producer.try_publish(got.first + i, items[i], 0)) {
      return 0;
    }
  }
  doorbell.notify();
  return got.count;
}

void BM_Ring_PublishTake(benchmark::State& state) {
  const auto producers = static_cast<std::uint32_t>(state.range(0));
  const bool owned = state.range(1) != 0;
  for (auto _ : state) {
    auto made = Queue::create({.slots = kDefaultRingSlots, .single_producer = owned});
    Queue& queue = *made;
    Waiter space;
    Waiter doorbell;
    const Deadline deadline = Clock::now() + kDeadline;
    std::atomic<bool> failed{false};
    std::uint64_t sum = 0;
    const double seconds = race(
        producers,
        [&](std::uint64_t first, std::uint64_t count) {
          MegakernelWorkItem items[kBatch];
          for (std::uint64_t sent = 0; sent < count && !failed;) {
            const auto n =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(kBatch, count - sent));
            for (std::uint32_t i = 0; i < n; ++i)
              items[i] = {0, 0, 0, static_cast<std::uint32_t>(first + sent + i)};
            const std::uint32_t accepted =
                submit(queue.producer(), items, n, owned, deadline, space, doorbell);
            if (accepted == 0) failed = true;
            sent += accepted;
          }
        },
        [&] {
          Consumer consumer = queue.consumer();
          Reader reader = queue.reader();
          const Writer writer = queue.writer();
          TakenItem taken[kBatch];
          TakenCompletion ended[kBatch];
          while (consumer.position < kItems && !failed) {
            std::uint32_t n = 0;
            if (!doorbell.wait_until(deadline,
                                     [&] { return (n = consumer.take(taken, kBatch)) != 0; }))
              failed = true;
            consumer.release();
            for (std::uint32_t i = 0; i < n; ++i) {
              sum += taken[i].item.param;
              const std::uint64_t position = consumer.position - n + i;
              writer.post(position,
                          Completion::make(CompletionStatus::done, FaultCode::none,
                                           static_cast<std::uint32_t>(position), 0, 0, 0));
            }
            if (reader.take(ended, kBatch, consumer.position) != n) failed = true;
            reader.release();
            space.notify();
          }
        });
    if (failed || sum != sum_of(kItems)) {
      state.SkipWithError("an item was lost, doubled or changed, or the deadline passed");
      return;
    }
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(kItems));
}
BENCHMARK(BM_Ring_PublishTake)
    ->ArgNames({"producers", "owned"})
    ->Args({1, 0})
    ->Args({2, 0})
    ->Args({4, 0})
    ->Args({1, 1})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

void BM_Baseline_MutexDeque(benchmark::State& state) {
  const auto producers = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) {
    std::mutex mutex;
    std::condition_variable has_items;
    std::condition_variable has_space;
    std::deque<MegakernelWorkItem> queue;
    std::uint64_t sum = 0;
    const double seconds = race(
        producers,
        [&](std::uint64_t first, std::uint64_t count) {
          for (std::uint64_t sent = 0; sent < count; sent += kBatch) {
            const std::uint64_t n = std::min<std::uint64_t>(kBatch, count - sent);
            {
              std::unique_lock lock{mutex};
              has_space.wait(lock, [&] { return queue.size() + n <= kDefaultRingSlots; });
              for (std::uint64_t i = 0; i < n; ++i) {
                queue.push_back({0, 0, 0, static_cast<std::uint32_t>(first + sent + i)});
              }
            }
            has_items.notify_one();
          }
        },
        [&] {
          for (std::uint64_t seen = 0; seen < kItems;) {
            {
              std::unique_lock lock{mutex};
              has_items.wait(lock, [&] { return !queue.empty(); });
              for (std::uint32_t n = 0; n < kBatch && !queue.empty(); ++n) {
                sum += queue.front().param;
                queue.pop_front();
                ++seen;
              }
            }
            has_space.notify_all();
          }
        });
    if (sum != sum_of(kItems)) {
      state.SkipWithError("the baseline lost an item");
      return;
    }
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(kItems));
}
BENCHMARK(BM_Baseline_MutexDeque)
    ->ArgName("producers")
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

/// The instructions alone: one thread does everything, nothing is contended, no thread sleeps.
void BM_Ring_SameThread(benchmark::State& state) {
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  const bool owned = state.range(1) != 0;
  auto made = Queue::create({.slots = kDefaultRingSlots, .single_producer = owned});
  Queue& queue = *made;
  Consumer consumer = queue.consumer();
  Reader reader = queue.reader();
  const Producer producer = queue.producer();
  const Writer writer = queue.writer();
  std::vector<TakenItem> taken(batch);
  std::vector<TakenCompletion> ended(batch);
  std::vector<double> ns_per_item;
  ns_per_item.reserve(1u << 20);
  std::uint64_t next = 0;
  bool right = true;
  for (auto _ : state) {
    const auto start = Clock::now();
    const Reservation got = producer.try_reserve(batch);
    for (std::uint32_t i = 0; i < got.count; ++i) {
      const MegakernelWorkItem item{0, 0, 0, static_cast<std::uint32_t>(next + i)};
      if (owned) {
        producer.publish_owned(got.first + i, item, 0);
      } else {
        right &= producer.try_publish(got.first + i, item, 0);
      }
    }
    const std::uint32_t n = consumer.take(taken.data(), batch);
    consumer.release();
    for (std::uint32_t i = 0; i < n; ++i) {
      right &= taken[i].item.param == static_cast<std::uint32_t>(next + i);
      writer.post(next + i, Completion::make(CompletionStatus::done, FaultCode::none,
                                             static_cast<std::uint32_t>(next + i), 0, 0, 0));
    }
    right &= n == batch && reader.take(ended.data(), batch, consumer.position) == batch;
    reader.release();
    next += batch;
    const auto end = Clock::now();
    if (ns_per_item.size() < ns_per_item.capacity()) {
      ns_per_item.push_back(std::chrono::duration<double, std::nano>(end - start).count() / batch);
    }
  }
  if (!right) state.SkipWithError("an item was lost or changed");
  std::sort(ns_per_item.begin(), ns_per_item.end());
  if (!ns_per_item.empty()) {
    state.counters["p50_ns"] = ns_per_item[ns_per_item.size() / 2];
    state.counters["p99_ns"] = ns_per_item[ns_per_item.size() * 99 / 100];
    state.counters["max_ns"] = ns_per_item.back();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * batch);
}
BENCHMARK(BM_Ring_SameThread)
    ->ArgNames({"batch", "owned"})
    ->Args({1, 0})
    ->Args({32, 0})
    ->Args({256, 0})
    ->Args({32, 1})
    ->Args({256, 1});

/// Two threads that sleep: what a wake-up costs when a thread sleeps.
void BM_Waiter_PingPong(benchmark::State& state) {
  Waiter ping;
  Waiter pong;
  std::atomic<std::uint64_t> turn{0};
  std::atomic<bool> stop{false};
  const Deadline deadline = Clock::now() + kDeadline;
  std::thread other([&] {
    std::uint64_t seen = 0;
    while (!stop) {
      if (!ping.wait_until(
              deadline, [&] { return turn.load(std::memory_order_acquire) == seen + 1 || stop; }))
        return;
      if (stop) return;
      seen += 2;
      turn.store(seen, std::memory_order_release);
      pong.notify();
    }
  });
  std::uint64_t now = 0;
  bool in_time = true;
  for (auto _ : state) {
    turn.store(now + 1, std::memory_order_release);
    ping.notify();
    in_time &=
        pong.wait_until(deadline, [&] { return turn.load(std::memory_order_acquire) == now + 2; });
    now += 2;
  }
  stop = true;
  ping.notify();
  other.join();
  if (!in_time) state.SkipWithError("a wake-up was lost");
}
BENCHMARK(BM_Waiter_PingPong)->UseRealTime();

}  // namespace
}  // namespace vyre::queue
