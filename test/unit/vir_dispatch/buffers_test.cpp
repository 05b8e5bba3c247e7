// Which buffers take input, how long they are, and what comes back.
#include <gtest/gtest.h>

#include "protocol/limits.hpp"
#include "support/program_builder.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::test {
namespace {

using vir::BufferRole;

TEST(BufferRoles, FollowAccessOutputAndLiveOut) {
  struct Row {
    Access access;
    bool output;
    bool live;
    BufferRole expected;
  };
  for (const Row& row : {
           Row{Access::Workgroup, false, false, BufferRole::workgroup},
           Row{Access::Workgroup, true, true, BufferRole::workgroup},
           Row{Access::ReadOnly, false, false, BufferRole::read},
           Row{Access::ReadOnly, true, false, BufferRole::allocated},
           Row{Access::ReadOnly, false, true, BufferRole::read},
           Row{Access::Uniform, false, true, BufferRole::read},
           Row{Access::ReadWrite, false, false, BufferRole::read_write},
           Row{Access::ReadWrite, false, true, BufferRole::allocated},
           Row{Access::ReadWrite, true, false, BufferRole::allocated},
           Row{Access::WriteOnly, false, false, BufferRole::allocated},
       }) {
    vir::BufferDecl buffer;
    buffer.access = row.access;
    buffer.is_output = row.output;
    buffer.pipeline_live_out = row.live;
    EXPECT_EQ(vir::role_of(buffer), row.expected) << static_cast<int>(row.access) << row.output;
  }
}

TEST(BufferSizes, FourBitElementsPackTwoAByteRoundedUp) {
  ProgramBuilder b;
  const auto& odd = b.read_only("a", TypeTag::I4, 7);
  EXPECT_EQ(vir::required_bytes(b.program, odd), 4u);
  EXPECT_EQ(vir::element_count(b.program, b.program.buffers[0], 4), 8u);
}

TEST(BufferSizes, CountZeroNeedsNothingEvenOfAnUnsizedType) {
  ProgramBuilder b;
  b.read_only("a", TypeTag::Tensor, 0);
  b.read_only("c", TypeTag::Tensor, 1);
  EXPECT_EQ(vir::required_bytes(b.program, b.program.buffers[0]), 0u);
  const auto refused = vir::required_bytes(b.program, b.program.buffers[1]);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("'c'"), std::string::npos);
}

TEST(BufferSizes, LengthInElementsRoundsDown) {
  ProgramBuilder b;
  b.read_only("a", TypeTag::U32, 1);
  b.read_only("c", TypeTag::Vec4U32, 1);
  b.read_only("d", TypeTag::Bytes, 1);
  EXPECT_EQ(vir::element_count(b.program, b.program.buffers[0], 11), 2u);
  EXPECT_EQ(vir::element_count(b.program, b.program.buffers[1], 31), 1u);
  EXPECT_EQ(vir::element_count(b.program, b.program.buffers[2], 31), 31u);
}

TEST(BufferSizes, HugeDeclarationsAreErrorsNotSmallNumbers) {
  ProgramBuilder b;
  vir::DataType vec;
  vec.tag = TypeTag::Vec;
  vec.a = 255;
  vec.element = b.program.scalar(TypeTag::Vec4U32);
  for (int i = 0; i < 8; ++i) vec.element = b.program.add_type(vec);
  b.buffer("a", Access::ReadOnly, vec.element, 0xFFFF'FFFFu);
  const auto bytes = vir::required_bytes(b.program, b.program.buffers[0]);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, Errc::limit_exceeded);
}

TEST(ReturnedRange, IsUsedOnlyIfItFits) {
  vir::BufferDecl buffer;
  EXPECT_EQ(vir::returned_range(buffer, 8), (vir::ByteRange{0, 8}));
  buffer.output_byte_range = vir::ByteRange{4, 8};
  EXPECT_EQ(vir::returned_range(buffer, 8), (vir::ByteRange{4, 8}));
  EXPECT_EQ(vir::returned_range(buffer, 7), (vir::ByteRange{0, 7}));
  buffer.output_byte_range = vir::ByteRange{6, 5};
  EXPECT_EQ(vir::returned_range(buffer, 8), (vir::ByteRange{0, 8}));
}

/// read (4 x u32), workgroup, read_write (2 x u32), output (3 x u32).
ProgramBuilder four_kinds() {
  ProgramBuilder b;
  b.read_only("r", TypeTag::U32, 4);
  b.workgroup("w", TypeTag::U32, 8);
  b.read_write("rw", TypeTag::U32, 2);
  b.output("o", TypeTag::U32, 3);
  b.body({b.ret()});
  return b;
}

TEST(BufferPlan, TakesOneInputForEachReadableBufferInOrder) {
  ProgramBuilder b = four_kinds();
  const auto plan = vir::plan_buffers(b.program, std::vector<std::uint64_t>{16, 9});
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_EQ(plan->byte_lengths, (std::vector<std::uint64_t>{16, 32, 9, 12}));
  EXPECT_EQ(plan->input_index, (std::vector<std::uint32_t>{0, vir::kNone, 1, vir::kNone}));
  EXPECT_EQ(plan->workgroup_bytes, 32u);
}

TEST(BufferPlan, IgnoresValuesForOutputsInTheLegacyForm) {
  ProgramBuilder b = four_kinds();
  b.program.buffers[1].access = Access::WriteOnly;  // an output in the middle
  b.program.buffers[1].binding = 9;
  const auto plan = vir::plan_buffers(b.program, std::vector<std::uint64_t>{16, 1, 8, 99});
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_EQ(plan->byte_lengths, (std::vector<std::uint64_t>{16, 32, 8, 12}));
  EXPECT_EQ(plan->input_index, (std::vector<std::uint32_t>{0, vir::kNone, 2, vir::kNone}));
}

TEST(BufferPlan, RefusesTooFewTooManyAndTooShort) {
  ProgramBuilder b = four_kinds();
  for (const std::vector<std::uint64_t>& lengths :
       {std::vector<std::uint64_t>{16}, {16, 8, 12, 0}, {15, 8}, {16, 7}, {}}) {
    const auto plan = vir::plan_buffers(b.program, lengths);
    ASSERT_FALSE(plan.has_value()) << lengths.size();
    EXPECT_EQ(plan.error().code, Errc::invalid_argument);
  }
}

TEST(BufferPlan, KeepsTheRealLengthOfALongerInput) {
  ProgramBuilder b = four_kinds();
  const auto plan = vir::plan_buffers(b.program, std::vector<std::uint64_t>{1'000, 8});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->byte_lengths[0], 1'000u);
}

TEST(BufferPlan, RefusesTooMuchWorkgroupMemory) {
  ProgramBuilder b = four_kinds();
  b.program.buffers[1].count = static_cast<std::uint32_t>(kMaxWorkgroupBytes / 4 + 1);
  EXPECT_FALSE(vir::plan_buffers(b.program, std::vector<std::uint64_t>{16, 8}));
}

}  // namespace
}  // namespace vyre::test
