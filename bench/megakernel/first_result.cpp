// Time to the first result of a program never seen before: from a vir::Program in hand to result
// bytes in host memory, for 50 different programs of 20 operations over 1,024 elements, through a
// Session. Inside the timed region: register_program (prepare, validate, fingerprint, lower, copy
// to the device), submit, wait, download; outside: reading the text, and the buffers. Baseline: the
// same program as CUDA C++ through NVRTC: compile, load, launch, copy back; the first one, which
// also starts the compiler, is not counted.
#include <cstring>
#include <random>

#include "megakernel/machine.hpp"
#include "support/device.hpp"
#include "support/nvrtc.hpp"
#include "vir/text/text.hpp"

namespace vyre::bench {
namespace {

constexpr std::uint32_t kPrograms{50};
constexpr std::uint32_t kSteps{10};  // each a multiply or a difference, and an add
constexpr std::uint32_t kElements{1'024};
constexpr std::uint32_t kSeed{20'261'122};

/// One program in three forms.
struct Made {
  std::string vir;
  std::string cuda;
  std::vector<float> expected;
};

Made make(std::uint32_t index, const std::vector<float>& x) {
  std::mt19937 random(kSeed + index);
  Made made;
  made.vir =
      "workgroup 256, 1, 1;\n"
      "buffer x: f32[1024] read_only;\nbuffer y: f32[1024] read_write output;\n"
      "region \"first\" {\nlet v = x[gid.x];\nlet s = v;\n";
  made.cuda =
      "extern \"C\" __global__ void first(const float* x, float* y) {\n"
      "const unsigned i = blockIdx.x * 256 + threadIdx.x;\nfloat v = x[i], s = v;\n";
  made.expected = x;
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    // Constants are multiples of 1/8, so that both texts mean the same number.
    const std::uint32_t eighths = 1 + random() % 15;
    const float c = static_cast<float>(eighths) / 8.0f;
    char constant[32];
    std::snprintf(constant, sizeof constant, "%.3f", static_cast<double>(c));
    const bool multiply = random() % 2 == 0;
    const std::string op = multiply ? " * v + " : " - v + ";
    made.vir += "s = s" + op + constant + ";\n";
    made.cuda += "s = s" + op + constant + "f;\n";
    for (std::size_t i = 0; i < x.size(); ++i) {
      float& s = made.expected[i];
      const float part = multiply ? s * x[i] : s - x[i];
      s = part + c;
    }
  }
  made.vir += "y[gid.x] = s;\n}\n";
  made.cuda += "y[i] = s;\n}\n";
  return made;
}

Result<std::vector<double>> with_nvrtc(std::span<const Made> programs,
                                       const std::vector<float>& x) {
  VYRE_ASSIGN(const RuntimeCompiler compiler, RuntimeCompiler::open());
  VYRE_ASSIGN(const DeviceNames names, device_names());
  const std::string architecture = names.device.substr(names.device.rfind("sm_"));
  VYRE_ASSIGN(const DeviceMemory<float> in, device_memory<float>(kElements));
  VYRE_ASSIGN(const DeviceMemory<float> out, device_memory<float>(kElements));
  const std::size_t bytes = kElements * sizeof(float);
  VYRE_TRY(check(cudaMemcpy(in.get(), x.data(), bytes, cudaMemcpyHostToDevice), "filling x"));
  VYRE_ASSIGN(const Stream stream, Stream::make());
  std::vector<double> ms;
  std::vector<float> y(kElements);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const auto start = Clock::now();
    VYRE_ASSIGN(const RuntimeCompiler::Kernel kernel,
                compiler.compile(programs[i].cuda, "first", architecture));
    const float* from = in.get();
    float* to = out.get();
    void* arguments[] = {&from, &to};
    VYRE_TRY(check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel.kernel),
                                    dim3(kElements / 256), dim3(256), arguments, 0, stream.get()),
                   "launching a compiled program"));
    VYRE_TRY(check(cudaMemcpyAsync(y.data(), to, bytes, cudaMemcpyDeviceToHost, stream.get()),
                   "copying a result"));
    VYRE_TRY(stream.wait());
    if (i > 0) ms.push_back(seconds_since(start) * 1e3);
    if (std::memcmp(y.data(), programs[i].expected.data(), bytes) != 0)
      return fail(Errc::mismatch, "NVRTC's program gives other bytes than the host");
  }
  return ms;
}

Result<std::vector<double>> with_session(const Settings& settings, std::span<const Made> programs,
                                         const std::vector<float>& x) {
  VYRE_ASSIGN(runtime::Session session,
              runtime::Session::open(session_options(settings, MachineOptions{})));
  const std::size_t bytes = kElements * sizeof(float);
  VYRE_ASSIGN(const runtime::Handle in,
              session.upload({reinterpret_cast<const std::uint8_t*>(x.data()), bytes}));
  std::vector<double> ms;
  std::vector<float> y(kElements);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    VYRE_ASSIGN(const vir::Program program, vir::assemble(programs[i].vir));
    VYRE_ASSIGN(const runtime::Handle out, session.allocate(bytes));
    const Deadline deadline = after(std::chrono::seconds{10});
    const auto start = Clock::now();
    VYRE_ASSIGN(const runtime::OpHandle op,
                session.register_program("first " + std::to_string(i), program));
    VYRE_ASSIGN(const runtime::Ticket ticket, session.submit({op.id, in.id, out.id, 0}, deadline));
    VYRE_ASSIGN(const runtime::ItemResult result, session.wait(ticket, deadline));
    if (result.status != CompletionStatus::done) return fail(Errc::faulted, "a program faulted");
    VYRE_TRY(session.download_into(out, 0, {reinterpret_cast<std::uint8_t*>(y.data()), bytes},
                                   deadline));
    ms.push_back(seconds_since(start) * 1e3);
    if (std::memcmp(y.data(), programs[i].expected.data(), bytes) != 0)
      return fail(Errc::mismatch, "a program gives other bytes than the host");
  }
  VYRE_TRY(session.close());
  return ms;
}

}  // namespace

Status first_result_section(const Settings& settings, const RowSink& sink) {
  std::vector<float> x(kElements);
  for (std::uint32_t i = 0; i < kElements; ++i) x[i] = 0.25f + static_cast<float>(i) / 2'048.0f;
  std::vector<Made> programs;
  for (std::uint32_t i = 0; i < kPrograms; ++i) programs.push_back(make(i, x));
  const auto theirs = with_nvrtc(programs, x);
  const auto ours = with_session(settings, programs, x);
  const auto p50 = [](const Result<std::vector<double>>& ms) -> Result<double> {
    if (!ms) return tl::unexpected<Error>(ms.error());
    return spread_of(*ms).p50;
  };
  Row row;
  row.section = "first_result";
  row.name = "session";
  row.unit = "ms p50";
  row.less_is_better = true;
  row.goal = 1;
  row.ours = Number(row.name, p50(ours));
  row.baselines = {Number("NVRTC, load, launch, copy", p50(theirs))};
  const auto detail = [&](const char* name, const Result<std::vector<double>>& ms) {
    if (!ms) return;
    const Spread spread = spread_of(*ms);
    row.details.emplace_back(std::string(name) + "p99_ms", spread.p99);
    row.details.emplace_back(std::string(name) + "max_ms", spread.max);
  };
  detail("", ours);
  detail("NVRTC ", theirs);
  row.details.emplace_back("programs", kPrograms);
  sink.add(row);
  return {};
}

}  // namespace vyre::bench
