// Which programs host/jit takes, and what units answer that do not end as usual: without fuel, when
// they are stopped, and where the machine of the tests finds a mistake.
#include <gtest/gtest.h>

#include "jit/jit.hpp"
#include "protocol/limits.hpp"
#include "support/ptx/machine.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

core::Image lowered(const std::string& declarations, const std::string& body) {
  const std::string text =
      "workgroup 64, 1, 1;\n" + declarations + "region \"r\" {\n" + body + "\n}\n";
  const auto program = vir::assemble(text);
  EXPECT_TRUE(program) << to_string(program.error()) << text;
  const auto prepared = vir::prepare(*program);
  EXPECT_TRUE(prepared && vir::validate(*prepared)) << text;
  return vir::lower(*prepared).value();
}

constexpr char kBuffers[] =
    "buffer x: i32[] read_only;\nbuffer w: u32[] read_only;\nbuffer y: i32[] read_write;\n"
    "buffer z: u32[] read_write;\nbuffer s: u32[64] workgroup;\n";

TEST(JitClasses, FollowFromTheBody) {
  const struct {
    char kind;
    const char* body;
    const char* reason;
  } kCases[]{
      {'A', "y[gid.x] = x[gid.x] + 1i;", "there is no loop"},
      {'A', "y[gid.x] = x[gid.x] / (i32(w[gid.x] & 15u) + 1i);", "no check can fail"},
      {'A', "z[gid.x] = w[f32(w[gid.x] & 31u) + 0.5];", "no check can fail"},
      {'A', "for i in 0u..w[gid.x] & 7u { z[gid.x] = i; }", "known before"},
      {'A', "let n = 0u; for i in 0u..len(w) { n = n + w[i]; } z[gid.x] = n;", "known before"},
      {'A', "s[lid.x] = w[gid.x]; barrier; z[gid.x] = s[63u - lid.x];", "no check can fail"},
      {'B', "y[gid.x] = 7i / x[gid.x];", "nothing that it writes is read again"},
      {'B', "y[gid.x] = y[gid.x] / x[gid.x];", "a first pass"},
      {'B', "for i in 0u..w[gid.x] { let o = atomic_add(z[0u], 1u); }", "a first pass"},
      {'B', "trap(w[gid.x], \"t\");", "nothing that it writes"},
      {'C', "for i in 0u..3u { y[gid.x] = 7i / y[gid.x]; }", "depends on it"},
      {'C', "let o = atomic_add(z[0u], 1u); for i in 0u..o { z[1u + gid.x] = i; }",
       "depends on it"},
      {'C', "z[gid.x] = w[gid.x]; for i in 0u..z[gid.x] { y[gid.x] = 1i; }", "depends on it"},
      {'C',
       "z[gid.x + 1u] = 1u; let s = f32(z[0u]); let h = f32(w[gid.x]);"
       "let q = (f32(w[gid.x + 1u]) * h + 2.0) * h + s;"
       "for i in 0u..u32(q) { y[gid.x] = 1i; }",
       "depends on it"},
      {'B', "s[lid.x] = w[gid.x]; barrier; for i in 0u..s[0u] { z[gid.x] = z[gid.x] + 1u; }",
       "a first pass"},
      {'C',
       "s[lid.x] = z[gid.x]; z[gid.x] = 1u; s[lid.x] = s[lid.x] + z[gid.x]; barrier;"
       "for i in 0u..s[0u] { z[gid.x] = 2u; }",
       "depends on it"},
      {'A', "async_load(w, s, 0u, 8u, \"t\"); z[gid.x] = 1u; async_wait(\"t\");", "known before"},
      {'A', "z[gid.x] = 1u; async_load(z, s, 0u, 8u, \"t\"); async_wait(\"t\");", "known before"},
      {'C', "z[gid.x] = 1u; async_load(z, s, 0u, 8u, \"t\"); s[0] = 1u; async_wait(\"t\");",
       "writes what an asynchronous copy reads"},
      {'C', "if w[gid.x] > 1u { async_load(w, s, 0u, 8u, \"t\"); } async_wait(\"t\");", "copy"},
      {'C',
       "z[gid.x] = 1u; async_load(z, s, 0u, 8u, \"t\"); async_wait(\"t\"); barrier;"
       "y[gid.x] = 7i / i32(s[0u]) + y[gid.x];",
       "depends on it"},
  };
  for (const auto& c : kCases) {
    const jit::Verdict verdict = jit::classify(lowered(kBuffers, c.body));
    const std::string text = jit::print_verdict(verdict, "");
    EXPECT_EQ(jit::letter(verdict.kind), c.kind) << c.body << "\n" << text;
    EXPECT_NE(text.find(c.reason), std::string::npos) << c.body << "\n" << text;
  }
}

/// The answer of one unit of one workgroup, and what it leaves in `z`.
struct Ended {
  std::uint32_t answer{99};
  std::vector<std::uint32_t> z;
};

Ended run_one(const std::string& body, std::uint32_t word, std::uint64_t fuel, std::uint32_t stop) {
  const core::Image image = lowered(kBuffers, body);
  const jit::Function function = jit::emit_function(image, "program");
  const auto module = test::ptx::read_module(jit::emit_module({&function, 1}));
  EXPECT_TRUE(module) << module.error().message;
  std::vector<std::uint32_t> x(64, word), w(64, word), y(64, 0), z(64, 0);
  const auto view = [](std::vector<std::uint32_t>& words) {
    return core::BufferView{reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 4};
  };
  const std::vector<core::BufferView> views{view(x), view(w), view(y), view(z), {}};
  test::ptx::Unit unit;
  unit.buffers = views;
  unit.scratch_bytes = function.scratch_bytes;
  unit.count = 1;
  unit.fuel = fuel;
  unit.stop = stop;
  const auto answer = test::ptx::run_unit(module->find("program")->second, unit);
  EXPECT_TRUE(answer) << answer.error().message;
  return {answer.value_or(99), z};
}

constexpr char kBounded[] = "for i in 0u..len(w) { z[gid.x] = z[gid.x] + 1u; }";
constexpr char kCounted[] = "for i in 0u..w[gid.x] { z[gid.x] = z[gid.x] + 1u; }";
constexpr char kShared[] =
    "s[lid.x] = 1u; barrier; for i in 0u..len(w) { barrier; s[lid.x] = s[lid.x] + 1u; }"
    " z[gid.x] = s[lid.x];";

TEST(JitUnits, ThatCouldRunOutOfFuelAreNotBegun) {
  const std::vector<std::uint32_t> zeros(64, 0);
  for (const char* const body : {kBounded, kCounted, kShared}) {
    const Ended enough = run_one(body, 10, 64 * 64, 0);
    EXPECT_EQ(enough.answer, 0u) << body;
    EXPECT_NE(enough.z, zeros) << body;
    const Ended little = run_one(body, 10, 64 * 10 - 1, 0);
    EXPECT_EQ(little.answer, 1u) << body;
    EXPECT_EQ(little.z, zeros) << body << ": it was begun";
  }
}

TEST(JitUnits, OverBuffersWithElementsThatNoIndexNamesAreNotBegun) {
  const core::Image image =
      lowered("buffer x: u8[] read_only;\nbuffer z: u32[] read_write;\n", "z[gid.x] = u32(x[5]);");
  const jit::Function function = jit::emit_function(image, "program");
  const auto module = test::ptx::read_module(jit::emit_module({&function, 1}));
  std::uint32_t z = 7;
  std::uint32_t x = 0;
  for (const std::uint64_t bytes : {std::uint64_t{0xFFFF'FFFF}, std::uint64_t{1} << 32}) {
    const std::vector<core::BufferView> views{{reinterpret_cast<std::uint8_t*>(&x), bytes},
                                              {reinterpret_cast<std::uint8_t*>(&z), 0}};
    test::ptx::Unit unit;
    unit.buffers = views;
    EXPECT_EQ(test::ptx::run_unit(module->find("program")->second, unit).value(), bytes >> 32);
  }
}

TEST(JitUnits, LookAtTheStopWordInLoops) {
  EXPECT_EQ(run_one(kCounted, 2'000, kDefaultFuel, 0).answer, 0u);
  EXPECT_EQ(run_one(kCounted, 2'000, kDefaultFuel, 1).answer, 2u);
  const char* const group =
      "let n = 0u; for i in 0u..w[gid.x] { n = n + subgroup_add(i); }"
      " z[gid.x] = n;";
  EXPECT_EQ(run_one(group, 1'000, kDefaultFuel, 0).answer, 0u);
  EXPECT_EQ(run_one(group, 1'000, kDefaultFuel, 1).answer, 2u);
}

TEST(JitUnits, OfLanesThatRaceStillEnd) {
  // Every lane stores there, so threads could find different words and go different ways.
  const char* const body =
      "s[0u] = lid.x; if s[0u] > 30u { z[gid.x] = subgroup_add(1u); } else { z[gid.x] = 99u; }";
  EXPECT_EQ(run_one(body, 0, kDefaultFuel, 0).answer, 0u);
}

/// What the machine says of the body of a function whose parameters are those of host/jit.
std::string judged(const std::string& body) {
  const std::string text =
      ".version 8.0\n.target sm_80\n.address_size 64\n.visible .func (.param .b32 p_answer) f(\n"
      ".param .b64 p_buffers, .param .b64 p_scratch, .param .b64 p_first, .param .b64 p_count,\n"
      ".param .b32 p_grid_x, .param .b32 p_grid_y, .param .b32 p_grid_z, .param .b64 p_fuel,\n"
      ".param .b64 p_stop)\n{\n  .reg .b32 %t<4>;\n  .reg .b64 %d<2>;\n  .reg .pred %p<2>;\n" +
      body + "  st.param.b32 [p_answer], 0;\n  ret;\n}\n";
  const auto module = test::ptx::read_module(text);
  if (!module) return module.error().message;
  test::ptx::Unit unit;
  unit.most_steps = 10'000;
  const auto answer = test::ptx::run_unit(module->find("f")->second, unit);
  return answer ? std::to_string(*answer) : answer.error().message;
}

TEST(PtxMachine, FindsThreadsThatWaitForEver) {
  EXPECT_EQ(judged("  bar.warp.sync 0xffffffff;\n"), "0");
  const std::string early =
      "  mov.u32 %t0, %laneid;\n  setp.eq.u32 %p0, %t0, 3;\n  @%p0 bra E;\n"
      "  bar.warp.sync 0xffffffff;\nE:\n";
  EXPECT_NE(judged(early).find("never come"), std::string::npos);
  EXPECT_NE(judged("  bar.warp.sync 0xf;\n").find("its own member mask"), std::string::npos);
  EXPECT_NE(judged("A:\n  bra A;\n").find("does not end"), std::string::npos);
}

TEST(PtxMachine, FindsAccessesOutsideAndWordsThatItDoesNotKnow) {
  const std::string load = "  ld.param.u64 %d0, [p_scratch];\n  ld.u32 %t0, [%d0+0];\n";
  EXPECT_NE(judged(load).find("outside"), std::string::npos);
  EXPECT_NE(judged("  frobnicate.u32 %t0, %t1;\n").find("not understood"), std::string::npos);
  EXPECT_NE(judged("  add.u33 %t0, %t1, %t2;\n").find("not understood"), std::string::npos);
  EXPECT_NE(judged("  add.u32 %t0, %t1, %u2;\n").find("not understood"), std::string::npos);
}

}  // namespace
}  // namespace vyre
