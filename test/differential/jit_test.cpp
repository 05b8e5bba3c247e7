// The PTX that host/jit prints against the reference, byte for byte, without a device: the text is
// read and executed by a warp of the test's own (test/support/ptx). A unit that asks to run again
// runs in the interpreter on the buffers as the text left them, and must name the reference's
// fault. VYRE_SEED replays one program, VYRE_TEST_SCALE multiplies how many are tried.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "cpu/interpreter/interpreter.hpp"
#include "executors.hpp"
#include "jit/jit.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/limits.hpp"
#include "shared_vectors.hpp"
#include "support/ptx/machine.hpp"
#include "support/random_program.hpp"
#include "vir/text/text.hpp"

namespace vyre {
namespace {

/// What came of the programs of a test.
struct Seen {
  std::map<char, int> classes;
  std::map<std::string, int> reasons;  // of class C
  int units{0};
  int again{0};    // units that the interpreter ran
  int in_vain{0};  // of those, the ones without a fault

  [[nodiscard]] int programs() const {
    int sum = 0;
    for (const auto& [letter, count] : classes) sum += count;
    return sum;
  }
  [[nodiscard]] double compiled() const {
    const auto c = classes.find('C');
    return 1.0 - static_cast<double>(c == classes.end() ? 0 : c->second) / programs();
  }
  void print(const char* of) const {
    std::printf("%s: %d programs", of, programs());
    for (const auto& [letter, count] : classes) std::printf(", %d %c", count, letter);
    std::printf("; %d units, %d run again, %d of them in vain\n", units, again, in_vain);
    for (const auto& [why, count] : reasons) std::printf("  %d x %s\n", count, why.c_str());
  }
};

/// Units of a few workgroups, so that their edges are tried.
constexpr std::uint64_t kUnitGroups{3};

test::ImageRunner text_runner(Seen& seen) {
  return [&seen](const core::Image& image, std::span<const core::BufferView> buffers,
                 const core::Grid& grid, core::WorkgroupSpan span,
                 std::uint64_t fuel) -> Result<core::RunResult> {
    const jit::Verdict verdict = jit::classify(image);
    ++seen.classes[jit::letter(verdict.kind)];
    if (verdict.kind == jit::Class::c) {
      ++seen.reasons[verdict.reasons.back().text];
      return fail(Errc::unsupported, verdict.reasons.back().text);
    }
    const jit::Function function = jit::emit_function(image, "program");
    const std::string text = jit::emit_module({&function, 1});
    const auto module = test::ptx::read_module(text);
    if (!module) {
      ADD_FAILURE() << module.error().message;
      return tl::unexpected(module.error());
    }
    core::RunResult result;
    for (std::uint64_t at = 0; at < span.count; at += kUnitGroups) {
      test::ptx::Unit unit;
      unit.buffers = buffers;
      unit.scratch_bytes = function.scratch_bytes;
      unit.first = span.first + at;
      unit.count = std::min(kUnitGroups, span.count - at);
      unit.grid = grid;
      unit.fuel = fuel;
      const auto answer = test::ptx::run_unit(module->find("program")->second, unit);
      if (!answer) {
        ADD_FAILURE() << answer.error().message;
        return tl::unexpected(answer.error());
      }
      ++seen.units;
      if (*answer == static_cast<std::uint32_t>(jit::Answer::done)) continue;
      EXPECT_EQ(*answer, static_cast<std::uint32_t>(jit::Answer::run_again));
      ++seen.again;
      cpu::Interpreter interpreter;
      result = interpreter.run(image, buffers, grid, {unit.first, unit.count}, fuel);
      if (result.fault.code != FaultCode::none) return result;
      ++seen.in_vain;
    }
    return result;
  };
}

void compare(const vir::Program& program, const std::vector<Bytes>& inputs,
             const test::CpuOptions& options, const std::string& name) {
  reference::Options how;
  how.fuel = options.fuel;
  how.grid = options.grid;
  const auto have = test::run_cpu(program, inputs, options);
  if (have.verdict == test::CpuRun::Verdict::unsupported) return;
  EXPECT_EQ(test::disagreement(reference::evaluate(program, inputs, how), have, true), "") << name;
}

Seen sweep(std::uint64_t first_seed, std::uint64_t programs, const test::RandomKnobs& knobs,
           test::CpuOptions options = {}) {
  Seen seen;
  options.runner = text_runner(seen);
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  const std::uint64_t total =
      only != 0 ? 1 : programs * test::number_from_environment("VYRE_TEST_SCALE", 1);
  for (std::uint64_t i = 0; i < total && !testing::Test::HasFailure(); ++i) {
    const std::uint64_t seed = only != 0 ? only : first_seed + i;
    test::Choice choice(seed);
    const test::RandomCase random = test::random_case(choice, knobs);
    compare(random.program, random.inputs, options, "VYRE_SEED=" + std::to_string(seed));
  }
  return seen;
}

TEST(JitText, OfRandomProgramsGivesTheReferencesBytes) {
  const Seen seen = sweep(1'000'000, 150, {});
  seen.print("random programs");
  EXPECT_GE(seen.compiled(), 0.95);
  EXPECT_EQ(seen.in_vain, 0) << "none of these faults";
}

TEST(JitText, OfProgramsThatFaultAsksForTheInterpreter) {
  test::RandomKnobs knobs;
  knobs.faulting = true;
  sweep(4'000'000, 150, knobs).print("one fault");
}

TEST(JitText, OfProgramsWithManyFaultsLeavesWhatTheInterpreterNeeds) {
  test::RandomKnobs knobs;
  knobs.many_faults = true;
  sweep(7'000'000, 150, knobs).print("many faults");
}

TEST(JitText, WithoutFuelAsksForTheInterpreter) {
  test::RandomKnobs knobs;
  knobs.statements = 40;
  for (const std::uint64_t fuel : {0u, 7u, 50u}) {
    test::CpuOptions options;
    options.fuel = fuel;
    sweep(8'000'000, 40, knobs, options).print("little fuel");
  }
}

TEST(JitText, OfProgramsWithoutOptimisationGivesTheReferencesBytes) {
  test::CpuOptions options;
  options.optimise = false;
  sweep(2'000'000, 60, {}, options);
}

TEST(JitText, OfDeepProgramsGivesTheReferencesBytes) {
  test::RandomKnobs knobs;
  knobs.statements = 60;
  knobs.expression_depth = 7;
  knobs.nesting = 6;
  sweep(5'000'000, 15, knobs);
}

TEST(JitText, OfTheSharedVectorsGivesTheirOutputs) {
  // All of them take half a minute: one in eight, or more by VYRE_TEST_SCALE.
  const std::uint64_t every = std::max<std::uint64_t>(
      12 / std::max<std::uint64_t>(test::number_from_environment("VYRE_TEST_SCALE", 1), 1), 1);
  std::map<std::string, Seen> files;
  int programs = 0;
  int interpreted = 0;
  for (const char* file : {"vir0-ops.jsonl.gz", "vir0-random.jsonl.gz", "vir0-synthetic.jsonl.gz",
                           "upstream-ops-half.jsonl.gz", "upstream-subgroups.jsonl.gz"}) {
    Seen& seen = files[file];
    test::CpuOptions options;
    options.fuel = kDefaultFuel;
    options.runner = text_runner(seen);
    std::uint64_t number = 0;
    const bool present = test::for_each_vector(file, [&](const test::Vector& vector) {
      if (!vector.error.empty() || vector.order_dependent) return;
      if (number++ % every != 0) return;
      const auto have = test::run_cpu(vector.program, vector.inputs, options);
      if (have.verdict == test::CpuRun::Verdict::unsupported) return;
      ASSERT_EQ(have.verdict, test::CpuRun::Verdict::done) << vector.name << ": " << have.message;
      EXPECT_EQ(test::difference(vector, have.outputs), "") << vector.name;
    });
    if (!present) GTEST_SKIP() << "the shared vectors are not beside the source tree";
    seen.print(file);
    programs += seen.programs();
    interpreted += seen.classes['C'];
  }
  EXPECT_LE(interpreted * 20, programs) << "at least 95% are compiled";
}

TEST(JitText, OfTheCasesGivesTheirAnswers) {
  Seen seen;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_folder() / "test" / "cases")) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    for (const auto& c : nlohmann::json::parse(file)) {
      if (c.contains("refused")) continue;  // by the validator, before any executor
      const auto program = vir::assemble(c["program"].get<std::string>());
      ASSERT_TRUE(program);
      std::vector<Bytes> inputs;
      for (const auto& words : c["inputs"]) {
        Bytes& bytes = inputs.emplace_back();
        for (const auto& word : words) append_le(bytes, word.get<std::uint32_t>());
      }
      test::CpuOptions options;
      options.grid = c["grid"].get<vir::Grid>();
      options.runner = text_runner(seen);
      compare(*program, inputs, options, c["name"].get<std::string>());
    }
  }
  seen.print("cases");
}

}  // namespace
}  // namespace vyre
