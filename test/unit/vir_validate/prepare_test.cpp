// What happens to a program before it is validated: root wrapping and single-rank collectives.
#include <gtest/gtest.h>

#include "verdict.hpp"
#include "vir/program/statements.hpp"

namespace vyre::test {
namespace {

std::vector<NodeTag> tags(const vir::Program& program) {
  std::vector<NodeTag> out;
  for (const NodeId id : vir::statements_in_order(program)) out.push_back(program.nodes[id].tag);
  return out;
}

TEST(Prepare, AProgramOfRegionsStaysAsItIs) {
  Stage s;
  s.entry({s.region("a", {s.ret()}), s.region("b", {})});
  const auto prepared = vir::prepare(s.program);
  ASSERT_TRUE(prepared.has_value());
  EXPECT_TRUE(vir::same_program(*prepared, s.program));
}

TEST(Prepare, LooseStatementsGetARootRegion) {
  Stage s;
  s.entry({s.let("x", s.u32(1)), s.region("a", {}), s.ret()});
  const auto prepared = vir::prepare(s.program);
  ASSERT_TRUE(prepared.has_value());
  EXPECT_EQ(tags(*prepared),
            (std::vector{NodeTag::Region, NodeTag::Let, NodeTag::Region, NodeTag::Return}));
  EXPECT_EQ(prepared->name(prepared->nodes[prepared->list(prepared->entry)[0]].name),
            "vyre.program.root");
  EXPECT_EQ(codes(*prepared), "");
}

TEST(Prepare, AnEmptyProgramOrALooseStoreInFrontIsRefused) {
  Stage empty;
  EXPECT_EQ(vir::prepare(empty.program).error().detail, 104);
  Stage store;
  store.entry({store.store("out", store.u32(0), store.u32(1)), store.ret()});
  EXPECT_EQ(vir::prepare(store.program).error().detail, 104);
  Stage later;  // only the first statement is looked at
  later.entry({later.let("x", later.u32(0)), later.store("out", later.u32(0), later.u32(1))});
  EXPECT_TRUE(vir::prepare(later.program).has_value());
}

NodeId collective(Stage& s, NodeTag tag, std::uint32_t group = 0, std::uint32_t root = 0) {
  const NodeId made = s.node(tag, "u");
  s.program.nodes[made].name2 = s.program.intern("out");
  s.program.nodes[made].group = group;
  s.program.nodes[made].root = root;
  return made;
}

TEST(Prepare, ReductionAndBroadcastOverOneRankVanish) {
  Stage s;
  s.body({collective(s, NodeTag::AllReduce), s.let("x", s.u32(1)),
          s.if_(s.boolean(true), {collective(s, NodeTag::Broadcast)},
                {collective(s, NodeTag::AllReduce)})});
  const auto prepared = vir::prepare(s.program);
  ASSERT_TRUE(prepared.has_value());
  EXPECT_EQ(tags(*prepared), (std::vector{NodeTag::Region, NodeTag::Let, NodeTag::If}));
  EXPECT_EQ(codes(*prepared), "");
}

TEST(Prepare, GatherAndScatterOverOneRankBecomeAGuardedCopy) {
  for (const NodeTag tag : {NodeTag::AllGather, NodeTag::ReduceScatter}) {
    Stage s;
    s.body({s.let("t", s.u32(1)), collective(s, tag), collective(s, tag)});
    const auto prepared = vir::prepare(s.program);
    ASSERT_TRUE(prepared.has_value());
    EXPECT_EQ(tags(*prepared),
              (std::vector{NodeTag::Region, NodeTag::Let, NodeTag::Block, NodeTag::Let, NodeTag::If,
                           NodeTag::If, NodeTag::Store, NodeTag::Block, NodeTag::Let, NodeTag::If,
                           NodeTag::If, NodeTag::Store}));
    EXPECT_EQ(codes(*prepared), "");
  }
}

TEST(Prepare, ACopyUsesANameThatTheProgramDoesNotUse) {
  Stage s;
  s.body({s.let("vyre.collective.lane", s.u32(1)), collective(s, NodeTag::AllGather)});
  EXPECT_EQ(codes(vir::prepare(s.program).value()), "");
}

TEST(Prepare, ACollectiveAtTheTopLevelIsWrappedAndLowered) {
  Stage s;
  s.entry({collective(s, NodeTag::AllReduce)});
  const auto prepared = vir::prepare(s.program);
  ASSERT_TRUE(prepared.has_value());
  EXPECT_EQ(tags(*prepared), (std::vector{NodeTag::Region}));
}

TEST(Prepare, OtherGroupsAndRootsAreRefused) {
  for (const NodeTag tag :
       {NodeTag::AllReduce, NodeTag::AllGather, NodeTag::ReduceScatter, NodeTag::Broadcast}) {
    Stage s;
    s.body({collective(s, tag, 1)});
    EXPECT_EQ(vir::prepare(s.program).error().detail, 46);
  }
  Stage s;
  s.body({collective(s, NodeTag::Broadcast, 0, 1)});
  EXPECT_EQ(vir::prepare(s.program).error().detail, 46);
}

TEST(Statements, AreNumberedInPreOrderThenBeforeElse) {
  Stage s;
  const NodeId in_then = s.let("x", s.u32(1));
  const NodeId in_else = s.let("x", s.u32(2));
  const NodeId branch = s.if_(s.boolean(true), {in_then}, {in_else});
  const NodeId in_loop = s.let("y", s.u32(1));
  const NodeId loop = s.loop("i", s.u32(0), s.u32(1), {in_loop});
  const NodeId last = s.ret();
  s.body({branch, loop, last});
  const NodeId root = s.program.list(s.program.entry)[0];
  EXPECT_EQ(vir::statements_in_order(s.program),
            (std::vector<NodeId>{root, branch, in_then, in_else, loop, in_loop, last}));
  const auto numbers = vir::statement_numbers(s.program);
  EXPECT_EQ(numbers[root], 0u);
  EXPECT_EQ(numbers[in_else], 3u);
  EXPECT_EQ(numbers[last], 6u);
}

TEST(Statements, UnreachedNodesHaveNoNumber) {
  Stage s;
  const NodeId lost = s.ret();
  s.body({s.ret()});
  EXPECT_EQ(vir::statement_numbers(s.program)[lost], vir::kNone);
}

}  // namespace
}  // namespace vyre::test
