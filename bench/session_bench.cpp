// What a Session adds to an item on this machine's processors, CPU backend, workers = logical CPUs.
// No-op items: inside the timed region are submit_many, rings, workers, collecting, results,
// latency histograms and counters of every item, until the last one has ended; outside: opening and
// closing. Round trip: submit and wait of one item at a time. Tiny programs: one workgroup of 32
// lanes, one store a lane. Every run checks that all items ended as done. The baseline, a task
// queue of std::function under a mutex and a condition variable, is measured in the same run. How
// numbers become claims: docs/internals/benchmarking.md.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/host_info.hpp"
#include "runtime/session.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime {
namespace {

constexpr std::uint64_t kItems{4'000'000};
constexpr std::uint64_t kBatch{1'024};

Deadline far() {
  return after(std::chrono::seconds{120});
}

Result<Session> open(std::uint32_t queues) {
  SessionOptions options;
  options.backend = BackendKind::cpu;
  options.queues = queues;
  return Session::open(options);
}

void BM_Session_NoOp(benchmark::State& state) {
  const auto producers = static_cast<std::uint32_t>(state.range(0));
  const bool own_queues = state.range(1) != 0;
  for (auto _ : state) {
    auto session = open(own_queues ? producers : 1);
    if (!session) return state.SkipWithError(session.error().message.c_str());
    const std::vector<MegakernelWorkItem> items(kBatch, MegakernelWorkItem{0, 0, 0, 0});
    std::vector<std::thread> threads;
    std::atomic<bool> failed{false};
    const auto begin = Clock::now();
    for (std::uint32_t p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        for (std::uint64_t left = kItems / producers; left != 0;) {
          const auto part = std::span(items).first(std::min(left, kBatch));
          const auto many = session->submit_many(part, far(), own_queues ? p : 0);
          if (many.stopped_by) {
            failed = true;
            return;
          }
          left -= many.accepted;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    const auto drained = session->wait_all(far());
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - begin).count());
    if (failed || !drained || drained->ended != kItems || drained->not_done != 0) {
      return state.SkipWithError("an item was lost, refused or not done");
    }
    const auto document = session->report();
    if (!document.ops.empty() && document.ops[0].latency) {
      state.counters["latency_p50_ns"] = static_cast<double>(document.ops[0].latency->p50_ns);
      state.counters["latency_p99_ns"] = static_cast<double>(document.ops[0].latency->p99_ns);
      state.counters["latency_max_ns"] = static_cast<double>(document.ops[0].latency->max_ns);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kItems));
}
BENCHMARK(BM_Session_NoOp)
    ->ArgNames({"producers", "own_queues"})
    ->Args({1, 0})
    ->Args({2, 0})
    ->Args({2, 1})
    ->MeasureProcessCPUTime()  // all threads: what an item costs, not only how long it took
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

/// A million no-op items a second, for a second, with a timeline and without: what it costs is the
/// processor time of the process, because the rate is the same.
void BM_Session_Timeline(benchmark::State& state) {
  constexpr std::uint64_t kPaced{1'000'000};
  constexpr std::uint64_t kPart{1'000};
  constexpr std::chrono::milliseconds kPause{1};
  const auto cpu_ns = [] {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  };
  for (auto _ : state) {
    SessionOptions options;
    options.backend = BackendKind::cpu;
    options.workers = 1;
    options.timeline_events = state.range(0) != 0 ? 262'144 : 0;
    auto session = Session::open(options);
    if (!session) return state.SkipWithError(session.error().message.c_str());
    const std::vector<MegakernelWorkItem> items(kPart, MegakernelWorkItem{0, 0, 0, 0});
    const auto begin = Clock::now();
    const double before = cpu_ns();
    for (std::uint64_t part = 0; part < kPaced / kPart; ++part) {
      std::this_thread::sleep_until(begin + part * kPause);
      if (session->submit_many(items, far()).accepted != items.size())
        return state.SkipWithError("an item was refused");
    }
    const auto drained = session->wait_all(far());
    state.counters["cpu_an_item_ns"] = (cpu_ns() - before) / static_cast<double>(kPaced);
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - begin).count());
    if (!drained || drained->ended != kPaced || drained->not_done != 0)
      return state.SkipWithError("an item was lost or not done");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kPaced));
}
BENCHMARK(BM_Session_Timeline)
    ->ArgName("on")
    ->Arg(0)
    ->Arg(1)
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

void BM_Session_RoundTrip(benchmark::State& state) {
  auto session = open(1);
  if (!session) return state.SkipWithError(session.error().message.c_str());
  std::vector<double> ns;
  ns.reserve(1u << 20);
  for (auto _ : state) {
    const auto begin = Clock::now();
    const auto ticket = session->submit({0, 0, 0, 0}, far());
    if (!ticket || !session->wait(*ticket, far())) return state.SkipWithError("an item was lost");
    if (ns.size() < ns.capacity()) {
      ns.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
    }
  }
  std::sort(ns.begin(), ns.end());
  if (ns.empty()) return;
  state.counters["p50_ns"] = ns[ns.size() / 2];
  state.counters["p99_ns"] = ns[ns.size() * 99 / 100];
  state.counters["max_ns"] = ns.back();
}
BENCHMARK(BM_Session_RoundTrip)->UseRealTime();

void BM_Session_TinyProgram(benchmark::State& state) {
  constexpr std::uint64_t kTiny{200'000};
  constexpr std::size_t kOutputs{64};
  const auto program = vir::assemble(
      "workgroup 32, 1, 1;\n"
      "buffer y: u32[32] read_write output live_out;\n"
      "region \"tiny\" { y[gid.x] = gid.x * 3; }\n");
  if (!program) return state.SkipWithError(to_string(program.error()).c_str());
  for (auto _ : state) {
    auto session = open(1);
    if (!session) return state.SkipWithError(session.error().message.c_str());
    const auto op = session->register_program("tiny", *program);
    if (!op) return state.SkipWithError(op.error().message.c_str());
    std::vector<MegakernelWorkItem> items;
    for (std::size_t i = 0; i < kOutputs; ++i) {
      items.push_back({op->id, 0, session->allocate(128)->id, 0});
    }
    const auto begin = Clock::now();
    for (std::uint64_t sent = 0; sent < kTiny; sent += kOutputs) {
      if (session->submit_many(items, far()).accepted != items.size()) {
        return state.SkipWithError("an item was refused");
      }
    }
    const auto drained = session->wait_all(far());
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - begin).count());
    if (!drained || drained->ended != kTiny || drained->not_done != 0) {
      return state.SkipWithError("an item was lost or not done");
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kTiny));
}
BENCHMARK(BM_Session_TinyProgram)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

/// What one writes without a runtime: a deque of functions, a mutex, a condition variable, a
/// counter of the done.
void BM_Baseline_FunctionQueue(benchmark::State& state) {
  for (auto _ : state) {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::function<void()>> tasks;
    bool closing = false;
    std::atomic<std::uint64_t> ended{0};
    std::vector<std::thread> workers;
    for (std::uint32_t w = 0; w < platform::logical_cpus(); ++w) {
      workers.emplace_back([&] {
        for (;;) {
          std::unique_lock lock(mutex);
          wake.wait(lock, [&] { return closing || !tasks.empty(); });
          if (tasks.empty()) return;
          const auto task = std::move(tasks.front());
          tasks.pop_front();
          lock.unlock();
          task();
        }
      });
    }
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < kItems / 8; ++i) {
      {
        const std::lock_guard lock(mutex);
        tasks.emplace_back([&ended] { ended.fetch_add(1, std::memory_order_relaxed); });
      }
      wake.notify_one();
    }
    while (ended.load() != kItems / 8) std::this_thread::yield();
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - begin).count());
    {
      const std::lock_guard lock(mutex);
      closing = true;
    }
    wake.notify_all();
    for (auto& worker : workers) worker.join();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * (kItems / 8)));
}
BENCHMARK(BM_Baseline_FunctionQueue)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vyre::runtime
