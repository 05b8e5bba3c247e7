// What the C ABI adds to a Session on this machine's processors. No-op items in batches of 1,024
// through runtime::Session, through vyre_submit (32-byte items with handles to check) and through
// vyre_submit_work_items (16-byte items, as they are), in turns. Inside the timed region:
// submitting 100 million items and waiting until the last has ended; outside: opening and closing.
// In pairs: what submitting costs its thread in each of the three ways, of which medians of ratios
// are the claim, because whole runs differ by more than the ways do.
// First result: from nothing to an open CPU session and the result of one item, and the end of the
// session apart from it. How numbers become claims: docs/internals/benchmarking.md.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <vector>

#include "runtime/session.hpp"
#include "support/statistics.hpp"
#include "vyre/vyre.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kItems{100'000'000};
constexpr std::uint64_t kBatch{1'024};
constexpr vyre_ns kLong{120'000'000'000};

/// Frees it; true for success.
bool ok(vyre_error* error) {
  const bool success = error == nullptr;
  vyre_error_free(error);
  return success;
}

void BM_Abi_NoOpBySession(benchmark::State& state) {
  for (auto _ : state) {
    vyre::runtime::SessionOptions options;
    options.backend = vyre::runtime::BackendKind::cpu;
    auto session = vyre::runtime::Session::open(options);
    if (!session) return state.SkipWithError(session.error().message.c_str());
    const std::vector<vyre::MegakernelWorkItem> items(kBatch, {0, 0, 0, 0});
    const auto begin = Clock::now();
    for (std::uint64_t left = kItems; left != 0;) {
      const auto many = session->submit_many(std::span(items).first(std::min(left, kBatch)),
                                             Clock::now() + std::chrono::nanoseconds{kLong});
      if (many.stopped_by) return state.SkipWithError("an item was refused");
      left -= many.accepted;
    }
    const auto drained = session->wait_all(Clock::now() + std::chrono::nanoseconds{kLong});
    state.SetIterationTime(vyre::bench::seconds_since(begin));
    if (!drained || drained->ended != kItems || drained->not_done != 0) {
      return state.SkipWithError("an item was lost or not done");
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kItems));
}

/// `submit` gives the items of one batch, at most so many.
template <class Submit>
void through_the_abi(benchmark::State& state, const Submit& submit) {
  for (auto _ : state) {
    vyre_session_options options = VYRE_INIT(vyre_session_options);
    options.device = "cpu";
    options.queues = 1;
    vyre_session* session = nullptr;
    vyre_queue* queue = nullptr;
    vyre_op nop = 0;
    if (!ok(vyre_session_open(&options, &session)) || !ok(vyre_queue_main(session, &queue)) ||
        !ok(vyre_op_find(session, "nop", &nop))) {
      return state.SkipWithError("no session");
    }
    vyre_totals totals = VYRE_INIT(vyre_totals);
    const auto begin = Clock::now();
    bool going = true;
    for (std::uint64_t left = kItems; left != 0 && going;) {
      const std::uint64_t part = std::min(left, kBatch);
      going = ok(submit(queue, nop, part));
      left -= part;
    }
    going = ok(vyre_session_wait(session, kLong, &totals)) && going;
    state.SetIterationTime(vyre::bench::seconds_since(begin));
    vyre_queue_free(queue);
    vyre_session_free(session);
    if (!going || totals.done != kItems) return state.SkipWithError("an item was lost or not done");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kItems));
}

void BM_Abi_NoOpByItems(benchmark::State& state) {
  std::vector<vyre_item> items(kBatch);
  through_the_abi(state, [&](vyre_queue* queue, vyre_op nop, std::uint64_t count) {
    if (items[0].op != nop) std::fill(items.begin(), items.end(), vyre_item{nop, 0, 0, 0, 0});
    return vyre_submit(queue, items.data(), count, sizeof(vyre_item), kLong, nullptr, nullptr,
                       nullptr);
  });
}

void BM_Abi_NoOpByWorkItems(benchmark::State& state) {
  const std::vector<vyre_work_item> items(kBatch, vyre_work_item{0, 0, 0, 0});
  through_the_abi(state, [&](vyre_queue* queue, vyre_op, std::uint64_t count) {
    return vyre_submit_work_items(queue, items.data(), count, 0, kLong, nullptr, nullptr, nullptr);
  });
}

/// Submitting alone, in pairs: each round submits the same items in each of the three ways, in an
/// order that goes round, to rings that have room for all of them. Inside the timed region is the
/// submitting thread's processor time; waiting for the items is outside.
void BM_Abi_SubmitInPairs(benchmark::State& state) {
  constexpr std::uint32_t kSlots{65'536};
  constexpr std::uint64_t kBatches{32};
  static_assert(kBatches * kBatch <= kSlots);
  constexpr int kRounds{301};
  vyre::runtime::SessionOptions options;
  options.backend = vyre::runtime::BackendKind::cpu;
  options.workers = 1;
  options.ring_slots = kSlots;
  auto direct = vyre::runtime::Session::open(options);
  vyre_session_options c_options = VYRE_INIT(vyre_session_options);
  c_options.device = "cpu";
  c_options.workers = 1;
  c_options.ring_slots = kSlots;
  vyre_session* session = nullptr;
  vyre_queue* queue = nullptr;
  vyre_op nop = 0;
  if (!direct || !ok(vyre_session_open(&c_options, &session)) ||
      !ok(vyre_queue_main(session, &queue)) || !ok(vyre_op_find(session, "nop", &nop))) {
    return state.SkipWithError("no session");
  }
  const std::vector<vyre::MegakernelWorkItem> plain(kBatch, {0, 0, 0, 0});
  const std::vector<vyre_item> items(kBatch, {nop, 0, 0, 0, 0});
  const std::vector<vyre_work_item> work_items(kBatch, {0, 0, 0, 0});
  const auto far = [] { return Clock::now() + std::chrono::nanoseconds{kLong}; };
  const auto submit = [&](int way) {
    if (way == 0) return direct->submit_many(plain, far()).accepted == kBatch;
    if (way == 1) {
      return ok(vyre_submit(queue, items.data(), kBatch, sizeof(vyre_item), kLong, nullptr, nullptr,
                            nullptr));
    }
    return ok(vyre_submit_work_items(queue, work_items.data(), kBatch, 0, kLong, nullptr, nullptr,
                                     nullptr));
  };
  std::vector<double> ns[3];
  std::vector<double> ratio[3];
  bool going = true;
  for (auto _ : state) {
    for (int round = 0; round < kRounds && going; ++round) {
      double now[3]{};
      for (int turn = 0; turn < 3; ++turn) {
        const int way = (round + turn) % 3;
        const double begin = vyre::bench::thread_seconds();
        for (std::uint64_t b = 0; b < kBatches; ++b) going = submit(way) && going;
        now[way] =
            (vyre::bench::thread_seconds() - begin) * 1e9 / static_cast<double>(kBatches * kBatch);
        going = (way == 0 ? direct->wait_all(far()).has_value()
                          : ok(vyre_session_wait(session, kLong, nullptr))) &&
                going;
      }
      for (int way = 0; way < 3; ++way) {
        ns[way].push_back(now[way]);
        ratio[way].push_back(now[0] / now[way]);
      }
    }
  }
  vyre_queue_free(queue);
  vyre_session_free(session);
  if (!going) return state.SkipWithError("an item was lost or refused");
  state.counters["session_ns_p50"] = vyre::bench::median(ns[0]);
  state.counters["items_ns_p50"] = vyre::bench::median(ns[1]);
  state.counters["work_items_ns_p50"] = vyre::bench::median(ns[2]);
  state.counters["items_rate_p50"] = vyre::bench::median(ratio[1]);
  state.counters["work_items_rate_p50"] = vyre::bench::median(ratio[2]);
}

void BM_Abi_FirstResult(benchmark::State& state) {
  std::vector<double> to_result;
  std::vector<double> to_end;
  for (auto _ : state) {
    vyre_session_options options = VYRE_INIT(vyre_session_options);
    options.device = "cpu";
    options.workers = static_cast<std::uint32_t>(state.range(0));
    vyre_session* session = nullptr;
    vyre_queue* queue = nullptr;
    vyre_op nop = 0;
    vyre_ticket ticket{};
    vyre_result result{};
    const auto begin = Clock::now();
    bool going = ok(vyre_session_open(&options, &session)) &&
                 ok(vyre_queue_main(session, &queue)) && ok(vyre_op_find(session, "nop", &nop));
    const vyre_item item{nop, 0, 0, 0, 0};
    going = going && ok(vyre_submit(queue, &item, 1, 0, kLong, nullptr, &ticket, nullptr)) &&
            ok(vyre_wait(session, &ticket, 1, 1, kLong, &result, 0, nullptr));
    const double first = vyre::bench::seconds_since(begin);
    const auto end = Clock::now();
    vyre_queue_free(queue);
    vyre_session_free(session);
    state.SetIterationTime(first);
    if (!going || result.status != VYRE_ITEM_DONE) return state.SkipWithError("no result");
    to_result.push_back(first * 1e6);
    to_end.push_back(vyre::bench::seconds_since(end) * 1e6);
  }
  state.counters["result_p50_us"] = vyre::bench::median(to_result);
  state.counters["end_p50_us"] = vyre::bench::median(to_end);
}

#define VYRE_NO_OPS(name)                                                         \
  BENCHMARK(name)->MeasureProcessCPUTime()->UseManualTime()->Iterations(1)->Unit( \
      benchmark::kMillisecond)
// In turns, because the machine changes meanwhile; the page takes medians.
VYRE_NO_OPS(BM_Abi_NoOpBySession);
VYRE_NO_OPS(BM_Abi_NoOpByItems);
VYRE_NO_OPS(BM_Abi_NoOpByWorkItems);
BENCHMARK(BM_Abi_SubmitInPairs)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Abi_FirstResult)
    ->ArgName("workers")
    ->Arg(2)
    ->Arg(16)
    ->UseManualTime()
    ->Iterations(101)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
