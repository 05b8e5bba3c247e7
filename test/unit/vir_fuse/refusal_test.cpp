// What may not run as one image, and what the image of a program says about its lanes.
#include <gtest/gtest.h>

#include "rig.hpp"

namespace vyre {
namespace {

using test::FuseMember;
using test::FuseRig;

const std::string kHead{
    "workgroup 64, 1, 1;\nbuffer x: u32[] read_only;\n"
    "buffer y: u32[64] read_write output live_out;\nregion \"p\" { "};

FuseRig pair_of(const std::string& writer, const std::string& reader) {
  return FuseRig({Bytes(256, 1), Bytes(256, 2), Bytes(256, 3)},
                 {{writer, {0, 1}}, {reader, {1, 2}}});
}

std::string refusal(const FuseRig& rig, const std::vector<vir::HandOver>& handed) {
  const auto image = rig.fused(handed);
  if (image) return "fused";
  EXPECT_EQ(image.error().code, Errc::unsupported);
  return image.error().message;
}

std::string refusal(const FuseRig& rig) {
  return refusal(rig, rig.handed());
}

TEST(FuseRefuses, AReaderOfAnotherLanesElement) {
  const std::string plain = kHead + "y[gid.x] = x[gid.x]; }\n";
  EXPECT_EQ(refusal(pair_of(plain, plain)), "fused");
  for (const char* const index : {"gid.x + 1", "0", "lid.x", "gid.x * 1 + 0 * x[0]"}) {
    const std::string other = kHead + "y[gid.x] = x[" + index + "]; }\n";
    EXPECT_NE(refusal(pair_of(plain, other)).find("reader does more"), std::string::npos) << index;
  }
}

TEST(FuseRefuses, AWriterOfAnotherLanesElementOrOneThatReadsItBack) {
  const std::string plain = kHead + "y[gid.x] = x[gid.x]; }\n";
  for (const char* const body : {"y[63 - gid.x] = x[gid.x]; }\n", "y[0] = 1; }\n",
                                 "y[gid.x] = 1; y[gid.x] = y[gid.x] + 1; }\n"}) {
    EXPECT_NE(refusal(pair_of(kHead + body, plain)).find("writer does more"), std::string::npos)
        << body;
  }
}

TEST(FuseRefuses, LanesThatShareAnElementBecauseTheirWorkgroupHasTwoAxes) {
  const std::string square =
      "workgroup 8, 8, 1;\nbuffer x: u32[] read_only;\n"
      "buffer y: u32[64] read_write output live_out;\nregion \"p\" { y[gid.x] = x[gid.x]; }\n";
  EXPECT_NE(refusal(pair_of(square, square)).find("writer does more"), std::string::npos);
}

TEST(FuseRefuses, OtherElementsOnTheOtherSide) {
  const std::string bytes =
      "workgroup 64, 1, 1;\nbuffer x: u8[] read_only;\n"
      "buffer y: u32[64] read_write output live_out;\nregion \"p\" { y[gid.x] = u32(x[gid.x]); }\n";
  EXPECT_NE(refusal(pair_of(kHead + "y[gid.x] = 1; }\n", bytes)).find("4 and of 1 bytes"),
            std::string::npos);
}

TEST(FuseRefuses, WorkgroupsOfDifferentSizes) {
  const std::string narrow =
      "workgroup 32, 1, 1;\nbuffer x: u32[] read_only;\n"
      "buffer y: u32[64] read_write output live_out;\nregion \"p\" { y[gid.x] = x[gid.x]; }\n";
  EXPECT_NE(refusal(pair_of(kHead + "y[gid.x] = 1; }\n", narrow)).find("different sizes"),
            std::string::npos);
}

TEST(FuseRefuses, ProgramsThatAreNotFlat) {
  const std::string plain = kHead + "y[gid.x] = x[gid.x]; }\n";
  for (const char* const body :
       {"y[gid.x] = x[gid.x]; barrier; }\n", "let old = atomic_add(y[0], 1); }\n",
        "y[gid.x] = subgroup_add(x[gid.x]); }\n"}) {
    EXPECT_NE(refusal(pair_of(plain, kHead + body), {}).find("not flat"), std::string::npos)
        << body;
  }
}

TEST(FuseRefuses, MoreRegistersThanAnImageMayHave) {
  const auto wide = [](int first) {
    std::string text = kHead + "let s = 0;\n";
    for (int i = 0; i < 50; ++i)
      text += "let a" + std::to_string(i) + " = x[gid.x + " + std::to_string(first + i) + "];\n";
    for (int i = 0; i < 50; ++i) text += "s = s ^ a" + std::to_string(i) + ";\n";
    return FuseMember{text + "y[gid.x] = s; }\n", {0, 1}};
  };
  // Different constants add up over the members, registers do not.
  std::vector<FuseMember> members(64, wide(0));
  const FuseRig few({Bytes(256, 1), Bytes(256, 2)}, members);
  const auto image = few.fused({});
  ASSERT_TRUE(image) << to_string(image.error());
  EXPECT_LT(image->vector_registers, 80u);
  EXPECT_LT(image->constants.size(), 60u) << "equal ones are there once";
  for (int first = 50; members.size() < 750; first += 50) members.push_back(wide(first));
  EXPECT_NE(
      refusal(FuseRig({Bytes(256, 1), Bytes(256, 2)}, members), {}).find("the limit is 32767"),
      std::string::npos);
}

TEST(FuseRefuses, PlacesThatThereAreNot) {
  const std::string plain = kHead + "y[gid.x] = x[gid.x]; }\n";
  const FuseRig rig = pair_of(plain, plain);
  EXPECT_NE(refusal(rig, {{{0, 2}, {{1, 0}}, 64, false, true}}).find("there is none"),
            std::string::npos);
  EXPECT_NE(refusal(rig, {{{0, 1}, {{2, 0}}, 64, false, true}}).find("there is none"),
            std::string::npos);
  EXPECT_NE(refusal(rig, {{{1, 1}, {{0, 0}}, 64, false, true}}).find("before it is written"),
            std::string::npos);
  EXPECT_NE(refusal(rig, {{{0, 1}, {{1, 0}, {1, 0}}, 64, false, true}}).find("twice"),
            std::string::npos);
  EXPECT_NE(vir::fuse({}, {}).error().message.find("no program"), std::string::npos);
}

/// Whether every lane stores its own element of y.
bool covers(const std::string& statements) {
  const auto program = vir::prepare(*vir::assemble(kHead + statements + " }\n"));
  EXPECT_TRUE(program && vir::validate(*program)) << statements;
  return vir::lane_facts(*vir::lower(*program)).buffers[1].covers;
}

TEST(LaneFacts, AStoreThatNoLaneGoesPastCoversItsBuffer) {
  EXPECT_TRUE(covers("y[gid.x] = x[gid.x] + 1;"));
  EXPECT_TRUE(covers("if gid.x < len(y) { y[gid.x] = x[gid.x]; }"));
  EXPECT_TRUE(covers("if x[gid.x] == 3 { y[gid.x] = 1; } y[gid.x] = 2;"));
  EXPECT_TRUE(covers("let s = 0; for i in 0..x[gid.x] { s = s + i; } y[gid.x] = s;"));
  EXPECT_TRUE(covers("if x[gid.x] == 3 { trap(1, \"three\"); } y[gid.x] = 2;"));
}

TEST(LaneFacts, AStoreThatSomeLanesMayNotReachCoversNothing) {
  EXPECT_FALSE(covers("if x[gid.x] == 3 { y[gid.x] = 1; }"));
  EXPECT_FALSE(covers("if x[gid.x] == 3 { y[gid.x] = 1; } else { y[gid.x] = 2; }"));
  EXPECT_FALSE(covers("if gid.x < len(x) { y[gid.x] = 1; }")) << "x may be shorter";
  EXPECT_FALSE(covers("if gid.x < 60 { y[gid.x] = 1; }"));
  EXPECT_FALSE(covers("if gid.x < len(y) { if x[gid.x] == 3 { y[gid.x] = 1; } }"));
  EXPECT_FALSE(covers("if x[gid.x] == 3 { return; } y[gid.x] = 1;"));
  EXPECT_FALSE(covers("y[gid.x] = 1; if x[gid.x] == 3 { return; }")) << "refused for simplicity";
  EXPECT_FALSE(covers("for i in 0..x[0] { y[gid.x] = i; }"));
  EXPECT_FALSE(covers("y[gid.x + 1] = 1;"));
  EXPECT_FALSE(covers("let s = x[gid.x];"));
}

}  // namespace
}  // namespace vyre
