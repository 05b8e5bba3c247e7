// Fused images leave what their programs leave one by one: values handed over in registers, lanes
// that return, stores that are left out.
#include "vir/lower/fuse.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "core/machine.hpp"
#include "rig.hpp"

namespace vyre {
namespace {

using test::FuseMember;
using test::FuseRig;

Bytes bytes_of(std::size_t count, std::uint32_t seed) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 1'664'525u + 1'013'904'223u;
    bytes[i] = static_cast<std::uint8_t>(seed >> 24);
  }
  return bytes;
}

/// Loads of `out` that the code of an image has.
std::size_t count_op(const core::Image& image, core::Opcode op) {
  return static_cast<std::size_t>(
      std::count_if(image.code.begin(), image.code.end(),
                    [op](const core::Instruction& i) { return i.op == op; }));
}

/// A rig whose fused run must leave the same bytes as its members, without a fault.
void expect_equal(const FuseRig& rig, std::uint32_t groups,
                  const std::vector<std::size_t>& elided = {}) {
  auto want = rig.one_by_one(groups);
  for (const Fault& fault : want.faults) ASSERT_EQ(fault.code, FaultCode::none);
  for (const std::uint64_t lanes : {std::uint64_t{0}, rig.lanes(groups)}) {
    const auto image = rig.fused(rig.handed(elided, lanes));
    ASSERT_TRUE(image) << to_string(image.error());
    auto have = rig.in_one(*image, groups);
    ASSERT_EQ(have.faults[0].code, FaultCode::none);
    for (const std::size_t one : elided) want.memory[one] = have.memory[one] = {};
    for (std::size_t b = 0; b < want.memory.size(); ++b)
      EXPECT_TRUE(want.memory[b] == have.memory[b]) << "buffer " << b << ", lanes " << lanes;
  }
}

/// A chain of members with this body, each of which reads `x` and writes `y`.
FuseRig chain_of(std::size_t count, const std::string& body, std::uint32_t elements = 64) {
  std::vector<FuseMember> members;
  std::vector<Bytes> memory{bytes_of(std::size_t{elements} * 4, 7)};
  for (std::size_t m = 0; m < count; ++m) {
    members.push_back({"workgroup 32, 1, 1;\nbuffer x: u32[] read_only;\nbuffer y: u32[" +
                           std::to_string(elements) +
                           "] read_write output live_out;\nregion \"m\" { " + body + " }\n",
                       {m, m + 1}});
    memory.push_back(bytes_of(std::size_t{elements} * 4, 2));
  }
  return FuseRig(memory, members);
}

TEST(Fuse, WhatAnEarlierMemberHasDoneForAllLanesIsLeftOut) {
  const FuseRig rig = chain_of(16, "y[gid.x] = x[gid.x] + 1;", 32);
  const auto image = rig.fused(rig.handed({}, rig.lanes(1)));
  ASSERT_TRUE(image) << to_string(image.error());
  EXPECT_EQ(count_op(*image, core::Opcode::global_id), 1u);
  EXPECT_EQ(count_op(*image, core::Opcode::id_guard), 1u);
  EXPECT_EQ(count_op(*image, core::Opcode::load32), 1u);
  EXPECT_EQ(count_op(*image, core::Opcode::add), 16u);
  EXPECT_EQ(count_op(*image, core::Opcode::store32), 16u);
  EXPECT_EQ(count_op(*image, core::Opcode::rejoin), 15u);
  EXPECT_EQ(image->code.size(), 1u + 1 + 1 + 16 + 16 + 15 + 1) << "and nothing but the end";
  const auto loose = rig.fused(rig.handed());
  ASSERT_TRUE(loose) << to_string(loose.error());
  EXPECT_EQ(loose->code.size(), image->code.size() + 16)
      << "whether the lane has an element is looked at once, and 15 members choose by it";
  expect_equal(rig, 1);
  expect_equal(rig, 3);
}

TEST(Fuse, ACheckThatOnlySomeLanesMadeIsMadeAgain) {
  const FuseRig rig = chain_of(3, "if lid.x < 5 { y[gid.x] = x[gid.x] + 1; }", 32);
  const auto image = rig.fused(rig.handed({}, rig.lanes(1)));
  ASSERT_TRUE(image) << to_string(image.error());
  EXPECT_EQ(count_op(*image, core::Opcode::id_guard), 3u);
  expect_equal(rig, 1);
}

TEST(Fuse, AReaderThatSeesMoreElementsNeedsNoLoadWhereNoLaneHasThem) {
  const FuseRig rig({bytes_of(128, 1), bytes_of(400, 2), bytes_of(128, 3)},
                    {{"workgroup 32, 1, 1;\nbuffer x: u32[] read_only;\n"
                      "buffer y: u32[32] read_write output live_out;\n"
                      "region \"m\" { y[gid.x] = x[gid.x] + 1; }\n",
                      {0, 1}},
                     {"workgroup 32, 1, 1;\nbuffer x: u32[] read_only;\n"
                      "buffer y: u32[32] read_write output live_out;\n"
                      "region \"m\" { y[gid.x] = x[gid.x] * 3; }\n",
                      {1, 2}}});
  EXPECT_EQ(count_op(*rig.fused(rig.handed({}, rig.lanes(1))), core::Opcode::load32), 1u);
  EXPECT_EQ(count_op(*rig.fused(rig.handed()), core::Opcode::load32), 2u);
  expect_equal(rig, 1);
  expect_equal(rig, 3);
}

TEST(Fuse, ARegisterThatIsWrittenAgainIsNoCopyOfWhatIsHandedOver) {
  for (const char* const body :
       {"let v = x[gid.x]; if v % 3 == 0 { v = v + 5; } y[gid.x] = v * 3;",
        "let v = x[gid.x]; for i in 0..v % 7 { v = v ^ (i + 1); } y[gid.x] = v + x[gid.x];",
        "let v = x[gid.x]; y[gid.x] = v + 1; if v % 2 == 0 { v = v + 9; y[gid.x] = v; }",
        "let v = x[gid.x] + 1; y[gid.x] = v; v = v * 5; y[gid.x] = v + x[gid.x];",
        "let v = x[gid.x] * 3; let w = v; v = v + 1; y[gid.x] = w ^ v;",
        "let v = 1; for i in 0..x[gid.x] % 5 { v = v + x[gid.x]; } y[gid.x] = v;",
        "let v = x[gid.x] + 1; y[gid.x] = v; if v % 2 == 0 { y[gid.x] = 7; } "
        "if v % 4 == 0 { y[gid.x] = v + 3; }",
        "let s = 0; for i in x[gid.x] % 9..20 { s = s + i; } y[gid.x] = s;",
        "let s = 1; for i in x[gid.x]..x[gid.x] + 3 { s = s * 3 + i; } y[gid.x] = s + x[gid.x];",
        "y[gid.x] = x[gid.x];", "if x[gid.x] % 2 == 1 { y[gid.x] = x[gid.x] + 1; }",
        "if gid.x < len(y) { y[gid.x] = x[gid.x] / 3 + gid.x; }",
        "if x[gid.x] % 5 == 1 { return; } y[gid.x] = x[gid.x] + gid.x;",
        "let g = gid.x; if g % 2 == 0 { g = g + 1; } y[gid.x] = x[gid.x] + g;"}) {
    SCOPED_TRACE(body);
    const FuseRig rig = chain_of(5, body);
    for (const std::uint32_t groups : {1u, 2u, 3u}) expect_equal(rig, groups);
    expect_equal(rig, 2, {2, 3});
  }
}

/// Words -> elements of `type`, through a store at the lane's own element; and back.
std::vector<FuseMember> there_and_back(const std::string& type, const std::string& value,
                                       const std::string& back, std::uint32_t elements) {
  return {{"workgroup 64, 1, 1;\nbuffer a: u32[] read_only;\nbuffer y: " + type + "[" +
               std::to_string(elements) +
               "] read_write output live_out;\nregion \"w\" { if a[gid.x] % 5 != 0 { y[gid.x] = " +
               value + "; } }\n",
           {0, 1}},
          {"workgroup 64, 1, 1;\nbuffer x: " + type +
               "[] read_only;\nbuffer z: u32[400] read_write output live_out;\nbuffer c: " + type +
               "[400] read_write live_out;\nregion \"r\" { z[gid.x] = " + back +
               "; c[gid.x] = x[gid.x]; }\n",
           {1, 2, 3}}};
}

TEST(Fuse, AValueIsHandedOverAsALoadWouldHaveGivenIt) {
  struct Row {
    const char* type;
    std::uint32_t stride;
    const char* value;
    const char* back;
  };
  for (const Row& row : {Row{"u32", 4, "a[gid.x] * 3", "x[gid.x] + 1"},
                         Row{"i32", 4, "i32(a[gid.x]) - 7i", "u32(x[gid.x] * 3i)"},
                         Row{"f32", 4, "f32(a[gid.x]) * 1e-30f * 1e-10f", "u32(x[gid.x] * 1e38f)"},
                         Row{"u8", 1, "u8(a[gid.x])", "u32(x[gid.x])"},
                         Row{"u16", 2, "u16(a[gid.x] * 77)", "u32(x[gid.x])"},
                         Row{"i8", 1, "i8(a[gid.x])", "u32(x[gid.x])"},
                         Row{"u64", 8, "u64(a[gid.x])", "select(x[gid.x] < u64(1000000000), 1, 2)"},
                         Row{"vec2u32", 8, "vec2u32(a[gid.x])", "gid.x"},
                         Row{"bool", 4, "a[gid.x] > 1000000000", "u32(x[gid.x])"}}) {
    SCOPED_TRACE(std::string(row.type) + " " + row.value);
    for (const std::uint32_t elements : {400u, 300u, 1u, 64u}) {
      for (const std::size_t more : {0u, 1u, 100u}) {  // bytes that the readers see behind
        SCOPED_TRACE(std::to_string(elements) + " elements, " + std::to_string(more) + " more");
        const FuseRig rig(
            {bytes_of(1600, 1), bytes_of(elements * row.stride + more * row.stride, 2),
             bytes_of(1700, 3), bytes_of(3300, 4)},
            there_and_back(row.type, row.value, row.back, elements));
        expect_equal(rig, 6);
        expect_equal(rig, 7, {1});
        expect_equal(rig, 3);
      }
    }
  }
}

TEST(Fuse, BitsOfF32AreCanonicalAsTheyWouldBeInMemory) {
  // NaN with a payload, a signalling NaN, subnormals of both signs.
  Bytes words(64 * 4, 0);
  const std::uint32_t bits[] = {0x7FC0'1234u, 0x7F80'0001u, 0x0000'0001u, 0x8000'0001u,
                                0xFFC0'0000u, 0x807F'FFFFu, 0x3F80'0000u, 0x8000'0000u};
  for (std::size_t i = 0; i < 64; ++i) std::memcpy(words.data() + 4 * i, &bits[i % 8], 4);
  const FuseRig rig(
      {words, Bytes(256, 9), Bytes(256, 9), Bytes(256, 9)},
      {{"workgroup 64, 1, 1;\nbuffer a: f32[] read_only;\n"
        "buffer y: f32[64] read_write output live_out;\nregion \"w\" { y[gid.x] = a[gid.x]; }\n",
        {0, 1}},
       {"workgroup 64, 1, 1;\nbuffer x: f32[] read_only;\n"
        "buffer z: f32[64] read_write output live_out;\n"
        "buffer s: u32[64] read_write live_out;\n"
        "region \"r\" { z[gid.x] = x[gid.x]; if sign(x[gid.x]) < 0.0f { s[gid.x] = 1; } }\n",
        {1, 2, 3}}});
  expect_equal(rig, 1);
  expect_equal(rig, 1, {1});
}

TEST(Fuse, AnF32ThatIsComputedWhereItIsKeptIsWhatALoadWouldGive) {
  std::vector<FuseMember> members;
  std::vector<Bytes> memory{bytes_of(256, 11)};  // of all kinds, NaNs and subnormals too
  const std::uint32_t nan = 0x7F80'0001u;
  std::memcpy(memory[0].data() + 16, &nan, 4);
  for (std::size_t m = 0; m < 6; ++m) {
    const std::string of = m % 2 == 0 ? "x[gid.x] * 1e-20f" : "-x[gid.x]";
    members.push_back(
        {"workgroup 64, 1, 1;\nbuffer x: f32[] read_only;\n"
         "buffer y: f32[64] read_write output live_out;\n"
         "buffer s: u32[64] read_write live_out;\nregion \"m\" { y[gid.x] = " +
             of + "; if is_nan(x[gid.x]) { s[gid.x] = 1; } }\n",
         {m, m + 1, 7 + m}});
    memory.push_back(Bytes(256, 9));
  }
  for (std::size_t m = 0; m < 6; ++m) memory.push_back(Bytes(256, 0));
  const FuseRig rig(memory, members);
  expect_equal(rig, 1);
  expect_equal(rig, 1, {1, 2, 3});
}

TEST(Fuse, ZeroIsHandedOverWhereNothingWasStored) {
  const FuseRig rig(
      {bytes_of(256, 5), Bytes(256, 7), Bytes(256, 7)},
      {{"workgroup 64, 1, 1;\nbuffer a: u32[] read_only;\n"
        "buffer y: u32[64] read_write output live_out;\n"
        "region \"w\" { for i in 0..a[gid.x] % 4 { if i == 2 { y[gid.x] = i + a[gid.x]; } } }\n",
        {0, 1}},
       {"workgroup 64, 1, 1;\nbuffer x: u32[] read_only;\n"
        "buffer z: u32[64] read_write output live_out;\nregion \"r\" { z[gid.x] = x[gid.x] + 1; "
        "}\n",
        {1, 2}}});
  expect_equal(rig, 1);
}

TEST(Fuse, ThatALaneReturnsEndsItsMemberOnly) {
  const std::string half =
      "workgroup 64, 1, 1;\nbuffer x: u32[] read_only;\n"
      "buffer y: u32[300] read_write output live_out;\nregion \"h\" {\n"
      "if x[gid.x] % 2 == 0 { return; }\nfor i in 0..x[gid.x] % 8 { if i == 5 { return; }\n"
      "y[gid.x] = x[gid.x] / 2 + i; } }\n";
  const FuseRig rig({bytes_of(1280, 1), bytes_of(1200, 2), bytes_of(1300, 3), bytes_of(1200, 4)},
                    {{half, {0, 1}}, {half, {1, 2}}, {half, {2, 3}}});
  expect_equal(rig, 5);
  expect_equal(rig, 4, {1, 2});
}

TEST(Fuse, MembersThatReadOneBufferEachSeeIt) {
  const auto filter = [](const char* what) {
    return "workgroup 64, 1, 1;\nbuffer a: u8[] read_only;\n"
           "buffer y: u32[500] read_write output live_out;\n"
           "region \"f\" { if gid.x < len(a) { y[gid.x] = " +
           std::string(what) + "; } }\n";
  };
  const FuseRig rig({bytes_of(450, 1), bytes_of(2000, 2), bytes_of(2000, 3)},
                    {{filter("u32(a[gid.x]) * 3"), {0, 1}},
                     {filter("u32(a[0]) + u32(a[len(a) - 1 - gid.x])"), {0, 2}}});
  expect_equal(rig, 8);
}

TEST(Fuse, AValueGoesToEveryReaderAndThroughManyMembers) {
  std::vector<FuseMember> members;
  std::vector<Bytes> memory{bytes_of(400, 1)};
  for (std::size_t m = 0; m < 12; ++m) {
    memory.push_back(bytes_of(400, 2));
    members.push_back(
        {"workgroup 32, 1, 1;\nbuffer a: u32[] read_only;\nbuffer b: u32[] read_only;\n"
         "buffer y: u32[100] read_write output live_out;\n"
         "region \"m\" { y[gid.x] = a[gid.x] * 3 + b[gid.x]; }\n",
         {m / 2, m, m + 1}});
  }
  const FuseRig rig(memory, members);
  expect_equal(rig, 4);
  expect_equal(rig, 4, {1, 3, 5, 7});
  const auto image = rig.fused(rig.handed());
  ASSERT_TRUE(image);
  EXPECT_EQ(count_op(*image, core::Opcode::load32), 3u) << "twice `a` of the first, once `b`";
}

TEST(Fuse, WhatIsElidedIsNotStored) {
  const FuseRig rig({bytes_of(256, 1), Bytes(256, 7), Bytes(1600, 7), Bytes(1600, 7)},
                    there_and_back("u32", "a[gid.x]", "x[gid.x]", 64));
  const auto image = rig.fused(rig.handed({1}));
  ASSERT_TRUE(image);
  EXPECT_EQ(count_op(*image, core::Opcode::store32), 2u);
  EXPECT_EQ(count_op(*rig.fused(rig.handed()), core::Opcode::store32), 3u);
}

/// Each lane turns as often as its word says.
std::string turns(const char* size, std::uint32_t elements) {
  return "workgroup " + std::string(size) + ", 1, 1;\nbuffer a: u32[] read_only;\nbuffer y: u32[" +
         std::to_string(elements) +
         "] read_write output live_out;\nregion \"t\" { let s = 0;\n"
         "for i in 0..a[gid.x] { s = s + 1; } y[gid.x] = s; }\n";
}

Bytes words_of(std::size_t count, std::uint32_t value) {
  Bytes bytes(4 * count);
  for (std::size_t i = 0; i < count; ++i) std::memcpy(bytes.data() + 4 * i, &value, 4);
  return bytes;
}

TEST(Fuse, EachMemberHasItsOwnFuel) {
  const FuseRig rig({words_of(128, 5), Bytes(512, 0), Bytes(512, 0)},
                    {{turns("32", 128), {0, 1}}, {turns("32", 128), {1, 2}}});
  const auto image = rig.fused(rig.handed());
  ASSERT_TRUE(image);
  EXPECT_EQ(rig.in_one(*image, 4, 160).faults[0].code, FaultCode::none);
  EXPECT_EQ(rig.in_one(*image, 4, 159).faults[0].code, FaultCode::fuel_exhausted);
}

TEST(Fuse, FuelThatAMemberLacksIsAlwaysMissed) {
  // A workgroup of several frames: then the members' fuel is one sum.
  constexpr std::uint32_t kRounds{core::kSmallFuel / 1024 + 1};
  const std::uint64_t fuel = std::uint64_t{kRounds} * 1024;
  const FuseRig rig({words_of(1024, kRounds), Bytes(4096, 0), Bytes(4096, 0)},
                    {{turns("1024", 1024), {0, 1}}, {turns("1024", 1024), {1, 2}}});
  const auto image = rig.fused(rig.handed());
  ASSERT_TRUE(image);
  EXPECT_EQ(rig.one_by_one(1, fuel).faults[1].code, FaultCode::none);
  EXPECT_EQ(rig.one_by_one(1, fuel - 1).faults[0].code, FaultCode::fuel_exhausted);
  EXPECT_EQ(rig.in_one(*image, 1, fuel - 1).faults[0].code, FaultCode::fuel_exhausted);
  EXPECT_EQ(rig.in_one(*image, 1, 2 * fuel).faults[0].code, FaultCode::none);
}

TEST(Fuse, AFaultInAnyMemberIsAFaultOfTheRun) {
  const std::string trap =
      "workgroup 64, 1, 1;\nbuffer x: u32[] read_only;\n"
      "buffer y: u32[64] read_write output live_out;\nregion \"t\" {\n"
      "if gid.x == 40 { if x[gid.x] == 3 { return; } }\n"
      "if x[gid.x] == 7 { trap(x[gid.x], \"seven\"); } y[gid.x] = x[gid.x] + 1; }\n";
  for (const std::uint32_t start : {7u, 6u, 5u, 4u}) {
    const FuseRig rig({words_of(64, start), Bytes(256, 0), Bytes(256, 0), Bytes(256, 0)},
                      {{trap, {0, 1}}, {trap, {1, 2}}, {trap, {2, 3}}});
    const auto image = rig.fused(rig.handed());
    ASSERT_TRUE(image);
    EXPECT_EQ(rig.in_one(*image, 1).faults[0].code, start == 4 ? FaultCode::none : FaultCode::trap);
  }
}

TEST(Fuse, LongCodeLooksAtTheStopWordAllTheSame) {
  std::string body;
  for (int i = 0; i < 20; ++i)
    body += "y[gid.x] = u16(u32(x[gid.x]) ^ " + std::to_string(i) + "); z[gid.x] = x[gid.x];\n";
  const std::string text =
      "workgroup 64, 1, 1;\nbuffer x: u16[] read_only;\n"
      "buffer y: u16[64] read_write output live_out;\n"
      "buffer z: u16[64] read_write live_out;\nregion \"l\" {\n" +
      body + "}\n";
  std::vector<FuseMember> members;
  std::vector<Bytes> memory{bytes_of(128, 1), bytes_of(128, 1)};
  for (std::size_t m = 0; m < 64; ++m) {
    memory.push_back(bytes_of(128, 2));
    memory.push_back(bytes_of(128, 2));
    members.push_back({text, {2 * m, 2 * m + 2, 2 * m + 3}});
  }
  const FuseRig rig(memory, members);
  const auto image = rig.fused(rig.handed());
  ASSERT_TRUE(image) << to_string(image.error());
  std::uint32_t straight = 0;
  for (const core::Instruction& i : image->code) {
    straight = i.op == core::Opcode::poll ? 0 : straight + 1;
    ASSERT_LE(straight, kPollInstructions);
  }
  EXPECT_GT(image->code.size(), std::size_t{kPollInstructions}) << "else nothing was shown";
  expect_equal(rig, 1);
}

}  // namespace
}  // namespace vyre
