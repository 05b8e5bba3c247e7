// The dispatch grid from real buffer lengths, by the reference's rule.
#include <gtest/gtest.h>

#include "support/program_builder.hpp"
#include "vir/program/dispatch.hpp"

namespace vyre::test {
namespace {

using vir::Grid;
using Lengths = std::vector<std::uint64_t>;

/// Input "in" and output "out" of u32, by their lengths in bytes.
struct Io : ProgramBuilder {
  Io() {
    read_only("in", TypeTag::U32, 0);
    output("out", TypeTag::U32, 1);
    body({ret()});
  }
  Grid grid(const Lengths& lengths) const { return vir::infer_grid(program, lengths).value(); }
};

TEST(Grid, CoversTheLargestOutput) {
  Io io;
  io.lanes(64);
  EXPECT_EQ(io.grid({4'000, 400}), (Grid{2, 1, 1}));
  EXPECT_EQ(io.grid({4'000, 512}), (Grid{2, 1, 1}));
  EXPECT_EQ(io.grid({4'000, 516}), (Grid{3, 1, 1}));
  EXPECT_EQ(io.grid({0, 0}), (Grid{1, 1, 1}));
}

TEST(Grid, CoversTheInputsToo_WhenThereIsWorkgroupMemoryOrAnAtomicOrNoOutput) {
  Io shared;
  shared.lanes(64);
  shared.workgroup("w", TypeTag::U32, 1);
  EXPECT_EQ(shared.grid({4'000, 400, 4}), (Grid{16, 1, 1}));

  Io atomic;
  atomic.lanes(64);
  const ExprId add = atomic.atomic(AtomicOp::Add, "out", atomic.u32(0), atomic.u32(1));
  atomic.body({atomic.if_(atomic.boolean(false), {atomic.let("x", add)})});
  EXPECT_EQ(atomic.grid({4'000, 400}), (Grid{16, 1, 1}));

  ProgramBuilder none;
  none.lanes(64);
  none.read_only("in", TypeTag::U32, 0);
  none.body({none.ret()});
  EXPECT_EQ(vir::infer_grid(none.program, Lengths{4'000}).value(), (Grid{16, 1, 1}));
}

TEST(Grid, AnUnreachedAtomicDoesNotCount) {
  Io io;
  (void)io.let("x", io.atomic(AtomicOp::Add, "out", io.u32(0), io.u32(1)));
  EXPECT_EQ(io.grid({4'000, 4}), (Grid{1, 1, 1}));
}

TEST(Grid, SeesTheDeclaredCountOfPgNodesAtBindingZeroOnly) {
  Io io;
  io.program.buffers[0].name = io.program.intern("pg_nodes");
  io.program.buffers[0].count = 500;
  EXPECT_EQ(io.grid({2'000, 4}), (Grid{500, 1, 1}));
  io.program.buffers[0].binding = 7;
  EXPECT_EQ(io.grid({2'000, 4}), (Grid{1, 1, 1}));
}

TEST(Grid, TakesTheRootOverTheAxesInUse) {
  Io io;
  const auto groups = [&](std::uint32_t x, std::uint32_t y, std::uint32_t z, std::uint64_t n) {
    io.lanes(x, y, z);
    return io.grid({0, n * 4});
  };
  EXPECT_EQ(groups(4, 4, 1, 100), (Grid{3, 3, 1}));      // 7 groups: 3 x 3 cover them
  EXPECT_EQ(groups(8, 8, 1, 64 * 16), (Grid{4, 4, 1}));  // exact squares stay exact
  EXPECT_EQ(groups(1, 8, 1, 100), (Grid{1, 13, 1}));
  EXPECT_EQ(groups(2, 1, 2, 100), (Grid{5, 1, 5}));
  EXPECT_EQ(groups(2, 2, 2, 8 * 27), (Grid{3, 3, 3}));
  EXPECT_EQ(groups(2, 2, 2, 8 * 28), (Grid{4, 4, 4}));
  EXPECT_EQ(groups(1, 1, 1, 100), (Grid{100, 1, 1}));
}

TEST(Grid, CountsFourBitElementsByTheByte) {
  ProgramBuilder b;
  b.output("o", TypeTag::I4, 10);
  b.body({b.ret()});
  EXPECT_EQ(vir::infer_grid(b.program, Lengths{5}).value(), (Grid{10, 1, 1}));
}

TEST(Grid, MoreGroupsThanACoordinateHoldsAreRefused) {
  Io io;
  const auto refused = vir::infer_grid(io.program, Lengths{0, std::uint64_t{1} << 40});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
  EXPECT_TRUE(vir::infer_grid(io.program, Lengths{0, std::uint64_t{1} << 33}).has_value());
}

TEST(Grid, RefusesAZeroDimensionAndAWrongNumberOfLengths) {
  Io io;
  EXPECT_FALSE(vir::infer_grid(io.program, Lengths{4}).has_value());
  io.lanes(0);
  EXPECT_FALSE(vir::infer_grid(io.program, Lengths{4, 4}).has_value());
}

TEST(Grid, ForAGivenNumberOfElementsHasTheSameShape) {
  Io io;
  io.lanes(4, 4);
  EXPECT_EQ(vir::grid_for(io.program, 100).value(), (Grid{3, 3, 1}));
  EXPECT_EQ(vir::grid_for(io.program, 0).value(), (Grid{1, 1, 1}));
}

}  // namespace
}  // namespace vyre::test
