// The interpreter core on a GPU against the reference, byte for byte; in emulated_warp_test the
// same against the device's code on the host. Needs a device: without one the tests skip with the
// reason, or fail if VYRE_REQUIRE_GPU=1. VYRE_SEED replays one program, VYRE_TEST_SCALE multiplies.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "executors.hpp"
#include "protocol/fault_names.hpp"
#include "shared_vectors.hpp"
#include "support/device/interpreter_probe.hpp"
#include "support/device/needs_device.hpp"
#include "support/random_program.hpp"
#include "vir/text/text.hpp"

namespace vyre {
namespace {

class Device : public test::NeedsDevice {
 protected:
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
      const std::string difference = test::disagreement(want, have, true);
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

TEST_F(Device, ProgramsWithManyFaultsNameTheSameOne) {
  test::RandomKnobs knobs;
  knobs.many_faults = true;
  sweep(7'000'000, 300, knobs);
}

TEST_F(Device, CasesGiveTheirAnswers) {
  using Words = std::vector<std::uint32_t>;
  const auto bytes_of = [](const std::vector<Words>& all) {
    std::vector<Bytes> made;
    for (const Words& words : all) {
      Bytes& bytes = made.emplace_back();
      for (const std::uint32_t word : words) append_le(bytes, word);
    }
    return made;
  };
  int ran = 0;
  int without_room = 0;
  const auto folder = test::source_folder() / "test" / "cases";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    for (const auto& c : nlohmann::json::parse(file)) {
      SCOPED_TRACE(c["name"].get<std::string>());
      if (c.contains("refused")) continue;  // by the validator, before any executor
      const auto program = vir::assemble(c["program"].get<std::string>());
      ASSERT_TRUE(program);
      auto options = on_device();
      options.grid = c["grid"].get<vir::Grid>();
      const auto have =
          test::run_cpu(*program, bytes_of(c["inputs"].get<std::vector<Words>>()), options);
      if (have.verdict == test::CpuRun::Verdict::unsupported) {
        ++without_room;  // wants more scratch than a warp has
        continue;
      }
      ++ran;
      if (!c.contains("fault")) {
        EXPECT_EQ(have.verdict, test::CpuRun::Verdict::done) << have.message;
        EXPECT_TRUE(have.outputs == bytes_of(c["outputs"].get<std::vector<Words>>()))
            << "other bytes than the case says";
        continue;
      }
      const auto& fault = c["fault"];
      EXPECT_EQ(fault_name(have.fault.code), fault["code"].get<std::string>()) << have.message;
      EXPECT_EQ(have.fault.workgroup, fault["workgroup"].get<std::uint64_t>());
      EXPECT_EQ(have.fault.lane, fault["lane"].get<std::uint32_t>());
      EXPECT_EQ(have.fault.statement, fault["statement"].get<std::uint32_t>());
    }
  }
  std::printf("%d cases, %d more want more scratch than a warp has\n", ran, without_room);
  EXPECT_GT(ran, 50);
  EXPECT_LE(without_room, 1);
}

TEST_F(Device, SharedVectorsGiveTheirRecordedOutputs) {
  std::uint64_t compared = 0;
  std::map<std::string, int> unsupported;
  for (const char* file : {"vir0-ops.jsonl.gz", "vir0-random.jsonl.gz", "vir0-synthetic.jsonl.gz",
                           "upstream-ops-half.jsonl.gz", "upstream-subgroups.jsonl.gz"}) {
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
