// The interpreter on its own: spans, fuel, stop, faults and their place, copies and masks at the
// edges of frames.
#include "vyre/cpu/interpreter.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "vyre/protocol/limits.hpp"
#include "vyre/vir/lower.hpp"
#include "vyre/vir/text.hpp"
#include "vyre/vir/validate.hpp"

namespace vyre::cpu {
namespace {

using Words = std::vector<std::uint32_t>;

core::Image image_of(const std::string& text) {
  auto program = vir::assemble(text);
  EXPECT_TRUE(program) << (program ? "" : to_string(program.error()));
  auto prepared = vir::prepare(*program);
  EXPECT_TRUE(prepared);
  const Status valid = vir::validate(*prepared);
  EXPECT_TRUE(valid) << (valid ? "" : valid.error().message);
  auto image = vir::lower(*prepared);
  EXPECT_TRUE(image) << (image ? "" : image.error().message);
  return *image;
}

core::BufferView view(Words& words) {
  return {reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 4};
}

std::string text_of(const std::string& body, const char* size = "64, 1, 1") {
  return std::string("workgroup ") + size +
         ";\nbuffer src: u32[] read_only;\nbuffer out: u32[] read_write;\nregion \"r\" {\n" + body +
         "}\n";
}

struct Ran {
  core::RunResult result;
  Words out;
};

Ran run(const std::string& body, Words in, std::size_t out_size, core::Grid grid,
        std::uint64_t fuel = kDefaultFuel, const std::atomic<bool>* stop = nullptr,
        const char* size = "64, 1, 1") {
  const core::Image image = image_of(text_of(body, size));
  Ran ran{{}, Words(out_size, 0)};
  const std::vector<core::BufferView> buffers{view(in), view(ran.out)};
  Interpreter interpreter;
  ran.result = interpreter.run(image, buffers, grid,
                               {0, std::uint64_t{grid[0]} * grid[1] * grid[2]}, fuel, stop);
  return ran;
}

TEST(Interpreter, LastPartialFrameWritesNothingBeyondItsLanes) {
  // 5 workgroups of 64 are one frame and a part of another.
  const Ran ran = run("out[gid.x] = gid.x + 1u;\n", {0}, 400, {5, 1, 1});
  ASSERT_EQ(ran.result.fault.code, FaultCode::none);
  for (std::uint32_t i = 0; i < 400; ++i) EXPECT_EQ(ran.out[i], i < 320 ? i + 1 : 0u) << i;
}

TEST(Interpreter, SpansOfAnItemTogetherAreTheItem) {
  const core::Image image = image_of(text_of("out[gid.x] = src[gid.x] * 2u;\n"));
  Words in(1000);
  std::iota(in.begin(), in.end(), 0u);
  Words whole(1000, 0);
  Words parts(1000, 0);
  Interpreter interpreter;
  (void)interpreter.run(image, std::vector<core::BufferView>{view(in), view(whole)}, {16, 1, 1},
                        {0, 16}, kDefaultFuel);
  for (std::uint64_t first = 0; first < 16; first += 3) {
    (void)interpreter.run(image, std::vector<core::BufferView>{view(in), view(parts)}, {16, 1, 1},
                          {first, std::min<std::uint64_t>(3, 16 - first)}, kDefaultFuel);
  }
  EXPECT_EQ(whole, parts);
}

TEST(Interpreter, FuelIsSpentByTheLoopsOfOneWorkgroupOnly) {
  const std::string body = "let s = 0u;\nfor i in 0u..10u { s = s + i; }\nout[gid.x] = s;\n";
  EXPECT_EQ(run(body, {0}, 640, {10, 1, 1}, 640).result.fault.code, FaultCode::none);
  const Ran over = run(body, {0}, 640, {10, 1, 1}, 639);
  EXPECT_EQ(over.result.fault.code, FaultCode::fuel_exhausted);
  EXPECT_EQ(over.result.fault.workgroup, 0u);
  EXPECT_EQ(over.result.fault.lane, 63u);
}

TEST(Interpreter, FuelOfAWorkgroupCutBetweenFramesIsCountedOnce) {
  // 1024 lanes are several frames; each lane loops twice.
  const std::string body = "let s = 0u;\nfor i in 0u..src[0u] { s = s + 1u; }\nout[gid.x] = s;\n";
  EXPECT_EQ(run(body, {2}, 2048, {2, 1, 1}, 2048, nullptr, "1024, 1, 1").result.fault.code,
            FaultCode::none);
  const Ran over = run(body, {2}, 2048, {2, 1, 1}, 2047, nullptr, "1024, 1, 1");
  EXPECT_EQ(over.result.fault.code, FaultCode::fuel_exhausted);
  EXPECT_EQ(over.result.fault.workgroup, 0u);
}

TEST(Interpreter, EndlessLoopEnds) {
  const Ran ran =
      run("for i in 0u..4294967295u { out[gid.x] = i; }\n", {0}, 64, {1, 1, 1}, 100'000);
  EXPECT_EQ(ran.result.fault.code, FaultCode::fuel_exhausted);
}

TEST(Interpreter, StopFlagEndsALoopAsShutdown) {
  const std::atomic<bool> stop{true};
  const Ran ran = run("for i in 0u..4294967295u { out[gid.x] = i; }\n", {0}, 64, {1, 1, 1},
                      ~std::uint64_t{0}, &stop);
  EXPECT_EQ(ran.result.fault.code, FaultCode::shutdown);
}

TEST(Interpreter, LowestFaultingWorkgroupIsReportedThoughAHigherOneFaultsFirst) {
  // Workgroup 3 traps in an earlier statement than workgroup 1; both share a frame.
  const Ran ran =
      run("if wid.x == 3u { trap(1u, \"late\"); }\nlet t = src[gid.x];\nif wid.x == 1u { trap(t, "
          "\"early\"); }\n",
          Words(256, 0), 1, {4, 1, 1});
  EXPECT_EQ(ran.result.fault.code, FaultCode::trap);
  EXPECT_EQ(ran.result.fault.workgroup, 1u);
  EXPECT_EQ(ran.result.fault.lane, 0u);
}

TEST(Interpreter, LanesThatReturnedWriteNothingAfterwards) {
  const Ran ran =
      run("if src[gid.x] == 1u { return; }\nout[gid.x] = 7u;\n", {1, 0, 1, 0}, 4, {1, 1, 1});
  EXPECT_EQ(ran.out, (Words{0, 7, 0, 7}));
}

TEST(Interpreter, FullFrameAfterOneWithReturnsHasAllItsLanesBack) {
  Words in(1024, 0);
  for (std::size_t i = 0; i < 256; ++i) in[i] = 1;
  const Ran ran = run("if src[gid.x] == 1u { return; }\nout[gid.x] = 7u;\n", in, 1024, {16, 1, 1});
  for (std::size_t i = 0; i < 1024; ++i) EXPECT_EQ(ran.out[i], i < 256 ? 0u : 7u) << i;
}

TEST(Interpreter, LoopsThatEndAtDifferentTimesKeepTheirOwnSums) {
  Words in(256);
  std::iota(in.begin(), in.end(), 0u);
  const Ran ran = run("let s = 0u;\nfor i in 0u..src[gid.x] { s = s + i; }\nout[gid.x] = s;\n", in,
                      256, {4, 1, 1});
  for (std::uint32_t i = 0; i < 256; ++i) EXPECT_EQ(ran.out[i], i == 0 ? 0u : i * (i - 1) / 2) << i;
}

TEST(Interpreter, InstructionsAreCountedByLane) {
  const Ran one = run("out[gid.x] = 1u;\n", {0}, 64, {1, 1, 1});
  const Ran two = run("out[gid.x] = 1u;\n", {0}, 128, {2, 1, 1});
  EXPECT_GT(one.result.instructions, 0u);
  EXPECT_EQ(one.result.instructions % 64, 0u);
  EXPECT_EQ(two.result.instructions, 2 * one.result.instructions);
}

}  // namespace
}  // namespace vyre::cpu
