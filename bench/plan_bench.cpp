// What a plan gains and costs in a session of CPU workers, and in one on a device where the name
// says so (such a row is an error where there is none), against submitting the same items one by
// one. Both sides take turns in one run; the row's time is the plan's median, and the counters have
// the other side's (`one_by_one_ns`) and how many times faster the plan is (`times_faster`). Inside
// the timed region: submitting and waiting for every item; where the name says so, making the plan.
// Every run checks that all items ended as done and that the bytes are right. How numbers become
// claims: docs/internals/benchmarking.md.
#include <benchmark/benchmark.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/plan.hpp"
#include "runtime/session.hpp"
#include "support/statistics.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime {
namespace {

constexpr std::uint32_t kSteps{16};  // of a chain

/// A row that has not ended after so long gives up, as does one of its waits: a machine with a
/// stuck kernel must come back by itself.
constexpr std::chrono::seconds kRowEnds{18};
constexpr std::chrono::seconds kWaitEnds{10};

Deadline far() {
  return after(kWaitEnds);
}

/// False: something is wrong.
using Side = std::function<bool()>;

void in_turns(benchmark::State& state, const Side& planned, const Side& one_by_one) {
  std::vector<double> planned_ns;
  std::vector<double> plain_ns;
  const auto timed = [](const Side& side, std::vector<double>& ns) {
    const auto begin = Clock::now();
    const bool good = side();
    ns.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
    return good;
  };
  const Deadline row_ends = after(kRowEnds);
  for (auto _ : state) {
    if (Clock::now() >= row_ends) return state.SkipWithError("the row has not ended in time");
    if (!timed(one_by_one, plain_ns) || !timed(planned, planned_ns))
      return state.SkipWithError("an item was lost, refused or not done");
    state.SetIterationTime(planned_ns.back() / 1e9);
  }
  if (planned_ns.empty()) return;
  const double with = bench::median(planned_ns);
  const double without = bench::median(plain_ns);
  state.counters["planned_ns"] = with;
  state.counters["one_by_one_ns"] = without;
  state.counters["times_faster"] = without / with;
}

/// A session with items, and both ways of running them.
struct Work {
  std::optional<Session> session;
  std::vector<MegakernelWorkItem> items;
  /// A thread that waits for a device naps after a while, and a nap is as long as what is timed.
  bool spins{false};

  [[nodiscard]] bool one_by_one() {
    const auto many = session->submit_many(items, far());
    return many.accepted == items.size() &&
           ended({many.first.queue, many.first.position + items.size() - 1, many.first.session});
  }
  [[nodiscard]] bool planned(const Plan& plan) {
    const auto run = session->submit(plan, far());
    return run && run->accepted == items.size() && ended(run->tickets.back());
  }
  [[nodiscard]] bool plan_and_submit(const PlanOptions& options) {
    const auto plan = session->plan(items, options);
    return plan && planned(*plan);
  }
  /// Items behind others are ended when these are, in all batches here.
  [[nodiscard]] bool ended(const Ticket& last) {
    for (const Deadline until = far(); spins && !session->wait(last, Clock::now());) {
      if (Clock::now() >= until) return false;
    }
    if (!session->wait(last, far())) return false;
    const auto drained = session->wait_all(far());
    return drained && drained->not_done == 0;
  }
};

/// Chains that have no buffer in common. Each item adds one to what the one before it in its chain
/// wrote; 32 lanes each.
Result<Work> chains(std::uint32_t count, BackendKind backend = BackendKind::cpu) {
  Work work;
  SessionOptions options;
  options.backend = backend;
  work.spins = backend == BackendKind::cuda;
  VYRE_ASSIGN(work.session, Session::open(options));
  VYRE_ASSIGN(const vir::Program program,
              vir::assemble("workgroup 32, 1, 1;\n"
                            "buffer x: u32[] read_only;\n"
                            "buffer y: u32[32] read_write output live_out;\n"
                            "region \"next\" { y[gid.x] = x[gid.x] + 1; }\n"));
  VYRE_ASSIGN(const OpHandle op, work.session->register_program("next", program));
  for (std::uint32_t c = 0; c < count; ++c) {
    VYRE_ASSIGN(Handle before, work.session->allocate(128));
    for (std::uint32_t i = 0; i < kSteps; ++i) {
      VYRE_ASSIGN(const Handle next, work.session->allocate(128));
      work.items.push_back({op.id, before.id, next.id, 0});
      before = next;
    }
  }
  return work;
}

void chains_of_16(benchmark::State& state, BackendKind backend) {
  auto work = chains(static_cast<std::uint32_t>(state.range(0)), backend);
  if (!work) return state.SkipWithError(to_string(work.error()).c_str());
  const auto plan = work->session->plan(work->items, {.dedupe = false});
  if (!plan) return state.SkipWithError(to_string(plan.error()).c_str());
  in_turns(
      state, [&] { return work->planned(*plan); }, [&] { return work->one_by_one(); });
  const auto bytes = work->session->download({work->items.back().output_handle, 0, 0}, far());
  if (!bytes || load_le<std::uint32_t>(*bytes, 0) != kSteps)
    state.SkipWithError("the chain came to another number");
}

/// One chain, whose time on CPU workers is mostly that of waking a worker and the caller; and many
/// at once.
void BM_Plan_ChainsOf16(benchmark::State& state) {
  chains_of_16(state, BackendKind::cpu);
}
void BM_Plan_DeviceChainsOf16(benchmark::State& state) {
  chains_of_16(state, BackendKind::cuda);
}
void one_chain_and_many(benchmark::internal::Benchmark* row) {
  row->ArgName("chains")->Arg(1)->Arg(8)->Arg(64);
  row->UseManualTime()->Unit(benchmark::kMicrosecond);
}
BENCHMARK(BM_Plan_ChainsOf16)->Apply(one_chain_and_many);
// Of 64 chains one by one takes so long that the row would not end in time.
BENCHMARK(BM_Plan_DeviceChainsOf16)->Apply(one_chain_and_many)->Iterations(200);

/// Built-in copies in place of programs: the least that an item can cost. `bundle`: in place of the
/// chain, so many copies of one input that wait for no other.
void copies(benchmark::State& state, BackendKind backend, std::size_t bundle) {
  auto work = chains(bundle == 0 ? 1 : static_cast<std::uint32_t>(bundle / kSteps), backend);
  if (!work) return state.SkipWithError(to_string(work.error()).c_str());
  const std::uint32_t input = work->items[0].input_handle;
  for (MegakernelWorkItem& item : work->items) {
    item.op_handle = 2;  // mem.copy
    if (bundle != 0) item.input_handle = input;
  }
  const auto plan = work->session->plan(work->items, {.dedupe = false});
  if (!plan) return state.SkipWithError(to_string(plan.error()).c_str());
  in_turns(
      state, [&] { return work->planned(*plan); }, [&] { return work->one_by_one(); });
}
void BM_Plan_ChainOf16Copies(benchmark::State& state) {
  copies(state, BackendKind::cpu, 0);
}
BENCHMARK(BM_Plan_ChainOf16Copies)->UseManualTime()->Unit(benchmark::kMicrosecond);
void BM_Plan_DeviceChainOf16Copies(benchmark::State& state) {
  copies(state, BackendKind::cuda, 0);
}
BENCHMARK(BM_Plan_DeviceChainOf16Copies)->UseManualTime()->Unit(benchmark::kMicrosecond);
void BM_Plan_BundleOf64Copies(benchmark::State& state) {
  copies(state, BackendKind::cpu, 64);
}
BENCHMARK(BM_Plan_BundleOf64Copies)->UseManualTime()->Unit(benchmark::kMicrosecond);
void BM_Plan_DeviceBundleOf64Copies(benchmark::State& state) {
  copies(state, BackendKind::cuda, 64);
}
BENCHMARK(BM_Plan_DeviceBundleOf64Copies)->UseManualTime()->Unit(benchmark::kMicrosecond);

/// 1,000 items in chains of four; each turn plans anew.
void BM_Plan_MakeAndSubmit1000(benchmark::State& state) {
  Work work;
  SessionOptions options;
  options.backend = BackendKind::cpu;
  auto opened = Session::open(options);
  if (!opened) return state.SkipWithError(to_string(opened.error()).c_str());
  work.session.emplace(std::move(*opened));
  std::vector<Handle> buffers;
  for (int b = 0; b < 1'250; ++b) buffers.push_back(*work.session->allocate(128));
  for (std::size_t c = 0; c < 250; ++c) {
    for (std::size_t i = 0; i < 4; ++i)
      work.items.push_back({2, buffers[5 * c + i].id, buffers[5 * c + i + 1].id, 0});
  }
  const PlanOptions how{.dedupe = state.range(0) != 0};
  in_turns(
      state, [&] { return work.plan_and_submit(how); }, [&] { return work.one_by_one(); });
}
BENCHMARK(BM_Plan_MakeAndSubmit1000)
    ->ArgName("dedupe")
    ->Arg(0)
    ->Arg(1)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

/// Every item comes ten times.
void BM_Plan_TenOfEach(benchmark::State& state) {
  auto work = chains(1);
  if (!work) return state.SkipWithError(to_string(work.error()).c_str());
  const auto input = work->session->allocate(1 << 16);
  if (!input) return state.SkipWithError(to_string(input.error()).c_str());
  std::vector<MegakernelWorkItem> items;
  for (int times = 0; times < 10; ++times) {
    for (const MegakernelWorkItem& item : work->items)
      items.push_back({17, input->id, item.output_handle, 0});  // hash.crc32c
  }
  work->items = items;
  in_turns(
      state,
      [&] {
        // A write, so that the plan before stands for nothing.
        return work->session->write(*input, 0, Bytes(1, 1), far()) && work->plan_and_submit({});
      },
      [&] { return work->one_by_one(); });
}
BENCHMARK(BM_Plan_TenOfEach)->UseManualTime()->Unit(benchmark::kMicrosecond);

/// Two filters in one image, over 64 MiB of words. They read one input; or the second reads what
/// the first left, which is stored or, as scratch, is not.
enum class Filters : std::uint8_t { of_one_input, of_a_filter, of_scratch };

void two_filters(benchmark::State& state, BackendKind backend, Filters filters) {
  constexpr std::uint32_t kWords{std::uint32_t{16} << 20};
  const auto text = [](const char* value) {
    return "workgroup 256, 1, 1;\nbuffer x: u32[] read_only;\nbuffer y: u32[" +
           std::to_string(kWords) +
           "] read_write output live_out;\nregion \"filter\" { y[gid.x] = " + value + "; }\n";
  };
  Work work;
  SessionOptions options;
  options.backend = backend;
  work.spins = backend == BackendKind::cuda;
  auto opened = Session::open(options);
  if (!opened) return state.SkipWithError(to_string(opened.error()).c_str());
  work.session.emplace(std::move(*opened));
  Bytes input;
  for (std::uint32_t i = 0; i < kWords; ++i) append_le(input, i * 2'654'435'761u);
  const auto op = [&](const char* name, const char* value) {
    return work.session->register_program(name, *vir::assemble(text(value)))->id;
  };
  const Handle in = *work.session->upload(input, far());
  const Handle first = *work.session->allocate(input.size(), far());
  const Handle second = *work.session->allocate(input.size(), far());
  const std::uint32_t from = filters == Filters::of_one_input ? in.id : first.id;
  work.items = {{op("low", "select(x[gid.x] % 16 == 3, x[gid.x], 0)"), in.id, first.id, 0},
                {op("high", "select(x[gid.x] / 16 % 16 == 5, x[gid.x], 0)"), from, second.id, 0}};
  const Handle scratch[] = {first};
  const PlanOptions how{.dedupe = false,
                        .scratch = std::span(scratch).first(filters == Filters::of_scratch)};
  const auto plan = work.session->plan(work.items, how);
  if (!plan || plan->describe().find("1 lanes") == std::string::npos)
    return state.SkipWithError("the filters are not one image");
  in_turns(
      state, [&] { return work.planned(*plan); }, [&] { return work.one_by_one(); });
  if (!work.planned(*plan)) return state.SkipWithError("an item was lost, refused or not done");
  const auto bytes = work.session->download(second, far());
  for (std::uint32_t i = 0; bytes && i < kWords; ++i) {
    const std::uint32_t word = i * 2'654'435'761u;
    const bool passes = filters == Filters::of_one_input || word % 16 == 3;
    const std::uint32_t want = passes && word / 16 % 16 == 5 ? word : 0;
    if (load_le<std::uint32_t>(*bytes, std::size_t{i} * 4) != want)
      return state.SkipWithError("the filters left other words");
  }
}
BENCHMARK_CAPTURE(two_filters, of_one_input, BackendKind::cpu, Filters::of_one_input)
    ->Name("BM_Plan_TwoFiltersOf64MiB/of_one_input")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(two_filters, of_a_filter, BackendKind::cpu, Filters::of_a_filter)
    ->Name("BM_Plan_TwoFiltersOf64MiB/of_a_filter")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(two_filters, of_scratch, BackendKind::cpu, Filters::of_scratch)
    ->Name("BM_Plan_TwoFiltersOf64MiB/of_scratch")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(two_filters, device_of_one_input, BackendKind::cuda, Filters::of_one_input)
    ->Name("BM_Plan_DeviceTwoFiltersOf64MiB/of_one_input")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(two_filters, device_of_a_filter, BackendKind::cuda, Filters::of_a_filter)
    ->Name("BM_Plan_DeviceTwoFiltersOf64MiB/of_a_filter")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(two_filters, device_of_scratch, BackendKind::cuda, Filters::of_scratch)
    ->Name("BM_Plan_DeviceTwoFiltersOf64MiB/of_scratch")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vyre::runtime
