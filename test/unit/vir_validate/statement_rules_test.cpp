// Rules about variables, stores, control flow and statement lists: for each a program that breaks
// only it, and a neighbour that does not.
#include <gtest/gtest.h>

#include "verdict.hpp"

namespace vyre::test {
namespace {

// ---- variables

TEST(ValidateVariables, ANameBoundTwiceInOneListIsRefused) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.u32(1)), s.let("x", s.u32(2))}; }), "V032");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.u32(1)), s.let("y", s.u32(2))}; }), "");
}

TEST(ValidateVariables, ALiveNameOfAnOuterScopeIsNotShadowed) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(1)), s.block({s.let("x", s.u32(2))})};
            }),
            "V008");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(1)), s.region("r", {s.let("x", s.u32(2))})};
            }),
            "V008");
  EXPECT_EQ(
      of([](Stage& s) { return Nodes{s.loop("x", s.u32(0), s.u32(2), {s.let("x", s.u32(2))})}; }),
      "V008");
}

TEST(ValidateVariables, ALoopVariableShadowsNothing) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(1)), s.loop("x", s.u32(0), s.u32(2), {})};
            }),
            "V008");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.loop("x", s.u32(0), s.u32(2), {}), s.loop("x", s.u32(0), s.u32(2), {}),
                           s.let("x", s.u32(1))};
            }),
            "");
}

TEST(ValidateVariables, ANameMayBeBoundAgainAfterItsScopeEnded) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.if_(s.boolean(true), {s.let("x", s.u32(1))}, {s.let("x", s.i32(1))}),
                           s.block({s.let("x", s.f32(1))}), s.let("x", s.boolean(true))};
            }),
            "");
}

TEST(ValidateVariables, AnUnboundNameIsRefusedInUseAndInAssignment) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("y", s.var("x"))}; }), "V006");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.var("x"))}; }), "V006");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.assign("x", s.u32(1))}; }), "V006");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.block({s.let("x", s.u32(1))}), s.let("y", s.var("x"))};
            }),
            "V006");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(1)), s.let("y", s.var("x")), s.assign("x", s.u32(1))};
            }),
            "");
}

TEST(ValidateVariables, ALoopVariableIsVisibleInItsBodyOnly) {
  EXPECT_EQ(
      of([](Stage& s) { return Nodes{s.loop("i", s.u32(0), s.u32(2), {s.let("y", s.var("i"))})}; }),
      "");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.loop("i", s.u32(0), s.var("i"), {})}; }), "V006");
}

TEST(ValidateVariables, ALoopVariableIsNotAssigned) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.loop("i", s.u32(0), s.u32(2), {s.assign("i", s.u32(1))})};
            }),
            "V011");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(0)),
                           s.loop("i", s.u32(0), s.u32(2), {s.assign("x", s.var("i"))})};
            }),
            "");
}

TEST(ValidateVariables, AnAssignmentKeepsTheType) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(1)), s.assign("x", s.i32(1))};
            }),
            "V045");
  EXPECT_EQ(
      of([](Stage& s) {
        // Quirk: the bitwise operators are typed u32 whatever they work on.
        return Nodes{s.let("x", s.bin(BinOp::BitAnd, s.i32(1), s.i32(2))), s.assign("x", s.u32(1))};
      }),
      "");
}

// ---- stores

TEST(ValidateStores, AnUndeclaredBufferIsRefused) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("nowhere", s.u32(0), s.u32(1))}; }), "V004");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.load("nowhere", s.u32(0)))}; }), "V004");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.len("nowhere"))}; }), "V004");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.atomic(AtomicOp::Add, "nowhere", s.u32(0), s.u32(1)))};
            }),
            "V004");
  EXPECT_EQ(
      of([](Stage& s) {
        return Nodes{s.async_load("nowhere", "out", s.u32(0), s.u32(4), "t"), s.async_wait("t")};
      }),
      "V004");
  EXPECT_EQ(
      of([](Stage& s) {
        return Nodes{s.async_store("u", "nowhere", s.u32(0), s.u32(4), "t"), s.async_wait("t")};
      }),
      "V004");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.node(NodeTag::IndirectDispatch, "nowhere")}; }),
            "V004");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.len("u")), s.node(NodeTag::IndirectDispatch, "u"),
                           s.async_load("u", "out", s.u32(0), s.u32(4), "t"), s.async_wait("t")};
            }),
            "");
}

TEST(ValidateStores, ReadOnlyMemoryIsNotWritten) {
  for (const char* name : {"u", "uni"}) {
    EXPECT_EQ(of([&](Stage& s) { return Nodes{s.store(name, s.u32(0), s.u32(1))}; }), "V005");
    EXPECT_EQ(of([&](Stage& s) { return Nodes{s.async_load("u", name, s.u32(0), s.u32(4), "t")}; }),
              "V005");
    EXPECT_EQ(
        of([&](Stage& s) { return Nodes{s.async_store("out", name, s.u32(0), s.u32(4), "t")}; }),
        "V005");
  }
  for (const char* name : {"out", "wo", "wg"}) {
    EXPECT_EQ(of([&](Stage& s) {
                return Nodes{s.store(name, s.u32(0), s.u32(1)),
                             s.async_load("u", name, s.u32(0), s.u32(4), "t"),
                             s.async_store("u", name, s.u32(0), s.u32(4), "v")};
              }),
              "");
  }
}

TEST(ValidateStores, BytesHaveNoElementsUnlessExtractionIsAllowed) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.from("bytes"))}; }), "V013");
  EXPECT_EQ(of([](Stage& s) {
              s.buffer("raw", Access::ReadWrite, TypeTag::Bytes, 16);
              return Nodes{s.store("raw", s.u32(0), s.u32(1))};
            }),
            "V013");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.store("free", s.u32(0), s.u32(1)), s.let("x", s.from("free")),
                           s.store("out", s.u32(0), s.var("x")), s.let("n", s.len("bytes"))};
            }),
            "");
}

TEST(ValidateStores, AStoreIndexIsU32) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("out", s.i32(0), s.u32(1))}; }), "V109");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("out", s.boolean(false), s.u32(1))}; }), "V109");
  // Quirk: the index of a load is not typed.
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.load("u", s.f32(1.5f)))}; }), "");
}

TEST(ValidateStores, AStoredValueHasTheElementType) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("out", s.u32(0), s.i32(1))}; }), "V110");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("out_f", s.u32(0), s.u32(1))}; }), "V110");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("free", s.u32(0), s.i32(1))}; }), "V110");
  EXPECT_EQ(of([](Stage& s) {
              const ExprId both = s.bin(BinOp::BitAnd, s.from("i"), s.from("i"));
              return Nodes{s.store("out_i", s.u32(0), both)};  // typed u32
            }),
            "V110");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.store("out", s.u32(0), s.u32(1)), s.store("out_i", s.u32(0), s.i32(1)),
                           s.store("out_f", s.u32(0), s.f32(1)),
                           s.store("out_b", s.u32(0), s.from("b"))};
            }),
            "");
}

TEST(ValidateStores, AConstantIndexBeyondTheDeclarationIsRefused) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("out", s.u32(15), s.u32(1))}; }), "");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.store("out", s.u32(16), s.u32(1))}; }), "V036");
  EXPECT_EQ(of([](Stage& s) {
              s.read_write("sized_later", TypeTag::U32, 0);
              return Nodes{s.store("sized_later", s.u32(16), s.u32(1)),
                           s.let("x", s.load("u", s.u32(99)))};
            }),
            "");
}

// ---- control flow

TEST(ValidateFlow, AConditionIsU32OrBool) {
  for (const char* name : {"i", "f", "u64"}) {
    EXPECT_EQ(of([&](Stage& s) { return Nodes{s.if_(s.from(name), {})}; }), "V108");
  }
  for (const char* name : {"u", "b"}) {
    EXPECT_EQ(of([&](Stage& s) { return Nodes{s.if_(s.from(name), {})}; }), "");
  }
}

TEST(ValidateFlow, LoopBoundsAreU32) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.loop("i", s.i32(0), s.u32(2), {})}; }), "V015");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.loop("i", s.u32(0), s.f32(2), {})}; }), "V015");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.loop("i", s.u32(0), s.len("u"), {})}; }), "");
}

TEST(ValidateFlow, NothingFollowsAReturnInItsList) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.ret(), s.let("x", s.u32(1))}; }), "V107");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.if_(s.boolean(true), {s.ret()}), s.let("x", s.u32(1)), s.ret()};
            }),
            "");
}

TEST(ValidateFlow, ABarrierNeedsUniformConditions) {
  const auto guarded_by = [](auto condition) {
    return of([&](Stage& s) { return Nodes{s.if_(condition(s), {s.barrier()})}; });
  };
  EXPECT_EQ(guarded_by([](Stage& s) { return s.lid(); }), "V010");
  EXPECT_EQ(guarded_by([](Stage& s) { return s.gid(); }), "V010");
  EXPECT_EQ(guarded_by([](Stage& s) { return s.from("u"); }), "V010");
  EXPECT_EQ(guarded_by([](Stage& s) { return s.subgroup(ExprTag::SubgroupLocalId); }), "V010");
  EXPECT_EQ(guarded_by([](Stage& s) { return s.atomic(AtomicOp::Add, "out", s.u32(0), s.u32(1)); }),
            "V010");
  EXPECT_EQ(guarded_by([](Stage& s) { return s.bin(BinOp::Lt, s.u32(1), s.lid()); }), "V010");
  EXPECT_EQ(guarded_by([](Stage& s) {
              const ExprId sum = s.bin(BinOp::Add, s.wid(), s.len("u"));
              return s.bin(BinOp::Lt, s.cast(TypeTag::U32, sum),
                           s.select(s.boolean(true), s.u32(3), s.u32(4)));
            }),
            "");
}

TEST(ValidateFlow, ABarrierNeedsUniformLoopBounds) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.loop("i", s.u32(0), s.gid(), {s.barrier()})}; }),
            "V010");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.loop("i", s.u32(0), s.u32(4),
                                  {s.barrier(), s.if_(s.bin(BinOp::Lt, s.var("i"), s.u32(2)),
                                                      {s.region("r", {s.barrier()})})})};
            }),
            "");
}

TEST(ValidateFlow, AVariableIsAsUniformAsItsValues) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.wid()), s.if_(s.var("x"), {s.barrier()})};
            }),
            "");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.lid()), s.if_(s.var("x"), {s.barrier()})};
            }),
            "V010");
  EXPECT_EQ(
      of([](Stage& s) {
        return Nodes{s.let("x", s.wid()), s.assign("x", s.lid()), s.if_(s.var("x"), {s.barrier()})};
      }),
      "V010");
}

TEST(ValidateFlow, AUniformValueAssignedBySomeLanesIsNotUniform) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(0)), s.if_(s.lid(), {s.assign("x", s.u32(1))}),
                           s.if_(s.var("x"), {s.barrier()})};
            }),
            "V010");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.u32(0)), s.if_(s.wid(), {s.assign("x", s.u32(1))}),
                           s.if_(s.var("x"), {s.barrier()})};
            }),
            "");
}

TEST(ValidateFlow, DivergenceIsInheritedThroughBlocksRegionsAndElse) {
  EXPECT_EQ(
      of([](Stage& s) { return Nodes{s.if_(s.lid(), {s.block({s.region("r", {s.barrier()})})})}; }),
      "V010");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.if_(s.lid(), {}, {s.barrier()})}; }), "V010");
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.if_(s.lid(), {}), s.barrier()}; }), "");
}

TEST(ValidateFlow, ABarrierOrdersSomething) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.barrier(Ordering::Relaxed)}; }), "V043");
  for (const Ordering ordering : {Ordering::Acquire, Ordering::Release, Ordering::AcqRel,
                                  Ordering::SeqCst, Ordering::GridSync}) {
    EXPECT_EQ(of([&](Stage& s) { return Nodes{s.barrier(ordering)}; }), "");
  }
}

// ---- plain and atomic accesses

NodeId count(Stage& s, const char* variable) {
  return s.let(variable, s.atomic(AtomicOp::Add, "out", s.u32(0), s.u32(1)));
}

TEST(ValidateHazard, APlainAndAnAtomicAccessNeedABarrierBetween) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.let("x", s.from("out")), count(s, "y")}; }), "V122");
  EXPECT_EQ(of([](Stage& s) { return Nodes{count(s, "y"), s.let("x", s.from("out"))}; }), "V122");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.store("out", s.u32(0), s.u32(0)), count(s, "y")};
            }),
            "V122");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.store("out", s.u32(0), s.u32(0)), s.barrier(), count(s, "y"),
                           s.barrier(), s.let("x", s.from("out"))};
            }),
            "");
}

TEST(ValidateHazard, OneStatementMayNotDoBoth) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("y", s.atomic(AtomicOp::Add, "out", s.u32(0), s.from("out")))};
            }),
            "V122");
  EXPECT_EQ(
      of([](Stage& s) {
        return Nodes{s.store("out", s.u32(0), s.atomic(AtomicOp::Add, "out", s.u32(0), s.u32(1)))};
      }),
      "V122");
}

TEST(ValidateHazard, OtherBuffersAndLengthsDoNotCount) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.from("u")), s.let("n", s.len("out")), count(s, "y"),
                           s.store("wo", s.u32(0), s.var("y"))};
            }),
            "");
}

TEST(ValidateHazard, NestedListsAreOnTheirOwn) {
  EXPECT_EQ(
      of([](Stage& s) {
        return Nodes{s.let("x", s.from("out")), s.loop("i", s.u32(0), s.u32(2), {count(s, "y")})};
      }),
      "");
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.block({s.let("x", s.from("out")), count(s, "y")})};
            }),
            "V122");
}

TEST(ValidateHazard, ABarrierInsideABlockOrRegionSeparates) {
  EXPECT_EQ(of([](Stage& s) {
              return Nodes{s.let("x", s.from("out")), s.region("r", {s.block({s.barrier()})}),
                           count(s, "y")};
            }),
            "");
  EXPECT_EQ(of([](Stage& s) {  // not every lane passes this one
              return Nodes{s.let("x", s.from("out")), s.if_(s.wid(), {s.barrier()}), count(s, "y")};
            }),
            "V122");
}

// ---- statements without a meaning here

TEST(ValidateFlow, OpaqueStatementsAndLeftCollectivesAreRefusedByName) {
  EXPECT_EQ(of([](Stage& s) { return Nodes{s.node(NodeTag::Opaque, "vendor.node")}; }), "V031");
  for (const NodeTag tag :
       {NodeTag::AllReduce, NodeTag::AllGather, NodeTag::ReduceScatter, NodeTag::Broadcast}) {
    EXPECT_EQ(of([&](Stage& s) {
                const NodeId made = s.node(tag, "u");
                s.program.nodes[made].name2 = s.program.intern("out");
                return Nodes{made};
              }),
              "V046");
  }
}

TEST(ValidateFlow, WhatOnlyFailsWhenItRunsIsAccepted) {
  EXPECT_EQ(of([](Stage& s) {
              const NodeId resume = s.node(NodeTag::Resume, {});
              s.program.nodes[resume].name3 = s.program.intern("t");
              return Nodes{s.trap(s.u32(1), "t"), s.async_wait("never started"), resume};
            }),
            "");
}

}  // namespace
}  // namespace vyre::test
