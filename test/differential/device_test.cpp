// The interpreter core on a GPU against the reference, byte for byte; in emulated_warp_test the
// same against the device's code on the host. Needs a device: without one the tests skip with the
// reason, or fail if VYRE_REQUIRE_GPU=1. VYRE_SEED replays one program, VYRE_TEST_SCALE multiplies.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "executors.hpp"
#include "shared_vectors.hpp"
#include "support/random_program.hpp"
#include "vyre/cuda/device_probe.hpp"
#include "vyre/cuda/interpreter_probe.hpp"

namespace vyre {
namespace {

class Device : public ::testing::Test {
 protected:
  void SetUp() override {
    const cuda::DeviceProbe probe = cuda::probe_device();
    if (probe.device) return;
    if (std::getenv("VYRE_REQUIRE_GPU") != nullptr) FAIL() << probe.caps.reason;
    GTEST_SKIP() << probe.caps.reason;
  }

  /// A runner on a probe of its own. Errors of opening it show when it runs.
  static test::CpuOptions on_device(const cuda::InterpreterProbeOptions& probe_options = {}) {
    auto probe = std::make_shared<Result<cuda::InterpreterProbe>>(
        cuda::InterpreterProbe::open(probe_options));
    test::CpuOptions options;
    options.runner = [probe](const core::Image& image, std::span<const core::BufferView> buffers,
                             const core::Grid& grid, core::WorkgroupSpan span,
                             std::uint64_t fuel) -> Result<core::RunResult> {
      if (!*probe) {
        ADD_FAILURE() << probe->error().message;
        return tl::unexpected(probe->error());
      }
      auto ran = (*probe)->run(image, buffers, grid, span, fuel);
      if (!ran && ran.error().code != Errc::unsupported) ADD_FAILURE() << ran.error().message;
      return ran;
    };
    return options;
  }

  void sweep(std::uint64_t first_seed, std::uint64_t programs, const test::RandomKnobs& knobs) {
    const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
    const std::uint64_t total =
        only != 0 ? 1 : programs * test::number_from_environment("VYRE_TEST_SCALE", 1);
    std::uint64_t compared = 0;
    int wrong = 0;
    std::map<std::string, int> unsupported;
    for (std::uint64_t i = 0; i < total && wrong < 5; ++i) {
      const std::uint64_t seed = only != 0 ? only : first_seed + i;
      test::Choice choice(seed);
      const test::RandomCase random = test::random_case(choice, knobs);
      reference::Options reference_options;
      reference_options.fuel = on_device().fuel;
      const auto want = reference::evaluate(random.program, random.inputs, reference_options);
      const auto have = test::run_cpu(random.program, random.inputs, on_device());
      if (have.verdict == test::CpuRun::Verdict::unsupported) {
        ++unsupported[have.message];
        continue;
      }
      ++compared;
      const std::string difference = test::disagreement(want, have, false);
      if (difference.empty()) continue;
      ++wrong;
      ADD_FAILURE() << "VYRE_SEED=" << seed << ": " << difference;
    }
    std::printf("seeds from %llu: %llu compared\n",
                static_cast<unsigned long long>(only != 0 ? only : first_seed),
                static_cast<unsigned long long>(compared));
    for (const auto& [why, times] : unsupported) std::printf("  %d x %s\n", times, why.c_str());
    EXPECT_GT(compared, 0u);
  }
};

TEST_F(Device, RandomProgramsGiveTheReferencesBytes) {
  sweep(1'000'000, 1'500, {});
}

TEST_F(Device, FaultingProgramsFaultOnTheDeviceToo) {
  test::RandomKnobs knobs;
  knobs.faulting = true;
  sweep(6'000'000, 300, knobs);
}

TEST_F(Device, SharedVectorsGiveTheirRecordedOutputs) {
  std::uint64_t compared = 0;
  std::map<std::string, int> unsupported;
  for (const char* file : {"vir0-ops.jsonl.gz", "vir0-random.jsonl.gz", "vir0-synthetic.jsonl.gz",
                           "upstream-ops-half.jsonl.gz"}) {
    const bool present = test::for_each_vector(file, [&](const test::Vector& vector) {
      if (!vector.error.empty() || vector.order_dependent) return;
      auto options = on_device();
      options.fuel = std::uint64_t{1} << 32;
      const auto have = test::run_cpu(vector.program, vector.inputs, options);
      if (have.verdict == test::CpuRun::Verdict::unsupported) {
        ++unsupported[have.message];
        return;
      }
      ++compared;
      ASSERT_EQ(have.verdict, test::CpuRun::Verdict::done) << vector.name << ": " << have.message;
      EXPECT_EQ(test::difference(vector, have.outputs), "") << vector.name;
    });
    if (!present) GTEST_SKIP() << "the shared vectors are not beside the source tree";
  }
  std::printf("%llu vectors compared\n", static_cast<unsigned long long>(compared));
  for (const auto& [why, times] : unsupported) std::printf("  %d x %s\n", times, why.c_str());
}

}  // namespace
}  // namespace vyre
