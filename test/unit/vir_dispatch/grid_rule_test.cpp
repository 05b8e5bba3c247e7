// The grid as plain data (vir::grid_rule, core::find_grid) against the rule over the program itself
// (vir::infer_grid, vir::grid_for): the same workgroups or the same refusal, everywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/program_builder.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::test {
namespace {

using vir::Grid;
using Lengths = std::vector<std::uint64_t>;

constexpr std::uint64_t kTooMany{std::uint64_t{1} << 32};

std::string show(const Result<Grid>& grid) {
  if (!grid) return to_string(grid.error());
  return std::to_string((*grid)[0]) + "x" + std::to_string((*grid)[1]) + "x" +
         std::to_string((*grid)[2]);
}

/// "" where both give the same workgroups, or both refuse.
std::string disagreement(const vir::Program& program, const vir::GridPlan& plan,
                         const Lengths& lengths, std::uint32_t param) {
  const auto want = param == 0 ? vir::infer_grid(program, lengths) : vir::grid_for(program, param);
  Grid have{};
  const bool fits =
      core::find_grid(plan.rule, plan.buffers.data(),
                      static_cast<std::uint32_t>(plan.buffers.size()), lengths, param, have.data());
  if (fits == want.has_value() && (!fits || have == *want)) return "";
  return "want " + show(want) + ", have " +
         (fits ? show(Result<Grid>(have)) : std::string("a refusal"));
}

void expect_same(const ProgramBuilder& b, const Lengths& lengths, std::uint32_t param = 0) {
  const auto plan = vir::grid_rule(b.program);
  ASSERT_TRUE(plan) << to_string(plan.error());
  EXPECT_EQ(disagreement(b.program, *plan, lengths, param), "")
      << "first length " << lengths.at(0) << ", param " << param;
}

/// Around every k^power below 2^32: the root in f64 and the one in integers must round alike.
void expect_same_roots(std::uint32_t x, std::uint32_t y, std::uint32_t z, std::uint32_t power,
                       std::uint64_t lanes) {
  ProgramBuilder b;
  b.lanes(x, y, z);
  b.output("out", TypeTag::U8, 0);
  b.body({b.ret()});
  const auto plan = vir::grid_rule(b.program);
  ASSERT_TRUE(plan);
  int wrong = 0;
  std::uint64_t compared = 0;
  for (std::uint64_t k = 1;; ++k) {
    std::uint64_t total = 1;
    for (std::uint32_t i = 0; i < power; ++i) total *= k;
    if (total > kTooMany + 2 * k) break;
    for (const std::uint64_t near : {total - 1, total, total + 1}) {
      ++compared;
      const std::string why = disagreement(b.program, *plan, {near * lanes}, 0);
      if (why.empty()) continue;
      ADD_FAILURE() << near << " workgroups: " << why;
      if (++wrong == 5) return;
    }
  }
  EXPECT_GT(compared, power == 2 ? 190'000u : 4'800u);
}

TEST(GridRule, TakesTheSameSquareRootNextToEverySquare) {
  expect_same_roots(2, 2, 1, 2, 4);
  expect_same_roots(1, 32, 32, 2, 1024);
}

TEST(GridRule, TakesTheSameCubeRootNextToEveryCube) {
  expect_same_roots(2, 2, 2, 3, 8);
  expect_same_roots(8, 8, 16, 3, 1024);
}

TEST(GridRule, CountsEveryElementTypeAsTheReferenceDoes) {
  for (const TypeTag tag :
       {TypeTag::U8, TypeTag::U16, TypeTag::U32, TypeTag::U64, TypeTag::I4, TypeTag::F16,
        TypeTag::F32, TypeTag::F64, TypeTag::Bool, TypeTag::Bytes, TypeTag::Tensor}) {
    ProgramBuilder b;
    b.lanes(64);
    b.output("out", tag, 0);
    b.read_only("in", TypeTag::U8, 0);
    b.body({b.ret()});
    for (const std::uint64_t bytes : {0, 1, 3, 7, 8, 63, 64, 65, 4096, 4097, 1'000'003}) {
      expect_same(b, {bytes, 77});
    }
  }
}

TEST(GridRule, CountsPackedElementsOfLengthsWhoseBitsOverflow) {
  ProgramBuilder b;
  b.lanes(1024);
  b.output("out", TypeTag::I4, 0);
  b.body({b.ret()});
  constexpr std::uint64_t kEdge{std::uint64_t{1} << 61};
  for (const std::uint64_t bytes : {kEdge - 1, kEdge, kEdge + 1, ~std::uint64_t{0}}) {
    expect_same(b, {bytes});
    EXPECT_EQ(core::grid_elements({4, 1, 1}, bytes), bytes < kEdge ? bytes * 8 / 4 : bytes / 4 * 8);
  }
}

TEST(GridRule, CountsInputsExactlyWhereTheReferenceDoes) {
  for (int shape = 0; shape < 4; ++shape) {
    ProgramBuilder b;
    b.lanes(32);
    b.read_only("in", TypeTag::U32, 0);
    if (shape != 0) b.output("out", TypeTag::U32, 1);
    if (shape == 2) b.workgroup("w", TypeTag::U32, 8);
    if (shape == 3) {
      b.body({b.let("x", b.atomic(AtomicOp::Add, "out", b.u32(0), b.u32(1)))});
    } else {
      b.body({b.ret()});
    }
    Lengths lengths{40'000};
    lengths.resize(b.program.buffers.size(), 400);
    expect_same(b, lengths);
    EXPECT_EQ(vir::grid_rule(b.program)->rule.all_buffers, shape == 1 ? 0u : 1u) << shape;
  }
}

TEST(GridRule, KeepsTheQuirkOfPgNodes) {
  for (const std::uint32_t binding : {0u, 1u}) {
    ProgramBuilder b;
    b.lanes(64);
    b.read_only("pg_nodes", TypeTag::U32, 5'000).binding = binding;
    b.output("out", TypeTag::U32, 1);
    b.body({b.ret()});
    for (const std::uint64_t bytes : {4u, 19'996u, 20'000u, 20'004u, 40'000u}) {
      expect_same(b, {20'000, bytes});
    }
  }
}

TEST(GridRule, RefusesTheSameGridsAsTooLarge) {
  ProgramBuilder b;
  b.output("out", TypeTag::U8, 0);
  b.body({b.ret()});
  for (const std::uint64_t elements : {kTooMany - 2, kTooMany - 1, kTooMany, kTooMany + 1}) {
    b.lanes(1);
    expect_same(b, {elements});
    b.lanes(1024);
    expect_same(b, {elements * 1024});
    b.lanes(1, 1, 2);
    expect_same(b, {elements * 2});
    b.lanes(2, 512);  // 65,536 workgroups of 512 lanes along an axis fit
    expect_same(b, {elements * 1024});
  }
  expect_same(b, {std::numeric_limits<std::uint64_t>::max()});
  // One axis of many lanes reaches the last id before the workgroups reach their limit.
  b.lanes(1024);
  for (const std::uint64_t groups : {(1u << 22) - 1, 1u << 22, (1u << 22) + 1}) {
    expect_same(b, {groups * 1024});
  }
}

TEST(GridRule, ForAGivenNumberOfInvocationsIgnoresTheBuffers) {
  ProgramBuilder b;
  b.output("out", TypeTag::U32, 1);
  b.body({b.ret()});
  for (const std::uint32_t param : {1u, 2u, 63u, 64u, 65u, 1'000'000u, 0xFFFF'FFFFu}) {
    b.lanes(1);
    expect_same(b, {400'000}, param);
    b.lanes(64);
    expect_same(b, {400'000}, param);
    b.lanes(4, 4, 4);
    expect_same(b, {400'000}, param);
  }
}

TEST(GridRule, RefusesAProgramThatNoGridFits) {
  ProgramBuilder b;
  b.output("out", TypeTag::U32, 1);
  b.body({b.ret()});
  b.lanes(0);
  const auto refused = vir::grid_rule(b.program);
  ASSERT_FALSE(refused);
  EXPECT_NE(to_string(refused.error()).find("workgroup dimension"), std::string::npos);
}

TEST(GridRule, RefusesAnElementWiderThanItsWordByName) {
  ProgramBuilder b;
  vir::DataType array;
  array.tag = TypeTag::Array;
  array.a = 0;
  array.b = 1;  // 2^32 bytes an element
  const vir::TypeId wide = b.program.add_type(array);
  b.buffer("wide", vir::Access::ReadOnly, wide, 0);
  b.body({b.ret()});
  const auto refused = vir::grid_rule(b.program);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_NE(to_string(refused.error()).find("wide"), std::string::npos);
}

}  // namespace
}  // namespace vyre::test
