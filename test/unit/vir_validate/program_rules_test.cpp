// Rules about sizes, buffers and the root: for each a program that breaks only it, and a neighbour
// that does not.
#include <gtest/gtest.h>

#include "protocol/limits.hpp"
#include "verdict.hpp"

namespace vyre::test {
namespace {

TEST(ValidateProgram, AcceptsTheStageThatAllTestsUse) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("out", s.gid(), s.from("u"))}; }), "");
}

TEST(ValidateProgram, TwoBuffersOfOneNameAreRefused) {
  for (const bool same : {true, false}) {
    ProgramBuilder b;
    b.read_only("a", TypeTag::U32, 1);
    b.read_only(same ? "a" : "c", TypeTag::I32, 1);
    b.body({b.ret()});
    EXPECT_EQ(codes(b.program), same ? "V001" : "");
  }
}

TEST(ValidateProgram, TwoBuffersOnOneBindingAreRefusedUnlessWorkgroup) {
  for (const Access access : {Access::ReadOnly, Access::Workgroup}) {
    ProgramBuilder b;
    b.read_only("a", TypeTag::U32, 1);
    b.buffer("c", access, TypeTag::U32, 1).binding = 0;
    b.body({b.ret()});
    EXPECT_EQ(codes(b.program), access == Access::Workgroup ? "" : "V002");
  }
}

TEST(ValidateProgram, AWorkgroupDimensionOfZeroIsRefused) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    ProgramBuilder b;
    b.program.workgroup[axis] = 0;
    b.body({b.ret()});
    EXPECT_EQ(codes(b.program), "V003");
    b.program.workgroup[axis] = 1;
    EXPECT_EQ(codes(b.program), "");
  }
}

TEST(ValidateProgram, MoreLanesThanABlockHoldsAreRefusedWithoutOverflow) {
  ProgramBuilder b;
  b.body({b.ret()});
  b.lanes(kMaxWorkgroupLanes);
  EXPECT_EQ(codes(b.program), "");
  b.lanes(32, 32, 1);
  EXPECT_EQ(codes(b.program), "");
  b.lanes(kMaxWorkgroupLanes + 1);
  EXPECT_EQ(codes(b.program), "V140");
  b.lanes(1u << 31, 1u << 31, 4);  // 2^64 lanes
  EXPECT_EQ(codes(b.program), "V140");
  b.lanes(0xFFFF'FFFFu, 0xFFFF'FFFFu, 0xFFFF'FFFFu);
  EXPECT_EQ(codes(b.program), "V140");
}

TEST(ValidateProgram, ASecondOutputIsRefused) {
  ProgramBuilder b;
  b.output("a", TypeTag::U32, 1);
  b.read_write("c", TypeTag::U32, 1);
  b.body({b.ret()});
  EXPECT_EQ(codes(b.program), "");
  b.program.buffers[1].is_output = true;
  EXPECT_EQ(codes(b.program), "V022");
}

TEST(ValidateProgram, AnOutputOfArraysOrTensorsIsRefused) {
  for (const TypeTag tag : {TypeTag::Array, TypeTag::Tensor, TypeTag::U64}) {
    ProgramBuilder b;
    vir::DataType type;
    type.tag = tag;
    type.a = 4;
    b.buffer("a", Access::ReadWrite, b.program.add_type(type), 1).is_output = true;
    b.body({b.ret()});
    EXPECT_EQ(codes(b.program), tag == TypeTag::U64 ? "" : "V105");
    b.program.buffers[0].is_output = false;
    EXPECT_EQ(codes(b.program), "");
  }
}

TEST(ValidateProgram, AWorkgroupBufferWithoutCountIsRefused) {
  ProgramBuilder b;
  b.workgroup("w", TypeTag::U32, 0);
  b.read_only("a", TypeTag::U32, 0);
  b.body({b.ret()});
  EXPECT_EQ(codes(b.program), "V024");
  b.program.buffers[0].count = 1;
  EXPECT_EQ(codes(b.program), "");
}

TEST(ValidateProgram, WorkgroupMemoryBeyondTheLimitIsRefusedInSum) {
  ProgramBuilder b;
  constexpr auto kWords = static_cast<std::uint32_t>(kMaxWorkgroupBytes / 4);
  b.workgroup("w", TypeTag::U32, kWords - 1);
  b.workgroup("v", TypeTag::U32, 1);
  b.body({b.ret()});
  EXPECT_EQ(codes(b.program), "");
  b.program.buffers[1].count = 2;
  EXPECT_EQ(codes(b.program), "V141");
  b.program.buffers[0].count = b.program.buffers[1].count = 0xFFFF'FFFFu;
  EXPECT_EQ(codes(b.program), "V141");
}

TEST(ValidateProgram, ElementsWiderThanTheLimitAreRefused) {
  const auto of_lanes = [](std::uint32_t inner, std::uint32_t outer) {
    ProgramBuilder b;
    vir::DataType type;
    type.tag = TypeTag::U32;
    type.element = b.program.add_type(type);
    type.tag = TypeTag::Vec;
    type.a = inner;
    type.element = b.program.add_type(type);
    type.a = outer;
    b.buffer("a", Access::ReadWrite, b.program.add_type(type), 0);
    b.body({b.ret()});
    return codes(b.program);
  };
  EXPECT_EQ(of_lanes(32, kMaxElementBytes / 4 / 32), "");
  EXPECT_EQ(of_lanes(32, kMaxElementBytes / 4 / 32 + 1), "V142");
  EXPECT_EQ(of_lanes(~0u, ~0u), "V142") << "no overflow";
}

TEST(ValidateProgram, ARootThatIsNotARegionIsRefused) {
  ProgramBuilder b;
  EXPECT_EQ(codes(b.program), "V104");  // no statement at all
  const NodeId region = b.region("r", {});
  b.entry({region, b.ret()});
  EXPECT_EQ(codes(b.program), "V104");
  b.entry({region, b.region("q", {})});
  EXPECT_EQ(codes(b.program), "");
}

TEST(ValidateProgram, ASelfExclusiveRegionAppearsOnce) {
  const auto twice = [](const char* first, const char* second) {
    ProgramBuilder b;
    b.body({b.region(first, {}), b.block({b.region(second, {})})});
    return codes(b.program);
  };
  EXPECT_EQ(twice("scan#self-exclusive", "scan#self-exclusive"), "V106");
  EXPECT_EQ(twice("scan#self-exclusive", "sort#self-exclusive"), "");
  EXPECT_EQ(twice("scan", "scan"), "");
}

/// A root Region around `depth` nested blocks.
vir::Program nested(std::uint32_t depth) {
  ProgramBuilder b;
  NodeId inner = b.ret();
  for (std::uint32_t i = 0; i < depth; ++i) inner = b.block({inner});
  b.body({inner});
  return b.take();
}

TEST(ValidateProgram, NestingIsBoundedAndNeverOverflowsTheStack) {
  EXPECT_EQ(codes(nested(kMaxNesting - 1)), "");
  EXPECT_EQ(codes(nested(kMaxNesting)), "V018");
  EXPECT_EQ(codes(nested(500'000)), "V019 V018");
}

vir::Program deep_expression(std::uint32_t levels) {
  ProgramBuilder b;
  ExprId e = b.u32(1);
  for (std::uint32_t i = 1; i < levels; ++i) e = b.un(UnOp::BitNot, e);
  b.body({b.let("x", e)});
  return b.take();
}

TEST(ValidateProgram, ExpressionDepthIsBoundedAndNeverOverflowsTheStack) {
  EXPECT_EQ(codes(deep_expression(kMaxExpressionDepth)), "");
  EXPECT_EQ(codes(deep_expression(kMaxExpressionDepth + 1)), "V033");
  EXPECT_EQ(codes(deep_expression(1'000'000)), "V033");
}

TEST(ValidateProgram, StatementCountIsBounded) {
  ProgramBuilder b;
  std::vector<NodeId> nodes;
  for (std::uint32_t i = 0; i + 1 < kMaxStatements; ++i) nodes.push_back(b.barrier());
  b.body(nodes);
  EXPECT_EQ(codes(b.program), "");
  nodes.push_back(b.barrier());
  b.body(nodes);
  EXPECT_EQ(codes(b.program), "V019");
}

}  // namespace
}  // namespace vyre::test
