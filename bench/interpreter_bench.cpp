// The CPU interpreter on one thread against the same loop compiled natively for the same
// instruction set: f32 polynomials by Horner's rule, a multiply and an add an order, each rounded
// (no fused multiply-add). Inside the timed region: one run over all elements; outside: lowering
// and memory. Every case checks each byte against the native loop. Reported: operations/s (2 x
// order x elements) and `slowdown`, the ratio of the medians of interpreted and native time
// measured alternately in the same run. The goal is 3 (docs/internals/benchmarking.md).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/interpreter/interpreter.hpp"
#include "platform/host_info.hpp"
#include "protocol/limits.hpp"
#include "support/statistics.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

constexpr std::size_t kElements{std::size_t{1} << 22};
constexpr int kRounds{15};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VYRE_NATIVE(isa) __attribute__((noinline, target(isa), optimize("O3")))
#define VYRE_NATIVE_512 "avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512"
#define VYRE_NATIVE_256 "avx2,fma"
#define VYRE_NATIVE_128 "sse2"
#elif defined(__x86_64__)
#define VYRE_NATIVE(isa) __attribute__((noinline, target(isa)))
#define VYRE_NATIVE_512 "avx512f,avx512bw,avx512dq,avx512vl,fma"
#define VYRE_NATIVE_256 "avx2,fma"
#define VYRE_NATIVE_128 "sse2"
#else
#define VYRE_NATIVE(isa) __attribute__((noinline))
#define VYRE_NATIVE_512
#define VYRE_NATIVE_256
#define VYRE_NATIVE_128
#endif

#define VYRE_NATIVE_LOOP(name, isa)                                                      \
  template <int kOrder>                                                                  \
  VYRE_NATIVE(isa)                                                                       \
  void name(const float* __restrict x, const float* __restrict c, float* __restrict y) { \
    for (std::size_t i = 0; i < kElements; ++i) {                                        \
      float sum = c[kOrder];                                                             \
      for (int k = kOrder - 1; k >= 0; --k) sum = sum * x[i] + c[k];                     \
      y[i] = sum;                                                                        \
    }                                                                                    \
  }
VYRE_NATIVE_LOOP(native_512, VYRE_NATIVE_512)
VYRE_NATIVE_LOOP(native_256, VYRE_NATIVE_256)
VYRE_NATIVE_LOOP(native_128, VYRE_NATIVE_128)

using Native = void (*)(const float*, const float*, float*);

template <int kOrder>
Native native_loop() {
  if (cpu::Interpreter::variant() == "avx512") return native_512<kOrder>;
  if (cpu::Interpreter::variant() == "avx2") return native_256<kOrder>;
  return native_128<kOrder>;
}

std::string polynomial(int order, bool guarded) {
  std::string text =
      "workgroup 256, 1, 1;\n"
      "buffer x: f32[] read_only;\n"
      "buffer c: f32[] read_only;\n"
      "buffer y: f32[] read_write;\n"
      "region \"polynomial\" {\n";
  if (guarded) text += "if gid.x < len(y) {\n";
  text += "let v = x[gid.x];\nlet sum = c[" + std::to_string(order) + "];\n";
  for (int k = order - 1; k >= 0; --k) text += "sum = sum * v + c[" + std::to_string(k) + "];\n";
  text += "y[gid.x] = sum;\n";
  return text + (guarded ? "}\n}\n" : "}\n");
}

Result<core::Image> image_of(const std::string& text) {
  VYRE_ASSIGN(const vir::Program assembled, vir::assemble(text));
  VYRE_ASSIGN(const vir::Program program, vir::prepare(assembled));
  VYRE_TRY(vir::validate(program));
  return vir::lower(program);
}

template <int kOrder>
void BM_Interpreter_Polynomial(benchmark::State& state) {
  const bool guarded = state.range(0) != 0;
  const auto image = image_of(polynomial(kOrder, guarded));
  if (!image) {
    state.SkipWithError(image.error().message.c_str());
    return;
  }
  std::vector<float> x(kElements);
  std::vector<float> expected(kElements);
  std::vector<float> y(kElements);
  std::vector<float> c(16);
  for (std::size_t i = 0; i < kElements; ++i) x[i] = static_cast<float>(i % 4096) / 4096.0f - 0.5f;
  for (std::size_t k = 0; k < c.size(); ++k) c[k] = 1.0f / static_cast<float>(k + 3);
  const auto view = [](std::vector<float>& v) {
    return core::BufferView{reinterpret_cast<std::uint8_t*>(v.data()), v.size() * sizeof(float)};
  };
  const std::vector<core::BufferView> buffers{view(x), view(c), view(y)};
  const core::Grid grid{static_cast<std::uint32_t>(kElements / 256), 1, 1};
  const Native native = native_loop<kOrder>();
  cpu::Interpreter interpreter;
  const auto interpret = [&] {
    const auto result = interpreter.run(*image, buffers, grid, {0, kElements / 256}, kDefaultFuel);
    if (result.fault.code != FaultCode::none) state.SkipWithError("the program faulted");
  };
  std::vector<double> interpreted_s;
  std::vector<double> native_s;
  for (auto _ : state) {
    for (int round = 0; round < kRounds; ++round) {
      interpreted_s.push_back(bench::thread_seconds_of(interpret));
      native_s.push_back(
          bench::thread_seconds_of([&] { native(x.data(), c.data(), expected.data()); }));
      benchmark::DoNotOptimize(expected.data());
    }
  }
  if (std::memcmp(y.data(), expected.data(), kElements * sizeof(float)) != 0) {
    state.SkipWithError("the interpreter's bytes differ from the native loop's");
    return;
  }
  const double operations = 2.0 * kOrder * static_cast<double>(kElements);
  std::sort(interpreted_s.begin(), interpreted_s.end());
  state.counters["interpreted_op_per_s"] = operations / bench::median(interpreted_s);
  state.counters["native_op_per_s"] = operations / bench::median(native_s);
  state.counters["slowdown"] = bench::median(interpreted_s) / bench::median(native_s);
  state.counters["best_ratio"] =
      interpreted_s.front() / *std::min_element(native_s.begin(), native_s.end());
  state.counters["interpreted_ms_p50"] = bench::median(interpreted_s) * 1e3;
  state.counters["interpreted_ms_max"] = interpreted_s.back() * 1e3;
  state.counters["native_ms_p50"] = bench::median(native_s) * 1e3;
}
BENCHMARK_TEMPLATE(BM_Interpreter_Polynomial, 1)->ArgName("guarded")->Arg(0)->Arg(1)->Iterations(1);
BENCHMARK_TEMPLATE(BM_Interpreter_Polynomial, 5)->ArgName("guarded")->Arg(0)->Arg(1)->Iterations(1);
BENCHMARK_TEMPLATE(BM_Interpreter_Polynomial, 10)
    ->ArgName("guarded")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(1);

}  // namespace
}  // namespace vyre

int main(int argc, char** argv) {
  benchmark::AddCustomContext("interpreter_variant",
                              std::string(vyre::cpu::Interpreter::variant()));
  benchmark::AddCustomContext("build", vyre::platform::build_description());
  benchmark::AddCustomContext("cpu", vyre::platform::cpu_model());
  benchmark::AddCustomContext("kernel", vyre::platform::kernel_release());
  benchmark::AddCustomContext("elements", std::to_string(vyre::kElements));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
