// Random verified programs on the reference and on the image interpreter, byte for byte,
// transcendental functions included. VYRE_SEED replays one program, VYRE_TEST_SCALE multiplies how
// many are tried.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "cpu/interpreter/interpreter.hpp"
#include "executors.hpp"
#include "support/random_program.hpp"
#include "vir/text/text.hpp"

namespace vyre {
namespace {

struct Tally {
  int done{0};
  int faulted{0};
  int refused{0};
  int unsupported{0};
  int disagreed{0};
  std::map<std::string, int> reasons;
};

/// `check` gets one case and adds to the tally; stops after a few disagreements, each with its
/// seed.
template <class Check>
Tally sweep(std::uint64_t first_seed, std::uint64_t count, const test::RandomKnobs& knobs,
            Check check) {
  Tally tally;
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  const std::uint64_t scale = test::number_from_environment("VYRE_TEST_SCALE", 1);
  const std::uint64_t total = only != 0 ? 1 : count * scale;
  for (std::uint64_t i = 0; i < total && tally.disagreed < 5; ++i) {
    const std::uint64_t seed = only != 0 ? only : first_seed + i;
    test::Choice choice(seed);
    const test::RandomCase random = test::random_case(choice, knobs);
    const std::string wrong = check(random, tally);
    if (wrong.empty()) continue;
    ++tally.disagreed;
    ADD_FAILURE() << "VYRE_SEED=" << seed << ": " << wrong
                  << (only != 0 ? "\n" + vir::disassemble(random.program) : "");
  }
  std::printf("seeds from %llu: %d done, %d faulted, %d refused, %d not lowered\n",
              static_cast<unsigned long long>(only != 0 ? only : first_seed), tally.done,
              tally.faulted, tally.refused, tally.unsupported);
  for (const auto& [reason, times] : tally.reasons)
    std::printf("  %d x %s\n", times, reason.c_str());
  return tally;
}

void count(const reference::Outcome& outcome, Tally& tally) {
  using reference::Verdict;
  tally.done += outcome.verdict == Verdict::done ? 1 : 0;
  tally.faulted += outcome.verdict == Verdict::faulted ? 1 : 0;
  tally.refused += outcome.verdict == Verdict::refused ? 1 : 0;
  if (outcome.verdict == Verdict::refused) ++tally.reasons[outcome.message];
}

std::string compare(const test::RandomCase& random, Tally& tally, const test::CpuOptions& options,
                    bool same_fault) {
  reference::Options reference_options;
  reference_options.fuel = options.fuel;
  const auto want = reference::evaluate(random.program, random.inputs, reference_options);
  count(want, tally);
  const auto have = test::run_cpu(random.program, random.inputs, options);
  if (have.verdict == test::CpuRun::Verdict::unsupported) {
    ++tally.unsupported;
    ++tally.reasons[have.message];
    return "";
  }
  return test::disagreement(want, have, same_fault);
}

TEST(RandomPrograms, GiveTheSameBytesOnTheReferenceAndTheInterpreter) {
  const auto tally = sweep(1'000'000, 1500, {}, [](const test::RandomCase& c, Tally& t) {
    return compare(c, t, {}, true);
  });
  EXPECT_EQ(tally.unsupported, 0) << "nothing that validates here is refused";
  EXPECT_EQ(tally.refused, 0) << "the generator makes programs that validate";
  EXPECT_EQ(tally.faulted, 0) << "the generator makes programs that do not fault";
}

TEST(RandomPrograms, GiveTheSameBytesWithoutOptimisation) {
  test::CpuOptions options;
  options.optimise = false;
  const auto tally = sweep(2'000'000, 500, {}, [&](const test::RandomCase& c, Tally& t) {
    return compare(c, t, options, true);
  });
}

TEST(RandomPrograms, GiveTheSameBytesWorkgroupByWorkgroup) {
  test::CpuOptions options;
  options.workgroups_a_call = 1;
  sweep(3'000'000, 300, {},
        [&](const test::RandomCase& c, Tally& t) { return compare(c, t, options, true); });
}

TEST(RandomPrograms, GiveTheSameBytesOnEveryVariantOfTheInterpreter) {
  for (const std::string_view variant : cpu::Interpreter::variants()) {
    SCOPED_TRACE(variant);
    cpu::Interpreter interpreter(variant);
    test::CpuOptions options;
    options.runner = [&](const core::Image& image, std::span<const core::BufferView> buffers,
                         const core::Grid& grid, core::WorkgroupSpan span, std::uint64_t fuel) {
      return Result<core::RunResult>(interpreter.run(image, buffers, grid, span, fuel));
    };
    sweep(9'000'000, 150, {},
          [&](const test::RandomCase& c, Tally& t) { return compare(c, t, options, true); });
  }
}

TEST(RandomPrograms, WithOneFaultStopAtTheSameStatementOfTheSameWorkgroup) {
  test::RandomKnobs knobs;
  knobs.faulting = true;
  const auto tally = sweep(4'000'000, 500, knobs, [](const test::RandomCase& c, Tally& t) {
    return compare(c, t, {}, true);
  });
  if (test::number_from_environment("VYRE_SEED", 0) == 0) {
    EXPECT_GT(tally.faulted, 100);
  }
}

TEST(RandomPrograms, WhoseVariablesChangeKindAgreeOrAreNotLowered) {
  test::RandomKnobs knobs;
  knobs.mixed_kinds = true;
  const auto tally = sweep(6'000'000, 300, knobs, [](const test::RandomCase& c, Tally& t) {
    return compare(c, t, {}, false);
  });
  EXPECT_EQ(tally.refused, 0);
}

TEST(RandomPrograms, WithManyFaultsNameTheSameOneWhateverTheFrames) {
  test::RandomKnobs knobs;
  knobs.many_faults = true;
  for (const bool optimise : {true, false}) {
    test::CpuOptions options;
    options.optimise = optimise;
    // With so much fuel workgroups with loops are cut into frames as well.
    if (optimise) options.fuel = std::uint64_t{1} << 30;
    const auto tally = sweep(7'000'000, 400, knobs, [&](const test::RandomCase& c, Tally& t) {
      return compare(c, t, options, true);
    });
    EXPECT_EQ(tally.refused, 0);
    EXPECT_EQ(tally.unsupported, 0);
  }
}

TEST(RandomPrograms, WithoutFuelStopAtTheSameIterationOfTheSameLane) {
  test::RandomKnobs knobs;
  knobs.statements = 40;
  for (const std::uint64_t fuel : {0u, 1u, 7u, 50u}) {
    test::CpuOptions options;
    options.fuel = fuel;
    sweep(8'000'000, 150, knobs,
          [&](const test::RandomCase& c, Tally& t) { return compare(c, t, options, true); });
  }
}

TEST(Fuel, OfWorkgroupsWiderThanAFrameOrOfOddWidthRunsOutInTheReferencesLane) {
  for (const char* const size : {"1000, 1, 1", "300, 1, 1", "100, 1, 1", "7, 3, 1"}) {
    const auto program = vir::assemble(
        "workgroup " + std::string(size) +
        ";\nbuffer out: u32[2000] read_write output live_out;\nregion \"r\" {\nlet x = 0u;\n"
        "for i in 0u..lid.x % 7u {\nfor j in 0u..(lid.x + i) % 3u { x = x + j; }\n}\n"
        "for k in 0u..wid.x + 1u { x = x + k; }\nout[gid.x] = x;\n}\n");
    ASSERT_TRUE(program) << to_string(program.error());
    for (std::uint64_t fuel = 0; fuel < 8'000; fuel = fuel * 2 + 3) {
      SCOPED_TRACE(std::string(size) + ", fuel " + std::to_string(fuel));
      test::CpuOptions options;
      options.fuel = fuel;
      options.grid = vir::Grid{9, 1, 1};
      reference::Options how;
      how.fuel = fuel;
      how.grid = options.grid;
      const auto want = reference::evaluate(*program, {}, how);
      EXPECT_EQ(test::disagreement(want, test::run_cpu(*program, {}, options), true), "");
    }
  }
}

TEST(RandomPrograms, OfGreatDepthAgreeToo) {
  test::RandomKnobs knobs;
  knobs.statements = 60;
  knobs.expression_depth = 7;
  knobs.nesting = 6;
  sweep(5'000'000, 60, knobs,
        [](const test::RandomCase& c, Tally& t) { return compare(c, t, {}, true); });
}

}  // namespace
}  // namespace vyre
