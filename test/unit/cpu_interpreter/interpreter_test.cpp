// The interpreter on its own: spans, fuel, stop, faults and their place, copies and masks at the
// edges of frames.
#include "cpu/interpreter/interpreter.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>
#include <string>
#include <vector>

#include "core/machine.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

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

TEST(Interpreter, FuelOfAWorkgroupOfManyFramesIsSpentByAllOfThem) {
  // So much fuel that the workgroup is cut into frames; its last lane takes the last unit.
  const std::string body = "let s = 0u;\nfor i in 0u..src[0u] { s = s + 1u; }\nout[gid.x] = s;\n";
  constexpr std::uint32_t kRounds{core::kSmallFuel / 1024 + 1};
  constexpr std::uint64_t kFuel{std::uint64_t{kRounds} * 1024};
  const Ran enough = run(body, {kRounds}, 1024, {1, 1, 1}, kFuel, nullptr, "1024, 1, 1");
  EXPECT_EQ(enough.result.fault.code, FaultCode::none);
  EXPECT_EQ(enough.out, Words(1024, kRounds));
  const Ran over = run(body, {kRounds}, 1024, {1, 1, 1}, kFuel - 1, nullptr, "1024, 1, 1");
  EXPECT_EQ(over.result.fault.code, FaultCode::fuel_exhausted);
  EXPECT_EQ(over.result.fault.lane, 1023u);
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

/// Runs a program that asks for its own end: buffer `out` is the stop word.
FaultCode run_until_own_stop(const std::string& text, Words& result) {
  struct alignas(16) Word {
    std::atomic<bool> stop{false};
    std::uint8_t rest[15]{};
  } word;
  const core::Image image = image_of(text);
  const std::vector<core::BufferView> buffers{{reinterpret_cast<std::uint8_t*>(&word), sizeof word},
                                              view(result)};
  Interpreter interpreter;
  return interpreter.run(image, buffers, {1, 1, 1}, {0, 1}, kDefaultFuel, &word.stop).fault.code;
}

constexpr char kStopsItself[] =
    "workgroup 32, 1, 1;\nbuffer stop: u32[4] read_write;\nbuffer out: u32[] read_write;\n";

TEST(Interpreter, StraightCodeLooksAtTheStopWord) {
  // Flat, and in workgroups with barriers between.
  for (const char* const between : {"", "barrier;\n"}) {
    std::string text = std::string(kStopsItself) + "region \"r\" {\nstop[0] = 1;\n";
    for (std::uint32_t k = 0; k < 4'000; ++k) {
      text += "out[" + std::to_string(k) + "] = 7;\n" + between;
    }
    Words out(4'000, 0);
    EXPECT_EQ(run_until_own_stop(text + "}\n", out), FaultCode::shutdown) << between;
    EXPECT_EQ(out[0], 7u);
    EXPECT_EQ(out[kPollInstructions], 0u) << "it ran on for more than that many statements";
  }
}

TEST(Interpreter, ALargeExpressionLooksAtTheStopWord) {
  // One statement: it must not be stopped at its end only.
  std::string sum = "out[0]";
  for (std::uint32_t k = 0; k < 40; ++k) sum = "(" + sum + " + (out[1] * out[2] + out[3]))";
  std::string wide = sum;
  for (std::uint32_t k = 0; k < 8; ++k) wide = "max(" + wide + ", " + wide + ")";
  Words out(16, 0);
  EXPECT_EQ(run_until_own_stop(std::string(kStopsItself) +
                                   "region \"r\" {\nstop[0] = 1;\nout[5] = " + wide +
                                   ";\nout[6] = 7;\n}\n",
                               out),
            FaultCode::shutdown);
  EXPECT_EQ(out[6], 0u);
}

TEST(Interpreter, AsynchronousCopiesLookAtTheStopWordStatementByStatement) {
  Words out(8, 0);
  const std::string text =
      std::string(kStopsItself) +
      "buffer tile: u32[4] workgroup;\nregion \"r\" {\n"
      "async_load(out, tile, 0, 16, \"a\");\nasync_wait(\"a\");\nout[0] = 1;\n"
      "stop[0] = 1;\nout[1] = 1;\nasync_load(out, tile, 0, 16, \"b\");\nout[2] = "
      "1;\nasync_wait(\"b\");\n}\n";
  EXPECT_EQ(run_until_own_stop(text, out), FaultCode::shutdown);
  EXPECT_EQ(out, (Words{1, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(Interpreter, StartingACopyCostsAUnitOfFuelALaneAndOneMoreForEach64KiB) {
  // 64 lanes: 64 units for an empty copy, and 2 more each for one of 128 KiB.
  const std::string empty = "async_load(src, out, 0, 0, \"t\");\nasync_wait(\"t\");\n";
  EXPECT_EQ(run(empty, {0}, 1, {1, 1, 1}, 64).result.fault.code, FaultCode::none);
  const Ran short_of_one = run(empty, {0}, 1, {1, 1, 1}, 63);
  EXPECT_EQ(short_of_one.result.fault.code, FaultCode::fuel_exhausted);
  EXPECT_EQ(short_of_one.result.fault.lane, 63u);

  const std::string large = "async_load(src, out, 0, 200000, \"t\");\nasync_wait(\"t\");\n";
  const std::size_t words = 2 * kCopyBytesPerFuel / 4;  // what is clipped costs nothing
  EXPECT_EQ(run(large, {5}, words, {1, 1, 1}, 3 * 64).result.fault.code, FaultCode::none);
  const Ran short_of_much = run(large, {5}, words, {1, 1, 1}, 100);
  EXPECT_EQ(short_of_much.result.fault.code, FaultCode::fuel_exhausted);
  EXPECT_EQ(short_of_much.result.fault.lane, 33u);  // 34 lanes would be 102

  // Loops and copies spend of one store.
  const std::string both =
      "for i in 0..2 { async_load(src, out, 0, 4, \"t\"); async_wait(\"t\"); }\n";
  EXPECT_EQ(run(both, {5}, 1, {1, 1, 1}, 4 * 64).result.fault.code, FaultCode::none);
  EXPECT_EQ(run(both, {5}, 1, {1, 1, 1}, 4 * 64 - 1).result.fault.code, FaultCode::fuel_exhausted);
}

TEST(Interpreter, CopiesAreWaitedForInAnyOrder) {
  // Tags that come and go around others that stay: each wait writes what its own copy read.
  std::string body;
  const auto start = [&](int tag, int from) {
    body += "async_load(src, out, " + std::to_string(4 * from) + ", 4, \"t" + std::to_string(tag) +
            "\");\n";
  };
  const auto wait = [&](int tag, int slot) {
    body += "async_wait(\"t" + std::to_string(tag) + "\");\nif lid.x == 0u { out[" +
            std::to_string(slot) + "] = out[0]; }\n";
  };
  for (int k = 0; k < 40; ++k) start(k, k);
  int slot = 1;
  for (int k = 1; k < 40; k += 2) wait(k, slot++);
  for (int k = 1; k < 40; k += 4) start(k, k + 1);
  for (int k = 39; k >= 0; --k) {
    if (k % 2 == 0 || k % 4 == 1) wait(k, slot++);
  }
  Words in(64);
  std::iota(in.begin(), in.end(), 100u);
  const Ran ran = run(body, in, 64, {1, 1, 1});
  ASSERT_EQ(ran.result.fault.code, FaultCode::none);
  slot = 1;
  for (std::uint32_t k = 1; k < 40; k += 2)
    EXPECT_EQ(ran.out[static_cast<std::size_t>(slot++)], 100 + k);
  for (std::uint32_t k = 40; k-- > 0;) {
    if (k % 2 == 0) {
      EXPECT_EQ(ran.out[static_cast<std::size_t>(slot++)], 100 + k) << k;
    }
    if (k % 4 == 1) {
      EXPECT_EQ(ran.out[static_cast<std::size_t>(slot++)], 100 + k + 1) << k;
    }
  }
}

TEST(Interpreter, TheOldestCopyThatWasNeverWaitedForIsReported) {
  const Ran ran =
      run("async_load(src, out, 0, 4, \"a\");\nasync_load(src, out, 0, 4, \"b\");\n"
          "async_load(src, out, 0, 4, \"c\");\nasync_wait(\"a\");\nasync_load(src, out, 0, 4, "
          "\"d\");\n",
          {0}, 1, {1, 1, 1});
  EXPECT_EQ(ran.result.fault.code, FaultCode::async_misuse);
  EXPECT_EQ(ran.result.fault.lane, 0u);
  EXPECT_EQ(ran.result.fault.statement, 2u);  // the root region is statement 0
}

TEST(Interpreter, ACopyReadsWhatIsThereWhenItsOwnStatementStartsIt) {
  const core::Image image = image_of(
      "workgroup 1, 1, 1;\nbuffer x: u32[] read_write;\nbuffer t: u32[1] workgroup;\n"
      "buffer u: u32[1] workgroup;\nregion \"r\" {\nx[0] = 1;\n"
      "async_load(x, t, 0, 4, \"a\");\nx[0] = 2;\nasync_load(x, u, 0, 4, \"b\");\n"
      "async_wait(\"a\");\nasync_wait(\"b\");\nx[1] = t[0];\nx[2] = u[0];\n}\n");
  Words x(3, 0);
  const std::vector<core::BufferView> buffers{view(x), {nullptr, 4}, {nullptr, 4}};
  const core::RunResult result = Interpreter().run(image, buffers, {1, 1, 1}, {0, 1}, kDefaultFuel);
  EXPECT_EQ(result.fault.code, FaultCode::none);
  EXPECT_EQ(x, (Words{2, 1, 2}));
}

TEST(Interpreter, LanesThatCopyDifferentLengthsFromOnePlaceEachGetTheirOwn) {
  Words in(64);
  std::iota(in.begin(), in.end(), 1u);
  const Ran ran =
      run("async_store(src, out, lid.x * 16u, 4u + 4u * (lid.x % 4u), \"a\");\n"
          "async_wait(\"a\");\n",
          in, 256, {1, 1, 1});
  ASSERT_EQ(ran.result.fault.code, FaultCode::none);
  for (std::uint32_t lane = 0; lane < 64; ++lane) {
    for (std::uint32_t word = 0; word < 4; ++word)
      EXPECT_EQ(ran.out[lane * 4 + word], word <= lane % 4 ? word + 1 : 0) << lane;
  }
}

TEST(Interpreter, ACopyThatWasWaitedForLeavesTheWholeLimitToTheNext) {
  // Nothing is written there: the second copy is never waited for.
  void* const room = ::mmap(nullptr, kMaxPendingCopyBytes, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(room, MAP_FAILED);
  for (const std::uint64_t beyond : {0u, 1u}) {
    const std::uint64_t most = kMaxPendingCopyBytes - kPendingCopyOverhead + beyond;
    const core::Image image = image_of(
        "workgroup 64, 1, 1;\nbuffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n"
        "buffer large: u32[] read_write;\nregion \"r\" {\nif lid.x == 3u {\n"
        "for i in 0u..9u { async_load(src, out, 0, 16, \"a\"); async_wait(\"a\"); }\n"
        "async_load(src, large, 0, " +
        std::to_string(most) + ", \"b\");\n}\n}\n");
    Words in(4, 7);
    Words out(4, 0);
    const std::vector<core::BufferView> buffers{
        view(in), view(out), {static_cast<std::uint8_t*>(room), kMaxPendingCopyBytes}};
    const core::RunResult result =
        Interpreter().run(image, buffers, {1, 1, 1}, {0, 1}, kDefaultFuel);
    EXPECT_EQ(result.fault.code, beyond == 0 ? FaultCode::async_misuse : FaultCode::copy_limit);
    EXPECT_EQ(result.fault.lane, 3u);
    EXPECT_EQ(out, in);
  }
  ::munmap(room, kMaxPendingCopyBytes);
}

TEST(Interpreter, ALoadOfBytesThatAnotherProcessChangesHasOneValue) {
  constexpr std::uint32_t kLanes{256};
  constexpr std::uint32_t kPasses{2'000};
  void* const shared =
      ::mmap(nullptr, kLanes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto* const bytes = static_cast<std::uint8_t*>(shared);
  const pid_t writer = ::fork();
  ASSERT_GE(writer, 0);
  if (writer == 0) {
    for (std::uint8_t value = 0;; value ^= 1) {
      for (std::uint32_t i = 0; i < kLanes; ++i)
        static_cast<volatile std::uint8_t*>(bytes)[i] = value;
    }
  }
  const core::Image image = image_of(
      "workgroup 256, 1, 1;\nbuffer text: u8[] read_only;\nbuffer out: u32[] read_write;\n"
      "region \"r\" {\n  let c = 0;\n  let d = 0;\n  for k in 0..2000 {\n"
      "    let v = u32(text[gid.x]);\n    if v == 0 || v == 1 { c = c + 1; }\n"
      "    if u32(text[gid.x]) != 0 { d = d + 1; }\n    if gid.x < 256 { d = d + 1; }\n  }\n"
      "  out[gid.x] = c;\n  out[gid.x + 256] = d;\n}\n");
  Words out(2 * kLanes);
  const std::vector<core::BufferView> buffers{{bytes, kLanes}, view(out)};
  Interpreter interpreter;
  const auto ran = interpreter.run(image, buffers, {1, 1, 1}, {0, 1}, kDefaultFuel);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  ::munmap(shared, kLanes);
  EXPECT_EQ(ran.fault.code, FaultCode::none);
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    ASSERT_EQ(out[lane], kPasses) << "lane " << lane << " read neither of the two values";
    ASSERT_GE(out[kLanes + lane], kPasses) << "lane " << lane << " passed over a guard";
  }
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
