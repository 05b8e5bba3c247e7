// The PTX that host/jit prints against the reference, byte for byte, without a device: the text is
// read and executed by a warp of the test's own (test/support/ptx). A unit that asks to run again
// runs in the interpreter on the buffers as the text left them, and must name the reference's
// fault. VYRE_SEED replays one program, VYRE_TEST_SCALE multiplies how many are tried.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <optional>

#include "cpu/interpreter/interpreter.hpp"
#include "executors.hpp"
#include "jit/jit.hpp"
#include "protocol/limits.hpp"
#include "shared_vectors.hpp"
#include "support/ptx/machine.hpp"
#include "support/random_program.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

/// What came of the programs of a test.
struct Seen {
  std::map<char, int> classes;
  std::map<std::string, int> reasons;  // of class C
  int units{0};
  int again{0};    // units that the interpreter ran
  int in_vain{0};  // of those, the ones without a fault
  int errors{0};   // of the machine that executes the text

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

/// A mistake to put into the text: every `from` becomes `to`.
struct Mistake {
  const char* from;
  const char* to;
};

std::string with(const Mistake& mistake, std::string text) {
  const std::string_view from = mistake.from;
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos;)
    text.replace(at, from.size(), mistake.to), at += std::string_view(mistake.to).size();
  return text;
}

test::ImageRunner text_runner(Seen& seen, std::optional<Mistake> mistake = {}) {
  return [&seen, mistake](const core::Image& image, std::span<const core::BufferView> buffers,
                          const core::Grid& grid, core::WorkgroupSpan span,
                          std::uint64_t fuel) -> Result<core::RunResult> {
    const jit::Verdict verdict = jit::classify(image);
    ++seen.classes[jit::letter(verdict.kind)];
    if (verdict.kind == jit::Class::c) {
      ++seen.reasons[verdict.reasons.back().text];
      return fail(Errc::unsupported, verdict.reasons.back().text);
    }
    const jit::Function function = jit::emit_function(image, "program");
    std::string text = jit::emit_module({&function, 1});
    if (mistake) text = with(*mistake, std::move(text));
    const auto wrong = [&](const Error& error) {
      ++seen.errors;
      if (!mistake) ADD_FAILURE() << error.message;
      return tl::unexpected<Error>(error);
    };
    const auto module = test::ptx::read_module(text);
    if (!module) return wrong(module.error());
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
      if (!answer) return wrong(answer.error());
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

/// All f32 operators on all pairs of values at edges: zeros, both sides of the subnormals, halves,
/// both sides of 2^31 and 2^32, infinities and NaN.
test::RandomCase edges_of_f32() {
  constexpr std::uint32_t kEdges[]{
      0,          0x80000000, 1,          0x007FFFFF, 0x00800000, 0x80800001, 0x00FFFFFF,
      0x01000000, 0x34000000, 0x3EFFFFFF, 0x3F000000, 0xBF000000, 0x3F800000, 0xBFC00000,
      0x40200000, 0x4B000001, 0x4EFFFFFF, 0x4F000000, 0xCF000000, 0x4F7FFFFF, 0x4F800000,
      0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0xFFC12345};
  test::RandomCase made;
  Bytes a;
  Bytes b;
  for (const std::uint32_t x : kEdges) {
    for (const std::uint32_t y : kEdges) {
      append_le(a, x);
      append_le(b, y);
    }
  }
  made.inputs = {a, b, Bytes(a.size(), 0), Bytes(a.size() * 17, 0)};
  std::string body;
  int slot = 0;
  for (const char* const value :
       {"x + y", "x - y", "x * y", "x / y", "x * y + x", "x * y + x * x", "fma(x, y, x)",
        "fma(x, y, -x)", "min(x, y)", "max(x, y)", "sqrt(x)", "inverse_sqrt(x)", "reciprocal(x)",
        "floor(x) + ceil(y)", "round(x)", "trunc(x) - sign(y)", "f32(u32(x)) - f32(i32(y))"})
    body += "r[gid.x * 17 + " + std::to_string(slot++) + "] = " + value + ";\n";
  const auto program = vir::assemble(
      "workgroup 64, 1, 1;\nbuffer a: f32[] read_only;\nbuffer b: f32[] read_only;\n"
      "buffer t: u32[] read_write;\nbuffer r: f32[] read_write;\nregion \"r\" {\n"
      "let x = a[gid.x]; let y = b[gid.x];\nif gid.x < len(a) {\n" +
      body +
      "t[gid.x] = u32(x < y) + u32(x <= y) * 2u + u32(x == y) * 4u + u32(x != y) * 8u\n"
      " + u32(bool(x)) * 16u + u32(is_nan(x)) * 32u + u32(is_inf(y)) * 64u;\n}\n}\n");
  EXPECT_TRUE(program) << to_string(program.error());
  if (program) made.program = *program;
  return made;
}

TEST(JitText, OfF32GivesTheReferencesBitsAtEveryEdge) {
  Seen seen;
  test::CpuOptions options;
  options.runner = text_runner(seen);
  options.grid = vir::Grid{11, 1, 1};
  const test::RandomCase edges = edges_of_f32();
  compare(edges.program, edges.inputs, options, "edges");
  EXPECT_EQ(seen.classes['A'], 1);
}

/// Whether a program shows it, by other bytes or by an error of the machine.
bool is_seen(const Mistake& mistake) {
  for (std::uint64_t k = 0; k < 120; ++k) {
    test::Choice choice(12'000'000 + k);
    const test::RandomCase random = k == 0 ? edges_of_f32() : test::random_case(choice);
    Seen seen;
    test::CpuOptions options;
    options.runner = text_runner(seen, mistake);
    if (k == 0) options.grid = vir::Grid{11, 1, 1};
    const auto have = test::run_cpu(random.program, random.inputs, options);
    if (seen.errors != 0) return true;
    if (have.verdict == test::CpuRun::Verdict::unsupported) continue;
    reference::Options how;
    how.fuel = options.fuel;
    how.grid = options.grid;
    const auto want = reference::evaluate(random.program, random.inputs, how);
    if (!test::disagreement(want, have, true).empty()) return true;
  }
  return false;
}

TEST(JitText, WithAPlantedMistakeIsFoundOut) {
  const Mistake mistakes[]{
      {"add.rn.ftz.f32", "add.rn.f32"},
      {"mul.rn.f32", "mul.rn.ftz.f32"},
      {"0x7FC00000", "0x7FFFFFFF"},
      {"setp.neu.f32", "setp.ne.f32"},
      {"cvt.rzi.u32.f32", "cvt.rzi.s32.f32"},
      {"mul.lo.u32", "mul.hi.u32"},
      {"shr.u32", "shr.s32"},
      {"min.u32", "max.u32"},
      {"setp.lt.s32", "setp.lt.u32"},
      {"setp.lt.u32", "setp.le.u32"},
      {"%row, %row, 32", "%row, %row, 33"},
      {"mov.b32 %dead, 1", "mov.b32 %dead, 0"},
      {"shl.b32 %l, %slice, 5", "mov.b32 %l, 0"},
      {"vote.sync.ballot.b32 %m1", "vote.sync.ballot.b32 %m2"},
      {"red.global.add", "red.global.xor"},
  };
  for (const Mistake& mistake : mistakes)
    EXPECT_TRUE(is_seen(mistake)) << mistake.from << " became " << mistake.to;
}

TEST(JitText, OfTheSharedVectorsGivesTheirOutputs) {
  // To execute all of them takes half a minute: one in sixteen, or more by VYRE_TEST_SCALE.
  const std::uint64_t every = std::max<std::uint64_t>(
      16 / std::max<std::uint64_t>(test::number_from_environment("VYRE_TEST_SCALE", 1), 1), 1);
  for (const char* file : {"vir0-ops.jsonl.gz", "vir0-random.jsonl.gz", "vir0-synthetic.jsonl.gz",
                           "upstream-ops-half.jsonl.gz", "upstream-subgroups.jsonl.gz"}) {
    Seen seen;
    std::uint64_t programs = 0;
    std::uint64_t interpreted = 0;
    test::CpuOptions options;
    options.fuel = kDefaultFuel;
    options.runner = text_runner(seen);
    const bool present = test::for_each_vector(file, [&](const test::Vector& vector) {
      if (!vector.error.empty() || vector.order_dependent) return;
      const auto prepared = vir::prepare(vector.program);
      const auto image = vir::lower(prepared.value());
      if (!image) return;
      interpreted += jit::classify(*image).kind == jit::Class::c ? 1 : 0;
      if (programs++ % every != 0) return;
      const auto have = test::run_cpu(vector.program, vector.inputs, options);
      if (have.verdict == test::CpuRun::Verdict::unsupported) return;
      ASSERT_EQ(have.verdict, test::CpuRun::Verdict::done) << vector.name << ": " << have.message;
      EXPECT_EQ(test::difference(vector, have.outputs), "") << vector.name;
    });
    if (!present) GTEST_SKIP() << "the shared vectors are not beside the source tree";
    seen.print(file);
    EXPECT_LE(interpreted * 20, programs) << file << ": at least 95% are compiled";
  }
}

TEST(JitText, OfTheCasesGivesTheirAnswers) {
  Seen seen;
  test::for_each_case([&](const test::Case& c) {
    test::CpuOptions options;
    options.grid = c.grid;
    options.runner = text_runner(seen);
    compare(c.program, c.inputs, options, c.name);
  });
  seen.print("cases");
  EXPECT_GT(seen.programs(), 50);
}

}  // namespace
}  // namespace vyre
