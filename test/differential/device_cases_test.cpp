// Known answers of the interpreter on a device, where it could differ from the CPU's: f32 at the
// edge of the subnormals, fuel at its last unit, frames of every width and in scratch, workgroups
// of 1,024 lanes, copies. Each case runs on the CPU interpreter too, and bytes, fault code,
// workgroup, lane and statement must be the same. Needs a device, as device_test.cpp does.
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "core/machine.hpp"
#include "cpu/interpreter/interpreter.hpp"
#include "protocol/limits.hpp"
#include "support/device/interpreter_probe.hpp"
#include "support/device/needs_device.hpp"
#include "vir/lower/lower.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

using Words = std::vector<std::uint32_t>;

Result<core::Image> image_of(const std::string& text) {
  VYRE_ASSIGN(const vir::Program assembled, vir::assemble(text));
  VYRE_ASSIGN(const vir::Program program, vir::prepare(assembled));
  VYRE_TRY(vir::validate(program));
  return vir::lower(program);
}

core::BufferView view(Words& words) {
  return {reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 4};
}

struct Case {
  std::string text;
  std::vector<Words> buffers;  // by declaration; workgroup buffers empty
  core::Grid grid{1, 1, 1};
  std::uint64_t fuel{kDefaultFuel};
};

struct Ran {
  core::RunResult result;
  std::vector<Words> buffers;
};

class DeviceCases : public test::NeedsDevice {
 protected:
  /// Runs a case on the CPU interpreter and on the device, and compares everything.
  static Ran agree(const Case& given, const cuda::InterpreterProbeOptions& options = {}) {
    const auto image = image_of(given.text);
    if (!image) {
      ADD_FAILURE() << image.error().message;
      return {};
    }
    const std::uint64_t total = std::uint64_t{given.grid[0]} * given.grid[1] * given.grid[2];
    Ran want{{}, given.buffers};
    Ran have{{}, given.buffers};
    std::vector<core::BufferView> views;
    for (Words& words : want.buffers) views.push_back(view(words));
    want.result = cpu::Interpreter().run(*image, views, given.grid, {0, total}, given.fuel);
    auto probe = cuda::InterpreterProbe::open(options);
    if (!probe) {
      ADD_FAILURE() << probe.error().message;
      return have;
    }
    views.clear();
    for (Words& words : have.buffers) views.push_back(view(words));
    const auto ran = probe->run(*image, views, given.grid, {0, total}, given.fuel);
    if (!ran) {
      ADD_FAILURE() << ran.error().message;
      return have;
    }
    have.result = *ran;
    EXPECT_EQ(have.result.fault.code, want.result.fault.code);
    EXPECT_EQ(have.result.fault.workgroup, want.result.fault.workgroup);
    EXPECT_EQ(have.result.fault.lane, want.result.fault.lane);
    EXPECT_EQ(have.result.fault.statement, want.result.fault.statement);
    if (want.result.fault.code == FaultCode::none) {
      EXPECT_EQ(have.buffers, want.buffers);
    }
    return have;
  }

  static std::string body(const std::string& buffers, const std::string& statements,
                          const std::string& size = "64, 1, 1") {
    return "workgroup " + size + ";\n" + buffers + "region \"r\" {\n" + statements + "}\n";
  }
};

TEST_F(DeviceCases, AProductThatRoundsUpToTheSmallestNormalIsNotFlushed) {
  const Case one{body("buffer x: f32[] read_only;\nbuffer y: f32[] read_write;\n",
                      "y[gid.x] = x[gid.x] * 0.5f;\n"),
                 {Words(64, 0x00FFFFFFu), Words(64)}};
  EXPECT_EQ(agree(one).buffers[1], Words(64, 0x00800000u));
}

TEST_F(DeviceCases, SubnormalsAndNansAreCanonicalByEveryDoor) {
  // Loads, values of each operator, selections and the bits of a u32, against every partner.
  const Words special{0x00000001u, 0x80000001u, 0x007FFFFFu, 0x807FFFFFu, 0x00800000u, 0x80800000u,
                      0x00FFFFFFu, 0x7F800000u, 0xFF800000u, 0x7FC00001u, 0xFFFFFFFFu, 0x7F800001u,
                      0x00000000u, 0x80000000u, 0x3F800000u, 0xBF800000u, 0x3F000000u, 0x7F7FFFFFu,
                      0x00800001u, 0x4B800000u, 0x33800000u, 0x3EFFFFFFu};
  Words a;
  Words b;
  for (const std::uint32_t x : special) {
    for (const std::uint32_t y : special) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  const auto n = static_cast<std::uint32_t>((a.size() + 63) / 64);
  a.resize(n * 64);
  b.resize(n * 64);
  const char* const operations[] = {"x + y",
                                    "x - y",
                                    "x * y",
                                    "x / y",
                                    "fma(x, y, x)",
                                    "min(x, y)",
                                    "max(x, y)",
                                    "x * y + x",
                                    "x * x * y - y",
                                    "sqrt(x)",
                                    "-x",
                                    "abs(x)",
                                    "floor(x)",
                                    "round(x)",
                                    "inverse_sqrt(x)",
                                    "reciprocal(y)",
                                    "select(x < y, x, y)",
                                    "select(x == y, x * y, y + x)",
                                    "f32(u32(x)) * y",
                                    "(x + y) * (x - y) + x * 0.5f"};
  for (const char* const operation : operations) {
    const Case one{body("buffer a: f32[] read_only;\nbuffer b: f32[] read_only;\n"
                        "buffer o: f32[] read_write;\nbuffer t: u32[] read_write;\n",
                        std::string("let x = a[gid.x];\nlet y = b[gid.x];\nlet z = ") + operation +
                            ";\no[gid.x] = z;\nt[gid.x] = u32(is_nan(z)) + u32(z > 0.0f);\n"),
                   {a, b, Words(a.size()), Words(a.size())},
                   {n, 1, 1}};
    SCOPED_TRACE(operation);
    agree(one);
  }
}

TEST_F(DeviceCases, FuelEndsAtItsLastUnitWhereAFrameHoldsManyWorkgroups) {
  // 10 iterations by lanes below src[gid.x]: workgroups spend differently.
  const std::string text = body("buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n",
                                "let s = 0u;\nfor i in 0u..src[gid.x] { s = s + i; }\n"
                                "out[gid.x] = s;\n",
                                "16, 1, 1");
  Words src(512);
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::uint32_t>(i % 7 + i / 100);
  std::uint64_t most = 0;
  for (std::size_t w = 0; w < 32; ++w)
    most = std::max<std::uint64_t>(
        most, std::accumulate(src.begin() + static_cast<long>(w * 16),
                              src.begin() + static_cast<long>(w * 16 + 16), std::uint64_t{0}));
  cuda::InterpreterProbeOptions options;
  options.workgroups_a_run = 32;
  for (const std::uint64_t fuel : {most, most - 1, most / 2, std::uint64_t{1}, std::uint64_t{0}}) {
    SCOPED_TRACE(fuel);
    const Ran ran = agree({text, {src, Words(512)}, {32, 1, 1}, fuel}, options);
    EXPECT_EQ(ran.result.fault.code, fuel >= most ? FaultCode::none : FaultCode::fuel_exhausted);
  }
}

TEST_F(DeviceCases, FuelOfAWorkgroupCutBetweenFramesIsCountedOnce) {
  const std::string text = body("buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n",
                                "let s = 0u;\nfor i in 0u..src[0u] { s = s + 1u; }\n"
                                "out[gid.x] = s;\n",
                                "1000, 1, 1");
  EXPECT_EQ(agree({text, {{3}, Words(2000)}, {2, 1, 1}, 3000}).result.fault.code, FaultCode::none);
  for (const std::uint64_t fuel : {2999u, 2001u, 2000u, 1500u, 1u}) {
    SCOPED_TRACE(fuel);
    EXPECT_EQ(agree({text, {{3}, Words(2000)}, {2, 1, 1}, fuel}).result.fault.code,
              FaultCode::fuel_exhausted);
  }
}

TEST_F(DeviceCases, FuelOfAWorkgroupOfManyFramesIsSpentByAllOfThem) {
  // So much fuel that the workgroup is cut into frames.
  const std::string text = body("buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n",
                                "let s = 0u;\nfor i in 0u..src[0u] { s = s + 1u; }\n"
                                "out[gid.x] = s;\n",
                                "1024, 1, 1");
  constexpr std::uint32_t kRounds{core::kSmallFuel / 1024 + 1};
  constexpr std::uint64_t kFuel{std::uint64_t{kRounds} * 1024};
  const Ran over = agree({text, {{kRounds}, Words(1024)}, {1, 1, 1}, kFuel - 1});
  EXPECT_EQ(over.result.fault.code, FaultCode::fuel_exhausted);
  EXPECT_EQ(over.result.fault.lane, 1023u);
  EXPECT_EQ(agree({text, {{kRounds}, Words(1024)}, {1, 1, 1}, kFuel}).result.fault.code,
            FaultCode::none);
}

TEST_F(DeviceCases, FramesOfEveryWidthAndInScratchGiveTheSameBytes) {
  // More live values make frames narrower; a small slice sends them to scratch.
  for (const std::uint32_t values : {2u, 9u, 17u, 40u, 90u, 200u}) {
    std::string statements;
    for (std::uint32_t k = 0; k < values; ++k)
      statements += "let v" + std::to_string(k) + " = src[gid.x + " + std::to_string(k) + "u] ^ " +
                    std::to_string(k * 77) + "u;\n";
    statements += "let s = 0u;\nif gid.x % 3u != 0u {\n";
    for (std::uint32_t k = 0; k < values; ++k)
      statements += "s = s * 31u + v" + std::to_string(values - 1 - k) + ";\n";
    statements += "}\nfor i in 0u..gid.x % 5u { s = s + v0 * i; }\nout[gid.x] = s;\n";
    Words src(1'100);
    std::iota(src.begin(), src.end(), 12'345u);
    for (const std::uint32_t slice : {14'336u, 2'048u, 1'024u}) {
      for (const std::uint32_t lanes : {32u, 96u, 250u, 1'000u}) {
        SCOPED_TRACE(std::to_string(values) + " values, slice " + std::to_string(slice) +
                     ", lanes " + std::to_string(lanes));
        cuda::InterpreterProbeOptions options;
        options.slice_bytes = slice;
        options.workgroups_a_run = 50;
        agree({body("buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n", statements,
                    "50, 1, 1"),
               {src, Words(lanes)},
               {(lanes + 49) / 50, 1, 1}},
              options);
      }
    }
  }
}

TEST_F(DeviceCases, WorkgroupsOf1024LanesExchangeThroughMemoryAboveTheSlice) {
  // Reverses and sums through workgroup memory of 32 KiB, with barriers and a tree.
  const std::string text = body(
      "buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n"
      "buffer t: u32[8192] workgroup;\n",
      "t[lid.x] = src[gid.x];\nt[lid.x + 4096u] = src[gid.x] * 3u;\nbarrier;\n"
      "let r = t[1023u - lid.x] + t[5119u - lid.x];\nbarrier;\nt[lid.x] = r;\nbarrier;\n"
      "for k in 0u..10u {\nlet h = 512u >> k;\nlet other = 0u;\n"
      "if lid.x < h { other = t[lid.x + h]; }\nbarrier;\n"
      "if lid.x < h { t[lid.x] = t[lid.x] + other; }\nbarrier;\n}\n"
      "out[gid.x] = t[0u] + r;\n",
      "1024, 1, 1");
  Words src(3 * 1024);
  std::iota(src.begin(), src.end(), 5u);
  const Ran ran = agree({text, {src, Words(src.size()), {}}, {3, 1, 1}});
  const std::uint32_t sum = 4 * std::accumulate(src.begin(), src.begin() + 1024, 0u);
  EXPECT_EQ(ran.buffers[1][0], sum + 4 * src[1023]);
}

TEST_F(DeviceCases, SubgroupsAreSlicesOf32LanesInWorkgroupsOfEverySize) {
  for (const char* const size : {"8, 1, 1", "32, 1, 1", "48, 1, 1", "64, 1, 1", "100, 1, 1",
                                 "128, 1, 1", "16, 4, 2", "1000, 1, 1"}) {
    SCOPED_TRACE(size);
    Words src(2'048);
    for (std::size_t i = 0; i < src.size(); ++i)
      src[i] = static_cast<std::uint32_t>(i * 2654435761u);
    agree(
        {body("buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n",
              "let at = lid.x + 16u * lid.y + 64u * lid.z + 1000u * wid.x;\n"
              "let v = src[at];\nlet s = subgroup_add(v);\nlet q = subgroup_shuffle(v, v % 40u);\n"
              "let b = subgroup_ballot(v % 3u == 1u);\nout[at] = s ^ q * 5u ^ b;\n",
              size),
         {src, Words(2'048)},
         {2, 1, 1}});
  }
}

TEST_F(DeviceCases, CopiesReadWhenTheyStartAndWriteWhenTheyAreWaitedFor) {
  const std::string buffers =
      "buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\nbuffer t: u32[256] "
      "workgroup;\n";
  Words src(300);
  std::iota(src.begin(), src.end(), 7u);
  const Case ring{
      body(buffers,
           "if lid.x == 0u {\nasync_load(src, t, 0u, 512u, \"a\");\nasync_wait(\"a\");\n"
           "for i in 0u..40u {\nasync_store(t, out, i * 4u, 512u, \"b\");\n"
           "async_load(src, t, i * 8u, 600u, \"c\");\nasync_wait(\"b\");\n"
           "async_store(t, out, 600u, i, \"d\");\nasync_wait(\"c\");\nasync_wait(\"d\");\n}\n}\n"
           "barrier;\nout[200u + lid.x] = t[lid.x];\n"),
      {src, Words(300), {}}};
  agree(ring);
  // The same with almost no room: gaps must be closed.
  cuda::InterpreterProbeOptions small;
  small.slice_bytes = 4'096;
  small.scratch_bytes = 66'048;
  agree(ring, small);
}

TEST_F(DeviceCases, CopiesAndLoopsSpendTheSameFuelToTheLastUnit) {
  // Lanes differ in whether they copy, how much, and how often they go round.
  const std::string text = body(
      "buffer src: u32[] read_only;\nbuffer dst: u32[] read_write;\n",
      "if lid.x % 3 != 1 { async_load(src, dst, 0, lid.x * 8192, \"a\"); async_wait(\"a\"); }\n"
      "for i in 0..lid.x % 2 + 1 { async_store(src, dst, 131072, 70000 * i, \"b\"); "
      "async_wait(\"b\"); }\n");
  const Case one{text, {Words(1 << 16, 3), Words(1 << 17, 0)}};
  cuda::InterpreterProbeOptions room;
  room.scratch_bytes = std::uint64_t{4} << 20;  // for all copies that are pending together
  std::uint64_t most = 0;
  for (std::uint64_t fuel = 0; fuel < 700; fuel = fuel * 5 / 4 + 1) {
    SCOPED_TRACE("fuel " + std::to_string(fuel));
    Case with = one;
    with.fuel = fuel;
    if (agree(with, room).result.fault.code == FaultCode::fuel_exhausted) most = fuel;
  }
  EXPECT_GT(most, 100u);
  EXPECT_EQ(agree(one, room).result.fault.code, FaultCode::none);
}

TEST_F(DeviceCases, StraightCodeWithLooksAtTheStopWordGivesTheSameBytes) {
  std::string statements;
  for (std::uint32_t k = 0; k < 3 * kPollInstructions; ++k) {
    statements += "x[gid.x] = x[gid.x] * 3 + " + std::to_string(k % 7) + ";\n";
    if (k % 100 == 0) statements += "if x[gid.x] % 2 == 0 { x[gid.x] = x[gid.x] + 1; }\n";
  }
  Words x(96);
  std::iota(x.begin(), x.end(), 5u);
  (void)agree({body("buffer x: u32[] read_write;\n", statements, "32, 1, 1"), {x}, {3, 1, 1}});
}

TEST_F(DeviceCases, CopiesThatAreMisusedFaultAsOnTheCpu) {
  const std::string buffers = "buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n";
  const char* const wrong[] = {
      "async_load(src, out, 0u, 16u, \"a\");\nif lid.x == 5u { async_load(src, out, 0u, 16u, "
      "\"a\"); }\nasync_wait(\"a\");\n",
      "if lid.x > 3u { async_wait(\"a\"); }\n",
      "if lid.x == 9u { async_load(src, out, 0u, 4u, \"a\"); }\nout[gid.x] = 1u;\n"};
  for (const char* const statements : wrong) {
    SCOPED_TRACE(statements);
    EXPECT_EQ(agree({body(buffers, statements), {Words(64, 1), Words(64)}}).result.fault.code,
              FaultCode::async_misuse);
  }
}

TEST_F(DeviceCases, TheLowestFaultingWorkgroupAndItsLowestLaneAreReported) {
  const std::string buffers = "buffer src: u32[] read_only;\nbuffer out: u32[] read_write;\n";
  for (const std::uint32_t a_run : {1u, 3u, 40u}) {
    cuda::InterpreterProbeOptions options;
    options.workgroups_a_run = a_run;
    const Ran ran = agree({body(buffers,
                                "if wid.x == 30u { trap(1u, \"late\"); }\nlet t = src[gid.x];\n"
                                "if wid.x >= 17u && lid.x >= 7u { trap(t, \"early\"); }\n",
                                "24, 1, 1"),
                           {Words(960), Words(1)},
                           {40, 1, 1}},
                          options);
    EXPECT_EQ(ran.result.fault.workgroup, 17u);
    EXPECT_EQ(ran.result.fault.lane, 7u);
  }
}

TEST_F(DeviceCases, AnImageThatNeedsMoreScratchThanThereIsIsRefusedByName) {
  const auto image =
      image_of(body("buffer out: u32[] read_write;\nbuffer t: u32[100000] workgroup;\n",
                    "t[lid.x] = lid.x;\nbarrier;\nout[gid.x] = t[lid.x];\n"));
  ASSERT_TRUE(image);
  auto probe = cuda::InterpreterProbe::open();
  ASSERT_TRUE(probe) << probe.error().message;
  Words out(64);
  const std::vector<core::BufferView> views{view(out), {}};
  const auto ran = probe->run(*image, views, {1, 1, 1}, {0, 1}, kDefaultFuel);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, Errc::unsupported);
  EXPECT_NE(ran.error().message.find("400000"), std::string::npos) << ran.error().message;
}

}  // namespace
}  // namespace vyre
