// Random programs over bytes beside each other, whose straight code a CPU does on rows of bytes:
// the reference and every variant of the interpreter give the same bytes, whatever the lengths, the
// scalars and the ends of buffers. VYRE_SEED replays one program.
#include <gtest/gtest.h>

#include <string>

#include "cpu/interpreter/interpreter.hpp"
#include "executors.hpp"
#include "support/choice.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

class BytePrograms {
 public:
  explicit BytePrograms(std::uint64_t seed) : choice_(seed) {}

  std::string text() {
    const char* const groups[] = {"256", "64", "96", "1"};
    std::string body;
    for (std::uint32_t k = 1 + choice_.below(3); k-- > 0;) statement(body);
    return std::string("workgroup ") + groups[choice_.below(4)] +
           ", 1, 1;\nbuffer text: u8[] read_only;\nbuffer other: u8[] read_only;\n"
           "buffer params: u32[3] read_only;\nbuffer out: u32[] read_write;\n"
           "buffer hits: u32[4] read_write output live_out;\n"
           "buffer far: u32[] read_write;\nregion \"bytes\" {\n" +
           body + "}\n";
  }

  std::vector<Bytes> inputs() {
    std::vector<Bytes> in(5);
    const std::uint32_t lengths[] = {0, 1, 255, 256, 257, 511, 1024, 1500};
    for (int k = 0; k < 2; ++k) {
      in[k].resize(lengths[choice_.below(8)] + (choice_.one_in(2) ? choice_.below(300) : 0));
      for (auto& byte : in[k])
        byte = static_cast<std::uint8_t>(choice_.one_in(4) ? choice_.below(256) : choice_.below(4));
    }
    in[2].resize(12);
    for (int k = 0; k < 3; ++k) in[2][k * 4] = static_cast<std::uint8_t>(choice_.below(6));
    if (choice_.one_in(3)) in[2][1] = 1;  // above 255
    in[3].resize((choice_.one_in(3) ? choice_.below(100) : in[0].size()) * 4);
    in[4].resize((choice_.one_in(3) ? choice_.below(100) : in[0].size()) * 4);
    return in;
  }

 private:
  std::string number(std::uint32_t below) { return std::to_string(choice_.below(below)); }

  std::string place() {
    switch (choice_.below(4)) {
      case 0:
        return "gid.x";
      case 1:
        return "gid.x + params[" + number(3) + "]";
      default:
        return "gid.x + " + number(choice_.one_in(9) ? 2000 : 5);
    }
  }

  std::string value(std::uint32_t depth) {
    if (depth == 0 || choice_.one_in(3)) {
      switch (choice_.below(6)) {
        case 0:
          return number(choice_.one_in(5) ? 400 : 5);
        case 1:
          return "params[" + number(3) + "]";
        case 2:
          return "u32(other[" + place() + "])";
        default:
          return "u32(text[" + place() + "])";
      }
    }
    const std::string a = value(depth - 1);
    const std::string b = value(depth - 1);
    switch (choice_.below(6)) {
      case 0:
        return "min(" + a + ", " + b + ")";
      case 1:
        return "max(" + a + ", " + b + ")";
      case 2:
        return "select(" + truth(depth - 1) + ", " + a + ", " + b + ")";
      case 3:
        return "(" + a + " & " + b + ")";
      case 4:
        return "(" + a + " | " + b + ")";
      default:
        return "(" + a + (choice_.one_in(4) ? " + " : " ^ ") + b + ")";
    }
  }

  std::string truth(std::uint32_t depth) {
    if (depth != 0 && choice_.one_in(2)) {
      const std::string a = truth(depth - 1);
      if (choice_.one_in(5)) return "!(" + a + ")";
      return "(" + a + (choice_.one_in(3) ? " || " : " && ") + truth(depth - 1) + ")";
    }
    if (choice_.one_in(6)) {
      const char* const bounds[] = {"gid.x < len(text)", "len(text) - gid.x > 3",
                                    "len(text) - gid.x >= params[0]", "gid.x < params[1]"};
      return std::string("(") + bounds[choice_.below(4)] + ")";
    }
    const char* const compares[] = {" == ", " != ", " < ", " <= ", " > ", " >= "};
    return "(" + value(depth) + compares[choice_.below(6)] + value(depth == 0 ? 0 : depth - 1) +
           ")";
  }

  void act(std::string& out) {
    if (choice_.one_in(2)) {
      out += "let o" + std::to_string(names_++) + " = atomic_add(hits[" + number(5) + "], 1);\n";
    } else {
      out += "out[gid.x] = " + value(2) + ";\n";
    }
  }

  void statement(std::string& out) {
    const std::string name = "v" + std::to_string(names_++);
    switch (choice_.below(6)) {
      case 4: {  // over bytes that lie apart
        const std::string step = std::to_string(1 + choice_.below(3) * choice_.below(20));
        out += "let " + name + " = 0;\nfor i" + name + " in gid.x * " + step + "..gid.x * " + step +
               " + params[" + number(3) + "] * " + number(9) + " {\n" + name + " = " + name +
               " * 5 + u32(text[i" + name + (choice_.one_in(3) ? " * 3" : "") +
               "]);\n}\nout[gid.x] = " + name + ";\n";
        return;
      }
      case 5:  // by some lanes, to elements that no other lane has
        out += "if " + truth(2) + " {\nfar[gid.x ^ 5] = " + value(1) + ";\n}\n";
        return;
      case 0:
        out += "if " + truth(3) + " {\n";
        act(out);
        out += "}\n";
        if (choice_.one_in(2)) {
          out.insert(out.size() - 1, " else {\n");
          act(out);
          out += "}\n";
        }
        return;
      case 1:
        out += "let " + name + " = true;\nfor i" + name + " in 0..params[" + number(3) + "] {\n" +
               name + " = " + name + " && u32(text[gid.x + i" + name + "]) == u32(other[i" + name +
               "]);\n}\nif " + name + " {\n";
        act(out);
        out += "}\n";
        return;
      case 2:
        out += "let " + name + " = " + value(3) + ";\nif " + truth(2) + " {\n";
        act(out);
        out += "out[gid.x] = " + name + ";\n}\n";
        return;
      default:
        out += "out[gid.x] = " + value(3) + ";\n";
        return;
    }
  }

  test::Choice choice_;
  int names_{0};
};

TEST(RandomBytePrograms, AWorkgroupWithoutWorkLeavesTheNextOneMemoryOfZeros) {
  for (const char* const some : {"wid.x % 2 == 0", "wid.x != 2", "wid.x > 4", "wid.x <= len(n)"}) {
    const std::string text =
        "workgroup 64, 1, 1;\nbuffer n: u32[4] read_only;\nbuffer out: u32[640] write_only;\n"
        "buffer tile: u32[64] workgroup;\nregion \"idle\" {\nif " +
        std::string(some) +
        " {\nlet before = tile[lid.x];\nbarrier;\ntile[lid.x] = gid.x + 7;\nbarrier;\n"
        "out[gid.x] = before * 1000 + tile[63 - lid.x];\n}\n}\n";
    const auto program = vir::assemble(text);
    ASSERT_TRUE(program) << text;
    const std::vector<Bytes> inputs{Bytes{3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}};
    const auto want = reference::evaluate(*program, inputs, {});
    ASSERT_EQ(want.verdict, reference::Verdict::done) << want.message;
    for (const std::string_view variant : cpu::Interpreter::variants()) {
      cpu::Interpreter interpreter(variant);
      test::CpuOptions options;
      options.runner = [&](const core::Image& image, std::span<const core::BufferView> buffers,
                           const core::Grid& grid, core::WorkgroupSpan span, std::uint64_t fuel) {
        EXPECT_NE(image.idle_instructions, 0u);
        return Result<core::RunResult>(interpreter.run(image, buffers, grid, span, fuel));
      };
      EXPECT_EQ(test::disagreement(want, test::run_cpu(*program, inputs, options), true), "")
          << variant << '\n'
          << text;
    }
  }
}

TEST(RandomBytePrograms, GiveTheReferencesBytesOnEveryVariant) {
  constexpr std::uint64_t kFirst{14'000'000};
  const std::uint64_t only = test::number_from_environment("VYRE_SEED", 0);
  const std::uint64_t count =
      only != 0 ? 1 : 100 * test::number_from_environment("VYRE_TEST_SCALE", 1);
  std::size_t with_runs = 0;
  for (std::uint64_t k = 0; k < count; ++k) {
    const std::uint64_t seed = only != 0 ? only : kFirst + k;
    BytePrograms programs(seed);
    const std::string text = programs.text();
    const auto inputs = programs.inputs();
    const auto program = vir::assemble(text);
    ASSERT_TRUE(program) << "VYRE_SEED=" << seed << '\n' << text;
    const auto want = reference::evaluate(*program, inputs, {});
    ASSERT_EQ(want.verdict, reference::Verdict::done)
        << "VYRE_SEED=" << seed << ": " << want.message << '\n'
        << text;
    for (const std::string_view variant : cpu::Interpreter::variants()) {
      cpu::Interpreter interpreter(variant);
      test::CpuOptions options;
      options.runner = [&](const core::Image& image, std::span<const core::BufferView> buffers,
                           const core::Grid& grid, core::WorkgroupSpan span, std::uint64_t fuel) {
        with_runs += image.byte_runs.empty() ? 0 : 1;
        return Result<core::RunResult>(interpreter.run(image, buffers, grid, span, fuel));
      };
      const std::string wrong =
          test::disagreement(want, test::run_cpu(*program, inputs, options), true);
      ASSERT_EQ(wrong, "") << "VYRE_SEED=" << seed << " on " << variant << '\n' << text;
    }
  }
  if (only == 0) {
    EXPECT_GT(with_runs, count) << "a byte run in a third of the programs, at least";
  }
}

/// Instructions are counted as they are written, whether a run is done on rows or not.
TEST(RandomBytePrograms, CountTheSameStepsWithoutTheirRuns) {
  for (std::uint64_t seed = 15'000'000; seed < 15'000'040; ++seed) {
    BytePrograms programs(seed);
    const std::string text = programs.text();
    const auto inputs = programs.inputs();
    const auto program = vir::assemble(text);
    ASSERT_TRUE(program);
    cpu::Interpreter interpreter;
    std::uint64_t steps[2] = {0, 0};
    for (const bool rows : {false, true}) {
      test::CpuOptions options;
      options.runner = [&](const core::Image& given, std::span<const core::BufferView> buffers,
                           const core::Grid& grid, core::WorkgroupSpan span, std::uint64_t fuel) {
        core::Image image = given;
        if (!rows) image.byte_code.clear();
        const auto ran = interpreter.run(image, buffers, grid, span, fuel);
        steps[rows ? 1 : 0] = ran.instructions;
        return Result<core::RunResult>(ran);
      };
      ASSERT_EQ(test::run_cpu(*program, inputs, options).verdict, test::CpuRun::Verdict::done);
    }
    EXPECT_EQ(steps[0], steps[1]) << "seed " << seed << '\n' << text;
  }
}

}  // namespace
}  // namespace vyre
