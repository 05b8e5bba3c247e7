// How lanes execute: together, statement by statement; barriers, returned lanes, subgroups, which
// fault is named, copies in flight, fuel.
#include <gtest/gtest.h>

#include "programs.hpp"

namespace vyre {
namespace {

using reference::Verdict;
using test::BinOp;
using test::ExprTag;
using test::ProgramBuilder;
using test::TypeTag;
using Words = std::vector<std::uint32_t>;

ExprTag constexpr kAdd = ExprTag::SubgroupAdd;

TEST(Schedule, EveryLaneLoadsBeforeAnyLaneStoresInOneStatement) {
  ProgramBuilder b;
  b.lanes(2);
  b.output("out", TypeTag::U32, 2);
  b.body({b.store("out", b.lid(), b.bin(BinOp::Add, b.load("out", b.u32(0)), b.u32(5)))});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{5, 5}));
}

TEST(Schedule, WorkgroupMemoryIsZeroInEveryWorkgroup) {
  ProgramBuilder b;
  b.lanes(1);
  b.output("out", TypeTag::U32, 3);
  b.workgroup("w", TypeTag::U32, 1);
  b.body({b.store("out", b.gid(), b.load("w", b.u32(0))), b.store("w", b.u32(0), b.u32(7))});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{0, 0, 0}));
}

TEST(Schedule, ReturnedLanesDoNotHoldUpABarrier) {
  ProgramBuilder b;
  b.lanes(4);
  b.output("out", TypeTag::U32, 4);
  b.body({b.if_(b.bin(BinOp::Eq, b.lid(), b.u32(2)), {b.ret()}), b.barrier(),
          b.store("out", b.lid(), b.u32(1))});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{1, 1, 0, 1}));
}

TEST(Schedule, AUniformIfAroundABarrierThatChangesSidesBetweenIterationsFaults) {
  ProgramBuilder b;
  b.lanes(2);
  b.output("out", TypeTag::U32, 2);
  const auto guarded = b.if_(b.bin(BinOp::Eq, b.var("i"), b.u32(0)), {b.barrier()});
  b.body({b.loop("i", b.u32(0), b.u32(2), {guarded})});
  const auto outcome = test::evaluate(b);
  EXPECT_EQ(outcome.verdict, Verdict::faulted);
  EXPECT_EQ(outcome.fault.code, FaultCode::divergent_barrier);
  EXPECT_EQ(outcome.fault.statement, 2u);
}

TEST(Schedule, TheSideOfAnIfAroundABarrierIsForgottenBetweenWorkgroups) {
  ProgramBuilder b;
  b.lanes(2);
  b.output("out", TypeTag::U32, 4);
  b.body({b.if_(b.bin(BinOp::Eq, b.wid(), b.u32(0)), {b.barrier()}),
          b.store("out", b.gid(), b.u32(1))});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
}

TEST(Schedule, SubgroupOperationsTakeAllLanesOfASliceAndTheLastMayBeShort) {
  ProgramBuilder b;
  b.lanes(35);
  b.output("out", TypeTag::U32, 35);
  b.body({b.let("s", b.subgroup(kAdd, {b.bin(BinOp::Add, b.lid(), b.u32(1))})),
          b.store("out", b.lid(), b.var("s"))});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  const Words words = test::words_of(outcome.outputs[0]);
  EXPECT_EQ(words[0], 32u * 33u / 2u);
  EXPECT_EQ(words[31], 32u * 33u / 2u);
  EXPECT_EQ(words[32], 33u + 34u + 35u);
}

TEST(Schedule, ASubgroupOperationIsExecutedBeforeAnyLaneAssignsItsResult) {
  ProgramBuilder b;
  b.lanes(2);
  b.output("out", TypeTag::U32, 2);
  b.body({b.let("v", b.u32(1)), b.assign("v", b.subgroup(kAdd, {b.var("v")})),
          b.store("out", b.lid(), b.var("v"))});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{2, 2}));
}

TEST(Schedule, ASubgroupOperationInABranchSeesTheLanesOfTheBranchOnly) {
  ProgramBuilder b;
  b.lanes(4);
  b.output("out", TypeTag::U32, 4);
  b.body(
      {b.if_(b.bin(BinOp::Ne, b.lid(), b.u32(2)),
             {b.let("v", b.bin(BinOp::Add, b.lid(), b.u32(1))),
              b.let("s", b.subgroup(kAdd, {b.var("v")})), b.store("out", b.lid(), b.var("s"))})});
  const auto outcome = test::evaluate(b);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{7, 7, 0, 7}));
}

TEST(Schedule, NestedSubgroupOperationsCostNoMoreThanOthers) {
  ProgramBuilder b;
  b.lanes(3);
  b.output("out", TypeTag::U32, 3);
  test::ExprId nested = b.u32(1);
  for (int i = 0; i < 40; ++i) nested = b.subgroup(kAdd, {nested});
  b.body({b.store("out", b.lid(), nested)});
  reference::Options options;
  options.fuel = 0;
  const auto outcome = test::evaluate(b, {}, options);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  std::uint32_t power = 1;
  for (int i = 0; i < 40; ++i) power *= 3;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{power, power, power}));
}

TEST(Schedule, ALoopWithoutEndSpendsItsFuel) {
  ProgramBuilder b;
  b.output("out", TypeTag::U32, 1);
  b.body({b.loop("i", b.u32(0), b.u32(0xFFFFFFFFu), {})});
  reference::Options options;
  options.fuel = 1'000;
  const auto outcome = test::evaluate(b, {}, options);
  EXPECT_EQ(outcome.fault.code, FaultCode::fuel_exhausted);
  EXPECT_EQ(outcome.fault.statement, 1u);
}

// Each of these would take minutes to days without a look at the clock.
TEST(Schedule, ADeadlineEndsLoopsDivergentLoopsAndGridsWithoutEnd) {
  ProgramBuilder loop;
  loop.output("out", TypeTag::U32, 1);
  loop.body({loop.loop("i", loop.u32(0), loop.u32(0xFFFFFFFFu), {})});
  ProgramBuilder divergent;
  divergent.lanes(32);
  divergent.output("out", TypeTag::U32, 32);
  divergent.body(
      {divergent.loop("i", divergent.lid(), divergent.u32(0xFFFFFFFFu),
                      {divergent.let("s", divergent.subgroup(kAdd, {divergent.var("i")}))})});
  ProgramBuilder grid;
  grid.lanes(1);
  grid.output("out", TypeTag::U32, 1);
  grid.body({});
  for (ProgramBuilder* const b : {&loop, &divergent, &grid}) {
    reference::Options options;
    if (b == &grid) options.grid = vir::Grid{0xFFFFFFFFu, 1, 1};
    const auto begin = std::chrono::steady_clock::now();
    options.deadline = begin + std::chrono::milliseconds{30};
    const auto outcome = test::evaluate(*b, {}, options);
    EXPECT_EQ(outcome.verdict, Verdict::cancelled) << outcome.message;
    EXPECT_EQ(outcome.fault.code, FaultCode::wall_time);
    EXPECT_TRUE(outcome.outputs.empty());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
  }
}

TEST(Schedule, FuelIsEachWorkgroupsOwn) {
  ProgramBuilder b;
  b.output("out", TypeTag::U32, 50);
  b.body({b.loop("i", b.u32(0), b.u32(10), {b.store("out", b.gid(), b.var("i"))})});
  reference::Options options;
  options.fuel = 10;
  EXPECT_EQ(test::evaluate(b, {}, options).verdict, Verdict::done);
  options.fuel = 9;
  EXPECT_EQ(test::evaluate(b, {}, options).fault.code, FaultCode::fuel_exhausted);
}

TEST(AsyncCopies, ReadAtTheStartAndWriteAtTheWait) {
  ProgramBuilder b;
  b.read_only("in", TypeTag::U32, 4);
  b.read_write("to", TypeTag::U32, 3);
  b.output("out", TypeTag::U32, 1);
  b.body({b.async_load("in", "to", b.u32(4), b.u32(8), "t"),
          b.store("out", b.u32(0), b.load("to", b.u32(0))), b.async_wait("t")});
  reference::Options options;
  options.grid = vir::Grid{1, 1, 1};
  const auto outcome = test::evaluate(b, {{10, 11, 12, 13}, {1, 2, 3}}, options);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{11, 12, 3}));
  EXPECT_EQ(test::words_of(outcome.outputs[1]), (Words{1}));
}

TEST(AsyncCopies, StoreAtAnOffsetClippedAndZeroFilled) {
  ProgramBuilder b;
  b.read_only("in", TypeTag::U32, 1);
  b.read_write("to", TypeTag::U32, 4);
  b.output("out", TypeTag::U32, 1);
  b.body({b.async_store("in", "to", b.u32(6), b.u32(0xFFFFFFFFu), "t"), b.async_wait("t")});
  reference::Options options;
  options.grid = vir::Grid{1, 1, 1};
  const auto outcome = test::evaluate(b, {{0x44332211u}, {~0u, ~0u, ~0u, ~0u}}, options);
  ASSERT_EQ(outcome.verdict, Verdict::done) << outcome.message;
  EXPECT_EQ(test::words_of(outcome.outputs[0]), (Words{~0u, 0x2211FFFFu, 0x00004433u, 0u}));
}

TEST(AsyncCopies, MisuseOfTagsFaults) {
  const auto run = [](bool twice, bool waited) {
    ProgramBuilder b;
    b.read_only("in", TypeTag::U32, 1);
    b.output("out", TypeTag::U32, 1);
    std::vector<test::NodeId> body{b.async_load("in", "out", b.u32(0), b.u32(4), "t")};
    if (twice) body.push_back(b.async_load("in", "out", b.u32(0), b.u32(4), "t"));
    if (waited) body.push_back(b.async_wait(twice ? "t" : "other"));
    b.body(body);
    return test::evaluate(b, {{7}}).fault.code;
  };
  EXPECT_EQ(run(true, true), FaultCode::async_misuse);
  EXPECT_EQ(run(false, true), FaultCode::async_misuse);
  EXPECT_EQ(run(false, false), FaultCode::async_misuse);
}

}  // namespace
}  // namespace vyre
