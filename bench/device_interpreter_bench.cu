// The interpreter on a device by plain launches, blocks of 16 warps on every multiprocessor: f32
// polynomials over 2^26 elements against a fused compiled kernel (no fma) and an interpreter of one
// row a thread, medians of 20 runs between two events, each after a warm-up; and what a warp takes
// for one tiny item. Every case checks each byte. Writes JSON to --out; the table goes to standard
// output. Goal: 2,000 Gop/s at order 10 (docs/internals/benchmarking.md).
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "protocol/limits.hpp"
#include "support/device.hpp"
#include "support/device/interpreter_probe.hpp"
#include "support/polynomial.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint64_t kElements{std::uint64_t{1} << 26};
constexpr int kRuns{20};
constexpr std::uint32_t kSliceBytes{14'336};

Result<core::Image> image_of(const std::string& text) {
  VYRE_ASSIGN(const vir::Program assembled, vir::assemble(text));
  VYRE_ASSIGN(const vir::Program program, vir::prepare(assembled));
  VYRE_TRY(vir::validate(program));
  return vir::lower(program);
}

template <class T>
core::BufferView view(std::vector<T>& v) {
  return {reinterpret_cast<std::uint8_t*>(v.data()), v.size() * sizeof(T)};
}

struct Case {
  int order;
  double interpreted;
  double fused;
  double rows;
};

Result<Case> measure(int order, std::uint32_t blocks) {
  VYRE_ASSIGN(const core::Image image, image_of(polynomial_program(order)));
  std::vector<float> x(kElements);
  for (std::uint64_t i = 0; i < kElements; ++i) x[i] = polynomial_input(i);
  const auto coefficients = polynomial_coefficients();
  std::vector<float> c(coefficients.begin(), coefficients.end());
  std::vector<float> y(kElements);

  std::vector<float> fused(kElements);
  std::vector<float> rows(kElements);
  Case made{order, 0, 0, 0};
  {
    VYRE_ASSIGN(const auto dx, device_memory<float>(kElements));
    VYRE_ASSIGN(const auto dc, device_memory<float>(c.size()));
    VYRE_ASSIGN(const auto dy, device_memory<float>(kElements));
    VYRE_TRY(check(cudaMemcpy(dx.get(), x.data(), kElements * 4, cudaMemcpyHostToDevice), "x"));
    VYRE_TRY(check(cudaMemcpy(dc.get(), c.data(), c.size() * 4, cudaMemcpyHostToDevice), "c"));
    VYRE_ASSIGN(made.fused, device_seconds(kRuns, [&](cudaStream_t stream) {
                  return launch_fused_polynomial(order, dx.get(), dc.get(), dy.get(), kElements,
                                                 stream);
                }));
    VYRE_TRY(check(cudaMemcpy(fused.data(), dy.get(), kElements * 4, cudaMemcpyDeviceToHost), "y"));
    VYRE_ASSIGN(const RowInterpreter interpreter, RowInterpreter::make(order));
    VYRE_ASSIGN(made.rows, device_seconds(kRuns, [&](cudaStream_t stream) {
                  return interpreter.launch(dx.get(), dy.get(), kElements, stream);
                }));
    VYRE_TRY(check(cudaMemcpy(rows.data(), dy.get(), kElements * 4, cudaMemcpyDeviceToHost), "y"));
  }

  cuda::InterpreterProbeOptions options;
  options.blocks = blocks;
  options.slice_bytes = kSliceBytes;
  options.scratch_bytes = 256;
  options.workgroups_a_run = 32;
  VYRE_ASSIGN(cuda::InterpreterProbe probe, cuda::InterpreterProbe::open(options));
  cuda::InterpreterProbe::Timing timing;
  timing.runs = kRuns;
  const std::vector<core::BufferView> buffers{view(x), view(c), view(y)};
  const std::uint64_t workgroups = kElements / 256;
  VYRE_ASSIGN(const core::RunResult result,
              probe.run(image, buffers, {static_cast<std::uint32_t>(workgroups), 1, 1},
                        {0, workgroups}, kDefaultFuel, &timing));
  if (result.fault.code != FaultCode::none) return fail(Errc::unsupported, "the program faulted");
  if (std::memcmp(y.data(), fused.data(), kElements * 4) != 0 ||
      std::memcmp(rows.data(), fused.data(), kElements * 4) != 0) {
    return fail(Errc::device_lost, "the three do not give the same bytes");
  }
  made.interpreted = median(timing.seconds);
  return made;
}

/// Seconds of one launch in which every warp runs `items` spans of 64 lanes and 10 operations, one
/// after another, against a launch with one span each: what one span costs a warp, staged.
Result<double> tiny_item_seconds(std::uint32_t blocks) {
  std::string text =
      "workgroup 64, 1, 1;\nbuffer x: u32[] read_only;\nbuffer y: u32[] read_write;\nregion \"t\" "
      "{\nlet v = x[gid.x];\n";
  for (int k = 1; k <= 5; ++k)
    text += "v = v * " + std::to_string(2 * k + 1) + "u + " + std::to_string(k) + "u;\n";
  text += "y[gid.x] = v;\n}\n";
  VYRE_ASSIGN(const core::Image image, image_of(text));
  const auto run = [&](std::uint64_t items) -> Result<double> {
    const std::uint64_t workgroups = std::uint64_t{blocks} * 16 * items;
    std::vector<std::uint32_t> x(workgroups * 64, 3);
    std::vector<std::uint32_t> y(workgroups * 64);
    cuda::InterpreterProbeOptions options;
    options.blocks = blocks;
    options.slice_bytes = kSliceBytes;
    options.scratch_bytes = 256;
    options.workgroups_a_run = 1;
    VYRE_ASSIGN(cuda::InterpreterProbe probe, cuda::InterpreterProbe::open(options));
    cuda::InterpreterProbe::Timing timing;
    timing.runs = kRuns;
    const std::vector<core::BufferView> buffers{view(x), view(y)};
    VYRE_TRY(probe.run(image, buffers, {static_cast<std::uint32_t>(workgroups), 1, 1},
                       {0, workgroups}, kDefaultFuel, &timing));
    std::uint32_t want = 3;
    for (std::uint32_t k = 1; k <= 5; ++k) want = want * (2 * k + 1) + k;
    for (const std::uint32_t have : y) {
      if (have != want) return fail(Errc::device_lost, "a tiny item gave a wrong word");
    }
    return median(timing.seconds);
  };
  VYRE_ASSIGN(const double few, run(1));
  VYRE_ASSIGN(const double many, run(65));
  return (many - few) / 64;
}

Status bench(const std::string& out) {
  int blocks = 0;
  VYRE_TRY(check(cudaDeviceGetAttribute(&blocks, cudaDevAttrMultiProcessorCount, 0), "a device"));
  VYRE_ASSIGN(const DeviceNames names, device_names());
  nlohmann::json json{{"device", names.device}, {"driver", names.driver},
                      {"runs", kRuns},          {"elements", kElements},
                      {"blocks", blocks},       {"slice_bytes", kSliceBytes}};
  std::printf("%-6s %12s %12s %12s %8s %8s  (Gop/s)\n", "order", "interpreted", "fused", "rows",
              "/fused", "/rows");
  for (const int order : kOrders) {
    VYRE_ASSIGN(const Case one, measure(order, static_cast<std::uint32_t>(blocks)));
    const double operations = 2.0 * order * static_cast<double>(kElements) * 1e-9;
    std::printf("%-6d %12.0f %12.0f %12.0f %8.2f %8.2f\n", order, operations / one.interpreted,
                operations / one.fused, operations / one.rows, one.fused / one.interpreted,
                one.rows / one.interpreted);
    json["polynomial"].push_back({{"order", order},
                                  {"interpreted_gops", operations / one.interpreted},
                                  {"fused_gops", operations / one.fused},
                                  {"rows_gops", operations / one.rows},
                                  {"interpreted_s", one.interpreted},
                                  {"fused_s", one.fused},
                                  {"rows_s", one.rows}});
  }
  VYRE_ASSIGN(const double tiny, tiny_item_seconds(static_cast<std::uint32_t>(blocks)));
  const double rate = blocks * 16 / tiny;
  std::printf("tiny items of 64 lanes and 10 operations: %.2f us a warp, %.1f M/s on %d blocks\n",
              tiny * 1e6, rate * 1e-6, blocks);
  json["tiny"] = {{"warp_us", tiny * 1e6}, {"items_per_s", rate}};
  std::ofstream(out) << json.dump(2) << '\n';
  return {};
}

}  // namespace
}  // namespace vyre::bench

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "--out") != 0) {
    std::fprintf(stderr, "usage: %s --out FILE\n", argv[0]);
    return 2;
  }
  const vyre::Status done = vyre::bench::bench(argv[2]);
  if (done) return 0;
  std::fprintf(stderr, "%s\n", to_string(done.error()).c_str());
  return 1;
}
