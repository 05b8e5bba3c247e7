// Built-in ops of the CPU backend on one thread against the loop that a C++ programmer would write:
// processor time, both in turns in the same run. Inside the timed region: one op over all bytes, as
// a worker does it, without ring and session. Each case checks its answer against the baseline's.
// `cpu_of_baseline` is the ratio of the medians (docs/internals/benchmarking.md).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "builtin/ops.hpp"
#include "cpu/backend/fast_forms.hpp"
#include "cpu/backend/split_ops.hpp"
#include "support/statistics.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#define VYRE_BENCH_CRC __attribute__((noinline, target("sse4.2")))
#endif

namespace vyre {
namespace {

constexpr int kRounds{31};

/// Both in turns; false where they do not agree.
template <class Ours, class Theirs, class Same>
void contest(benchmark::State& state, std::uint64_t bytes, const Ours& ours, const Theirs& theirs,
             const Same& same) {
  std::vector<double> our_s;
  std::vector<double> their_s;
  for (auto _ : state) {
    for (int round = 0; round < kRounds; ++round) {
      our_s.push_back(bench::thread_seconds_of(ours));
      their_s.push_back(bench::thread_seconds_of(theirs));
    }
  }
  if (!same()) {
    state.SkipWithError("the op's answer differs from the baseline's");
    return;
  }
  state.counters["bytes_per_second"] = static_cast<double>(bytes) / bench::median(our_s);
  state.counters["baseline_bytes_per_second"] = static_cast<double>(bytes) / bench::median(their_s);
  state.counters["cpu_of_baseline"] = bench::median(our_s) / bench::median(their_s);
}

Bytes noise(std::size_t count) {
  Bytes bytes(count);
  std::uint64_t x = 88172645463325252u;
  for (std::uint8_t& byte : bytes) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    byte = static_cast<std::uint8_t>(x);
  }
  return bytes;
}

#if defined(__x86_64__)
VYRE_BENCH_CRC std::uint32_t one_stream(ByteSpan bytes) {
  std::uint64_t crc = 0xFFFFFFFFu;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (; i < bytes.size(); ++i) rest = _mm_crc32_u8(rest, bytes[i]);
  return ~rest;
}

void BM_Builtin_Crc32c(benchmark::State& state) {
  if (__builtin_cpu_supports("sse4.2") == 0) {
    state.SkipWithError("the baseline needs SSE4.2");
    return;
  }
  const Bytes bytes = noise(static_cast<std::size_t>(state.range(0)));
  std::uint32_t ours = 0;
  std::uint32_t theirs = 1;
  contest(
      state, bytes.size(), [&] { ours = cpu::crc32c(bytes); }, [&] { theirs = one_stream(bytes); },
      [&] { return ours == theirs; });
}
BENCHMARK(BM_Builtin_Crc32c)->ArgName("bytes")->Arg(256 << 10)->Arg(64 << 20)->Iterations(1);
#endif

/// Without a branch on the mask, as one writes it by hand.
__attribute__((noinline)) std::uint64_t branchless(const std::uint32_t* values,
                                                   const std::uint8_t* mask, std::uint64_t count,
                                                   std::uint32_t* kept) {
  std::uint64_t found = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    kept[found] = values[i];
    found += mask[i] != 0 ? 1 : 0;
  }
  return found;
}

void BM_Builtin_Select(benchmark::State& state) {
  const auto words = static_cast<std::size_t>(state.range(0)) / 4;
  std::vector<std::uint32_t> values(words);
  const Bytes random = noise(words * 4);
  std::memcpy(values.data(), random.data(), random.size());
  Bytes mask(words);
  for (std::size_t i = 0; i < words; ++i) mask[i] = random[i] & 1u;
  std::vector<std::uint32_t> kept(words + 1);
  std::vector<std::uint32_t> expected(words + 1);
  std::uint64_t ours = 0;
  std::uint64_t theirs = 1;
  contest(
      state, words * 4,
      [&] {
        ours = cpu::select_words(reinterpret_cast<const std::uint8_t*>(values.data()), mask.data(),
                                 words, reinterpret_cast<std::uint8_t*>(kept.data()), words);
      },
      [&] { theirs = branchless(values.data(), mask.data(), words, expected.data()); },
      [&] {
        return ours == theirs &&
               std::equal(kept.begin(), kept.begin() + static_cast<long>(ours), expected.begin());
      });
}
BENCHMARK(BM_Builtin_Select)->ArgName("bytes")->Arg(256 << 10)->Arg(64 << 20)->Iterations(1);

void BM_Builtin_Copy(benchmark::State& state) {
  Bytes from = noise(static_cast<std::size_t>(state.range(0)));
  Bytes to(from.size());
  Bytes expected(from.size());
  const std::array in{builtin::Buffer{from.data(), from.size(), 1, true}};
  const std::array out{builtin::Buffer{to.data(), to.size(), 2, false}};
  const auto op = builtin::Op::mem_copy;
  contest(
      state, from.size(),
      [&] {
        if (const auto cut = cpu::split(op, in, out, 0, 1)) {
          for (std::uint64_t unit = 0; unit < cut->units(0); ++unit) cut->run(0, unit);
          cut->finish();
        } else {
          (void)builtin::run(static_cast<std::uint32_t>(op), in, out, 0);
        }
      },
      [&] {
        std::memcpy(expected.data(), from.data(), from.size());
        benchmark::DoNotOptimize(expected.data());
      },
      [&] { return to == expected; });
}
BENCHMARK(BM_Builtin_Copy)->ArgName("bytes")->Arg(256 << 10)->Arg(256 << 20)->Iterations(1);

}  // namespace
}  // namespace vyre
