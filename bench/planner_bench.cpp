// The planner on one thread. Inside the timed region: the planning of a batch that lies ready as
// plain data; outside: making the batch. Baselines of the same run: a hash set of the items' four
// words, which is dedupe without looking at versions; one pass over the buffers of a batch that
// notes the last writer of each, which is the least that a plan has to look at; and one pass over
// the edges of a lineage that joins words of a set. Each run checks its answer, and rows of a
// quarter of the size show the growth. How numbers become claims: docs/internals/benchmarking.md.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>
#include <vector>

#include "planner/plan.hpp"

namespace vyre::planner {
namespace {

constexpr std::int64_t kItems{1'000'000};
constexpr std::uint32_t kRules{40};

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

Work with_buffers(std::uint32_t buffers) {
  Work work;
  OpFacts op;
  op.id = 1'024;
  op.name = "copy";
  op.repeatable = op.flat = true;
  op.workgroup = {32, 1, 1};
  op.registers = 1;
  op.rules = {0};
  BindingFacts own;
  own.own_element = own.whole = true;
  op.inputs = op.outputs = {own};
  work.ops.push_back(op);
  work.rules = kRules;
  work.buffers.resize(buffers);
  for (std::uint32_t b = 0; b < buffers; ++b) {
    work.buffers[b].handle = b + 1;
    work.buffers[b].bytes = 4'096;
  }
  return work;
}

Work chain(std::uint32_t n) {
  Work work = with_buffers(n + 1);
  for (std::uint32_t i = 0; i < n; ++i) work.add(0, {i}, {i + 1}).grid = {1, 1, 1};
  return work;
}

Work independent(std::uint32_t n) {
  Work work = with_buffers(2 * n);
  for (std::uint32_t i = 0; i < n; ++i) work.add(0, {2 * i}, {2 * i + 1}).grid = {1, 1, 1};
  return work;
}

/// Every item comes twice, the second time somewhere in the second half.
Work twice(std::uint32_t n) {
  Work work = with_buffers(n);
  const std::uint32_t half = n / 2;
  for (std::uint32_t i = 0; i < half; ++i) work.add(0, {i}, {half + i});
  std::vector<std::uint32_t> order(half);
  for (std::uint32_t i = 0; i < half; ++i) order[i] = i;
  for (std::uint32_t i = half; i > 1; --i) std::swap(order[i - 1], order[mixed(i) % i]);
  for (const std::uint32_t i : order) work.add(0, {i}, {half + i});
  return work;
}

void dedupe(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  const Work work = twice(n);
  for (auto _ : state) {
    Deduper deduper(work, nullptr);
    std::uint32_t removed = 0;
    for (std::uint32_t i = 0; i < n; ++i) removed += deduper.next() ? 1 : 0;
    if (removed != n / 2) state.SkipWithError("another number of items was removed");
  }
  state.SetItemsProcessed(state.iterations() * n);
}

void dedupe_baseline(benchmark::State& state) {
  struct Hash {
    std::size_t operator()(const std::array<std::uint32_t, 4>& w) const {
      return mixed((std::uint64_t{w[0]} << 32 | w[1]) + mixed(std::uint64_t{w[2]} << 32 | w[3]));
    }
  };
  const auto n = static_cast<std::uint32_t>(state.range(0));
  const Work work = twice(n);
  for (auto _ : state) {
    std::unordered_set<std::array<std::uint32_t, 4>, Hash> seen;
    seen.reserve(n);
    std::uint32_t removed = 0;
    for (const Item& item : work.items) {
      const auto uses = work.uses_of(item);
      removed += seen.insert({item.op, uses[0].buffer, uses[1].buffer, item.param}).second ? 0 : 1;
    }
    if (removed != n / 2) state.SkipWithError("another number of items was removed");
  }
  state.SetItemsProcessed(state.iterations() * n);
}

void plan(benchmark::State& state, Work (*make)(std::uint32_t), Form form) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  const Work work = make(n);
  for (auto _ : state) {
    const auto made = make_plan(work, {}, {});
    if (!made || made->published() != n || made->regions.regions[0].form != form)
      state.SkipWithError("another plan");
  }
  state.SetItemsProcessed(state.iterations() * n);
}

void plan_baseline(benchmark::State& state, Work (*make)(std::uint32_t), std::uint32_t edges) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  const Work work = make(n);
  for (auto _ : state) {
    std::vector<std::uint32_t> writer(work.buffers.size(), kNoItem);
    std::uint32_t found = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      for (const BufferUse& use : work.uses_of(i)) {
        if ((use.bits & kReads) != 0) found += writer[use.buffer] != kNoItem ? 1 : 0;
        if ((use.bits & kWrites) != 0) writer[use.buffer] = i;
      }
    }
    if (found != edges * (n - 1)) state.SkipWithError("another number of edges");
  }
  state.SetItemsProcessed(state.iterations() * n);
}

std::vector<LineageEdge> random_edges(std::uint32_t regions, bool cycles) {
  std::vector<LineageEdge> edges;
  for (std::uint32_t e = 0; e < 3 * regions; ++e) {
    const auto region = static_cast<std::uint32_t>(mixed(2 * e + 1) % regions);
    const auto from = static_cast<std::uint32_t>(mixed(2 * e + 2) % regions);
    if (cycles) {
      edges.push_back({region, from});
    } else if (region != from) {
      edges.push_back({std::max(region, from), std::min(region, from)});
    }
  }
  return edges;
}

void close_lineage(benchmark::State& state, bool cycles) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  const auto edges = random_edges(n, cycles);
  RuleSets own(n, kRules);
  for (std::uint32_t r = 0; r < n; ++r) own.add(r, r % kRules);
  for (auto _ : state) {
    const auto sets = lineage(own, edges, {});
    if (!sets || !sets->has(n - 1, (n - 1) % kRules)) state.SkipWithError("another lineage");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(edges.size()));
}

void lineage_baseline(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  const auto edges = random_edges(n, false);
  std::vector<std::uint64_t> sets(n);
  for (auto _ : state) {
    for (std::uint32_t r = 0; r < n; ++r) sets[r] = std::uint64_t{1} << r % kRules;
    for (const LineageEdge& edge : edges) sets[edge.region] |= sets[edge.from];
    benchmark::DoNotOptimize(sets.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(edges.size()));
}

void BM_Planner_Dedupe(benchmark::State& state) {
  dedupe(state);
}
void BM_Planner_DedupeBaseline(benchmark::State& state) {
  dedupe_baseline(state);
}
void BM_Planner_Chain(benchmark::State& state) {
  plan(state, chain, Form::lanes);
}
void BM_Planner_Independent(benchmark::State& state) {
  plan(state, independent, Form::bundle);
}
void BM_Planner_ChainBaseline(benchmark::State& state) {
  plan_baseline(state, chain, 1);
}
void BM_Planner_IndependentBaseline(benchmark::State& state) {
  plan_baseline(state, independent, 0);
}
void BM_Planner_Lineage(benchmark::State& state) {
  close_lineage(state, false);
}
void BM_Planner_LineageCycles(benchmark::State& state) {
  close_lineage(state, true);
}
void BM_Planner_LineageBaseline(benchmark::State& state) {
  lineage_baseline(state);
}

#define VYRE_PLANNER_BENCH(name) \
  BENCHMARK(name)->Arg(kItems / 4)->Arg(kItems)->Unit(benchmark::kMillisecond)->Iterations(3)
VYRE_PLANNER_BENCH(BM_Planner_Dedupe);
VYRE_PLANNER_BENCH(BM_Planner_DedupeBaseline);
VYRE_PLANNER_BENCH(BM_Planner_Chain);
VYRE_PLANNER_BENCH(BM_Planner_ChainBaseline);
VYRE_PLANNER_BENCH(BM_Planner_Independent);
VYRE_PLANNER_BENCH(BM_Planner_IndependentBaseline);
VYRE_PLANNER_BENCH(BM_Planner_Lineage);
VYRE_PLANNER_BENCH(BM_Planner_LineageCycles);
VYRE_PLANNER_BENCH(BM_Planner_LineageBaseline);
#undef VYRE_PLANNER_BENCH

}  // namespace
}  // namespace vyre::planner
