// The way of a program from bytes to an image: decode, encode, fingerprint, validate, lower, in
// MB/s of wire bytes. Inside the timed region: the named step alone; outside: building the corpus
// and everything before the step. Corpus: programs of 64 and 4,096 statements of mixed arithmetic,
// made in-process, always the same. Every step's answer is checked once before it is timed.
// Baseline, measured in the same run: BLAKE3 of the same bytes, which decode and encode contain;
// "times_digest" is how many times as long the step takes. One thread. Reported: bytes/s; p50, p99
// and max in ns a program.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "vir/lower/lower.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::vir {
namespace {

using BenchClock = std::chrono::steady_clock;

// A counter-based generator: the corpus never changes with a library's.
std::uint32_t noise(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x7FEB'352Du;
  x ^= x >> 15;
  x *= 0x846C'A68Bu;
  return x ^ x >> 16;
}

ExprId leaf(Program& p, std::uint32_t statement, std::uint32_t salt) {
  Expr e;
  const std::uint32_t n = noise(statement * 64 + salt);
  if (n % 3 == 0 && statement > 0) {
    e.tag = ExprTag::Var;
    e.name = p.intern("v" + std::to_string(n / 3 % statement));
  } else if (n % 3 == 1) {
    e.tag = ExprTag::Load;
    e.name = p.intern("input");
    Expr index;
    index.tag = ExprTag::InvocationId;
    e.child[0] = p.add(index);
  } else {
    e.bits = n;
  }
  return p.add(e);
}

ExprId tree(Program& p, std::uint32_t statement, std::uint32_t salt, int depth) {
  if (depth == 0) return leaf(p, statement, salt);
  static constexpr BinOp kOps[] = {BinOp::Add, BinOp::Mul, BinOp::BitXor, BinOp::Min, BinOp::Sub};
  Expr e;
  e.tag = ExprTag::BinOp;
  e.op = static_cast<std::uint8_t>(kOps[noise(statement + salt) % std::size(kOps)]);
  e.child[0] = tree(p, statement, salt * 2 + 1, depth - 1);
  e.child[1] = tree(p, statement, salt * 2 + 2, depth - 1);
  return p.add(e);
}

BufferDecl buffer(Program& p, const char* name, std::uint32_t binding, Access access) {
  BufferDecl b;
  b.name = p.intern(name);
  b.binding = binding;
  b.count = 1'024;
  b.access = access;
  b.element = p.scalar(TypeTag::U32);
  return b;
}

/// `statements` Lets of seven operations each, the last one stored.
Program make_program(std::uint32_t statements) {
  Program p;
  p.workgroup = {64, 1, 1};
  p.buffers = {buffer(p, "input", 0, Access::ReadOnly), buffer(p, "out", 1, Access::ReadWrite)};
  p.buffers[1].is_output = true;
  p.buffers[1].pipeline_live_out = true;
  std::vector<NodeId> body;
  for (std::uint32_t s = 0; s < statements; ++s) {
    Node let;
    let.tag = NodeTag::Let;
    let.name = p.intern("v" + std::to_string(s));
    let.e0 = tree(p, s, 1, 3);
    body.push_back(p.add(let));
  }
  Node store;
  store.tag = NodeTag::Store;
  store.name = p.intern("out");
  Expr id;
  id.tag = ExprTag::InvocationId;
  store.e0 = p.add(id);
  Expr last;
  last.tag = ExprTag::Var;
  last.name = p.intern("v" + std::to_string(statements - 1));
  store.e1 = p.add(last);
  body.push_back(p.add(store));
  p.entry = p.add_list(body);
  wrap_root(p);
  return p;
}

struct Input {
  Program program;
  Bytes blob;
  double digest_ns{0};  // p50 of the baseline
};

double percentile(std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

template <class Step>
std::vector<double> sorted_times(benchmark::State& state, const Step& step) {
  std::vector<double> times;
  for (auto _ : state) {
    const auto start = BenchClock::now();
    step();
    const double ns = std::chrono::duration<double, std::nano>(BenchClock::now() - start).count();
    state.SetIterationTime(ns * 1e-9);
    times.push_back(ns);
  }
  std::sort(times.begin(), times.end());
  return times;
}

const Input& input_of(std::uint32_t statements) {
  static std::vector<std::pair<std::uint32_t, Input>> made;
  for (const auto& [size, input] : made) {
    if (size == statements) return input;
  }
  Input input{make_program(statements), {}, 0};
  input.blob = encode(input.program).value();
  std::vector<double> times;
  for (int i = 0; i < 101; ++i) {
    const auto start = BenchClock::now();
    benchmark::DoNotOptimize(blake3(input.blob));
    times.push_back(std::chrono::duration<double, std::nano>(BenchClock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  input.digest_ns = percentile(times, 0.5);
  made.emplace_back(statements, std::move(input));
  return made.back().second;
}

template <class Step>
void measure(benchmark::State& state, const Input& input, const Step& step) {
  std::vector<double> times = sorted_times(state, step);
  if (times.empty()) return;
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(input.blob.size()));
  state.counters["wire_bytes"] = static_cast<double>(input.blob.size());
  state.counters["p50_ns"] = percentile(times, 0.5);
  state.counters["p99_ns"] = percentile(times, 0.99);
  state.counters["max_ns"] = times.back();
  state.counters["times_digest"] = percentile(times, 0.5) / input.digest_ns;
}

template <class T>
bool check(benchmark::State& state, const Result<T>& result) {
  if (!result) state.SkipWithError(to_string(result.error()).c_str());
  return result.has_value();
}

std::uint32_t statements_of(const benchmark::State& state) {
  return static_cast<std::uint32_t>(state.range(0));
}

void BM_Vir_Digest(benchmark::State& state) {
  const Input& input = input_of(statements_of(state));
  measure(state, input, [&] { benchmark::DoNotOptimize(blake3(input.blob)); });
}

void BM_Vir_Decode(benchmark::State& state) {
  const Input& input = input_of(statements_of(state));
  const auto program = decode(input.blob);
  if (!check(state, program)) return;
  if (!same_program(*program, input.program)) return state.SkipWithError("decoded another program");
  measure(state, input, [&] { benchmark::DoNotOptimize(decode(input.blob)); });
}

void BM_Vir_Encode(benchmark::State& state) {
  const Input& input = input_of(statements_of(state));
  if (encode(decode(input.blob).value()).value() != input.blob) {
    return state.SkipWithError("encoded other bytes");
  }
  measure(state, input, [&] { benchmark::DoNotOptimize(encode(input.program)); });
}

void BM_Vir_Fingerprint(benchmark::State& state) {
  const Input& input = input_of(statements_of(state));
  if (fingerprint(canonicalised(input.program)).value() != fingerprint(input.program).value()) {
    return state.SkipWithError("the canonical program has another fingerprint");
  }
  measure(state, input, [&] { benchmark::DoNotOptimize(fingerprint(input.program)); });
}

void BM_Vir_Validate(benchmark::State& state) {
  const Input& input = input_of(statements_of(state));
  const auto prepared = prepare(input.program);
  if (!check(state, prepared) || !check(state, validate(*prepared))) return;
  measure(state, input, [&] { benchmark::DoNotOptimize(validate(*prepared)); });
}

void BM_Vir_Lower(benchmark::State& state) {
  const Input& input = input_of(statements_of(state));
  const auto prepared = prepare(input.program);
  if (!check(state, prepared) || !check(state, lower(*prepared))) return;
  measure(state, input, [&] { benchmark::DoNotOptimize(lower(*prepared)); });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgName("statements")->Arg(64)->Arg(4'096)->UseManualTime()->MinTime(0.2);
}

BENCHMARK(BM_Vir_Digest)->Apply(sizes);
BENCHMARK(BM_Vir_Decode)->Apply(sizes);
BENCHMARK(BM_Vir_Encode)->Apply(sizes);
BENCHMARK(BM_Vir_Fingerprint)->Apply(sizes);
BENCHMARK(BM_Vir_Validate)->Apply(sizes);
BENCHMARK(BM_Vir_Lower)->Apply(sizes);

}  // namespace
}  // namespace vyre::vir
