// The block that the device reads: every array where its address says, every refusal by name.
#include "cuda/host/programs.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "core/image.hpp"

namespace vyre::cuda {
namespace {

using megakernel::DeviceProgram;
using megakernel::ProgramBuffer;

backend::ProgramOp sample(std::size_t buffers) {
  core::Image image;
  for (std::uint16_t i = 0; i < 5; ++i) {
    core::Instruction instruction{};
    instruction.dst = i;
    instruction.imm = 100u + i;
    image.code.push_back(instruction);
    image.statements.push_back(40u + i);
  }
  image.constants = {11, 22, 33};
  image.workgroup_bytes = 4'096;
  image.uses_async = true;
  backend::ProgramOp op;
  op.name = "sample";
  for (std::size_t i = 0; i < buffers; ++i) {
    const auto n = static_cast<std::uint32_t>(i);
    image.buffers.push_back({n + 1, n + 2, 0, 0});
    op.buffers.push_back({i == 1 ? backend::BufferRole::allocated : backend::BufferRole::read_write,
                          false, 1'000 + i});
    op.grid_buffers.push_back({n + 4, 1, 1});
  }
  if (buffers > 2) {
    op.buffers[2].role = backend::BufferRole::read;
    op.buffers[2].only_async = true;
  }
  op.grid_rule.workgroup[0] = 64;
  op.image = std::make_shared<const core::Image>(std::move(image));
  return op;
}

/// The array that an address of the block names.
template <class T>
std::vector<T> array_at(const Bytes& block, std::uint64_t base, const T* address,
                        std::size_t count) {
  const std::uint64_t at = reinterpret_cast<std::uintptr_t>(address) - base;
  EXPECT_EQ(at % 16, 0u);
  EXPECT_LE(at + count * sizeof(T), block.size());
  std::vector<T> out(count);
  std::memcpy(out.data(), block.data() + at, count * sizeof(T));
  return out;
}

TEST(ProgramBlock, EveryArrayLiesWhereTheHeaderSays) {
  const backend::ProgramOp op = sample(3);
  constexpr std::uint64_t kBase{0x7'0000'0000};
  const auto bytes = program_block_bytes(op);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const Bytes block = program_block(op, kBase);
  ASSERT_EQ(block.size(), *bytes);

  DeviceProgram header;
  std::memcpy(&header, block.data(), sizeof(header));
  EXPECT_EQ(header.image.code_count, 5u);
  EXPECT_EQ(header.image.constant_count, 3u);
  EXPECT_EQ(header.image.buffer_count, 3u);
  EXPECT_EQ(header.workgroup_bytes, 4'096u);
  EXPECT_EQ(header.steps, 0u);
  EXPECT_EQ(header.uses_async, 1u);
  EXPECT_EQ(header.rule.workgroup[0], 64u);

  const auto code = array_at(block, kBase, header.image.code, 5);
  const auto statements = array_at(block, kBase, header.image.statements, 5);
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(code[i].imm, 100 + i);
    EXPECT_EQ(statements[i], 40 + i);
  }
  EXPECT_EQ(array_at(block, kBase, header.image.constants, 3),
            (std::vector<std::uint32_t>{11, 22, 33}));
  const auto facts = array_at(block, kBase, header.image.buffers, 3);
  const auto buffers = array_at(block, kBase, header.buffers, 3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(facts[i].stride, i + 1);
    EXPECT_EQ(buffers[i].min_bytes, 1'000 + i);
    EXPECT_EQ(buffers[i].grid.unit, i + 4);
    EXPECT_EQ(buffers[i].role,
              (std::array{core::BufferRole::read_write, core::BufferRole::allocated,
                          core::BufferRole::read}[i]));
    EXPECT_EQ(buffers[i].traits, i == 2 ? megakernel::kOnlyAsync : 0u);
  }
  EXPECT_EQ(header.members, 0u);
}

TEST(ProgramBlock, OfAnImageOfSeveralMembersNamesTheirOpsAndWhatNeedsNoZeros) {
  backend::FusedProgram fused;
  fused.program = sample(3);
  fused.unzeroed = {false, true, false};
  fused.ops = {kFirstUserOp + 5, kFirstUserOp, kFirstUserOp + 5};
  constexpr std::uint64_t kBase{4'096};
  const auto bytes = program_block_bytes(fused.program, &fused);
  ASSERT_TRUE(bytes);
  const Bytes block = program_block(fused.program, kBase, &fused);
  ASSERT_EQ(block.size(), *bytes);
  DeviceProgram header;
  std::memcpy(&header, block.data(), sizeof(header));
  EXPECT_EQ(header.members, 3u);
  EXPECT_EQ(array_at(block, kBase, header.member_ops, 3), fused.ops);
  const auto buffers = array_at(block, kBase, header.buffers, 3);
  EXPECT_EQ(buffers[0].traits, 0u);
  EXPECT_EQ(buffers[1].traits, megakernel::kUnzeroed);
  EXPECT_EQ(buffers[2].traits, megakernel::kOnlyAsync);
}

TEST(ProgramBlock, AProgramWithoutBuffersHasABlockToo) {
  const auto bytes = program_block_bytes(sample(0));
  ASSERT_TRUE(bytes);
  EXPECT_EQ(program_block(sample(0), 4'096).size(), *bytes);
}

TEST(ProgramBlock, TooManyBuffersAreRefusedByName) {
  EXPECT_TRUE(program_block_bytes(sample(megakernel::kMaxDeviceBuffers)));
  const auto refused = program_block_bytes(sample(megakernel::kMaxDeviceBuffers + 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
  EXPECT_NE(refused.error().message.find("'sample' declares 257 buffers"), std::string::npos);
}

TEST(ProgramBlock, AnImageThatDoesNotFitItsBuffersIsOurBrokenPromise) {
  backend::ProgramOp op = sample(2);
  op.grid_buffers.pop_back();
  const auto refused = program_block_bytes(op);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::internal);
}

}  // namespace
}  // namespace vyre::cuda
