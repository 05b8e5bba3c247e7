// Forms of regions, each rule that keeps items apart, and what fusing has to gain.
#include "planner/regions.hpp"

#include <gtest/gtest.h>

#include "unit/planner/plans.hpp"

namespace vyre::planner {
namespace {
using testing::handing_over;
using testing::plan_of;

Form first_form(const Work& work, const Measured& measured = {}) {
  return plan_of(work, {}, measured).regions.regions[0].form;
}
Refusal why_no_lanes(const Work& work) {
  const Plan plan = plan_of(work);
  EXPECT_EQ(plan.regions.regions[0].form, Form::chain);
  return plan.regions.regions[0].no_lanes;
}

TEST(Lanes, AValueHandedOverLaneByLaneStaysInOneImage) {
  const Plan plan = plan_of(handing_over());
  ASSERT_EQ(plan.regions.regions.size(), 1u);
  EXPECT_EQ(plan.regions.regions[0].form, Form::lanes);
  EXPECT_EQ(plan.regions.regions[0].sums.bytes_not_moved, 1u << 20);
}

TEST(Lanes, EachRuleKeepsThemApart) {
  Work work = handing_over();
  work.ops.push_back(work.ops[1]);  // op 5: the reader, so that it can differ
  work.items[1].op = 5;
  EXPECT_EQ(first_form(work), Form::lanes);
  const auto refused = [&](const auto& change) {
    Work other = work;
    change(other);
    return why_no_lanes(other);
  };
  EXPECT_EQ(refused([](Work& w) { w.ops[5].flat = false; }), Refusal::not_flat);
  EXPECT_EQ(refused([](Work& w) { w.ops[1].flat = false; }), Refusal::not_flat);
  EXPECT_EQ(refused([](Work& w) { w.ops[5].workgroup = {64, 1, 1}; }), Refusal::workgroup);
  EXPECT_EQ(refused([](Work& w) { w.items[1].grid = {5, 1, 1}; }), Refusal::grid);
  EXPECT_EQ(refused([](Work& w) { w.items[0].grid = w.items[1].grid = {0, 0, 0}; }), Refusal::grid);
  EXPECT_EQ(refused([](Work& w) { w.items[0].grid = w.items[1].grid = {4, 2, 1}; }), Refusal::grid);
  EXPECT_EQ(refused([](Work& w) { w.ops[5].inputs[0].element = 3; }), Refusal::element);
  EXPECT_EQ(refused([](Work& w) { w.ops[5].inputs[0].own_element = false; }), Refusal::other_lane);
  EXPECT_EQ(refused([](Work& w) { w.ops[1].outputs[0].own_element = false; }), Refusal::other_lane);
  EXPECT_EQ(refused([](Work& w) { w.uses[3].buffer = 1; }), Refusal::overwritten_input);
  EXPECT_EQ(refused([](Work& w) { w.uses[2].bits = kReads | kWrites | kKeeps; }),
            Refusal::read_write);
  EXPECT_EQ(refused([](Work& w) { w.uses[3].buffer = 0; }), Refusal::overwritten_input);
  EXPECT_EQ(refused([](Work& w) { w.ops[5].registers = kMaxVectorRegisters; }), Refusal::registers);
  EXPECT_EQ(refused([](Work& w) {
              w.uses[2].buffer = 3;  // no longer reads what the first wrote,
              w.uses[3].buffer = 1;  // and overwrites it
            }),
            Refusal::two_writers);
  EXPECT_EQ(refused([](Work& w) { w.buffers[1].bytes = 0; }), Refusal::nothing_shared);
  EXPECT_EQ(refused([](Work& w) { w.items[0].grid = w.items[1].grid = {4, 1, 2}; }), Refusal::grid);
  EXPECT_EQ(refused([](Work& w) {
              w.ops[5].outputs.push_back(w.ops[5].outputs[0]);
              w.uses.push_back(w.uses[3]);  // the last item's: it writes its output twice
              w.items[1].outputs = 2;
            }),
            Refusal::two_writers);
  const Plan none = plan_of(work, {.lanes = false});
  EXPECT_EQ(none.regions.regions[0].no_lanes, Refusal::executor);
}

/// Forms of the regions and how many members each has.
using Forms = std::vector<std::pair<Form, std::uint32_t>>;
Forms forms_of(const Plan& plan) {
  Forms forms;
  for (const Region& region : plan.regions.regions) forms.emplace_back(region.form, region.members);
  return forms;
}

TEST(Lanes, RegistersOfAllMembersCount) {
  Work work = handing_over();
  for (std::uint32_t b = 2; b < 5; ++b) work.add(1, {b}, {b + 1}).grid = {4, 1, 1};
  work.ops[1].registers = kMaxVectorRegisters / 3;
  EXPECT_EQ(forms_of(plan_of(work)), (Forms{{Form::lanes, 3}, {Form::lanes, 2}}));
  work.ops[1].registers = kMaxVectorRegisters / 5;
  const Plan fits = plan_of(work);
  EXPECT_EQ(fits.regions.regions[0].form, Form::lanes);
  EXPECT_EQ(fits.regions.regions[0].sums.bytes_not_moved, 4u << 20) << "of each hand-over";
}

/// Two readers of one buffer, which may run in one image.
Work sharing() {
  Work work = handing_over();
  work.items.clear();
  work.uses.clear();
  work.buffers.resize(12, work.buffers[0]);
  for (std::uint32_t b = 8; b < 12; ++b) work.buffers[b].handle = 10 + b;
  work.add(1, {0}, {1}).grid = {4, 1, 1};
  work.add(1, {0}, {2}).grid = {4, 1, 1};
  return work;
}

TEST(Lanes, ASharedInputIsWorthAnImageFromATenthOfTheBytesOnAndWithKnownGrids) {
  EXPECT_EQ(forms_of(plan_of(sharing())), (Forms{{Form::lanes, 2}}));
  for (const std::array<std::uint32_t, 3> unknown :
       {std::array{0u, 0u, 0u}, std::array{4u, 0u, 1u}, std::array{4u, 1u, 0u}}) {
    Work work = sharing();
    work.items[0].grid = work.items[1].grid = unknown;
    EXPECT_EQ(forms_of(plan_of(work)), (Forms{{Form::bundle, 2}}));
  }
  Work small = sharing();
  small.buffers[0].bytes = 1u << 16;  // of 17 such pieces
  EXPECT_EQ(forms_of(plan_of(small)), (Forms{{Form::bundle, 2}}));
  Measured measured;
  measured.item_ns = 1e6;
  measured.bytes_per_ns = 1;
  EXPECT_EQ(forms_of(plan_of(small, {}, measured)), (Forms{{Form::bundle, 2}}));
  EXPECT_EQ(forms_of(plan_of(sharing(), {}, measured)), (Forms{{Form::lanes, 2}}));
  measured.item_ns = 1e9;
  EXPECT_EQ(forms_of(plan_of(sharing(), {}, measured)), (Forms{{Form::bundle, 2}}))
      << "the bytes are nothing against a slot";
}

TEST(Lanes, AnItemThatSharesNothingDoesNotJoinAnImage) {
  Work work = sharing();
  work.add(4, {5}, {6});
  EXPECT_EQ(forms_of(plan_of(work)), (Forms{{Form::lanes, 2}, {Form::single, 1}}));
}

TEST(Lanes, AnImageBecomesAChainOnlyWhereThatSavesMore) {
  Work work = handing_over();
  work.add(4, {2}, {3});
  const Forms image{{Form::lanes, 2}, {Form::single, 1}};
  Measured measured;
  measured.item_ns = 1'000;
  EXPECT_EQ(forms_of(plan_of(work, {}, measured)), image) << "no bandwidth was measured";
  measured.bytes_per_ns = (1u << 20) / 2'000.0;  // the buffer handed over is worth two slots
  EXPECT_EQ(forms_of(plan_of(work, {}, measured)), image);
  work.ops[1].lane_ns[size_class(128)] = 750 / 128.0;
  measured.fused_ratio = 2;  // of which the image loses one and a half
  const Plan chain = plan_of(work, {}, measured);
  EXPECT_EQ(forms_of(chain), (Forms{{Form::chain, 3}}));
  EXPECT_EQ(chain.regions.regions[0].sums.bytes_not_moved, 0u);
}

TEST(Lanes, ProgramsThatTakeLongerInOneImageAreAChain) {
  Work work = handing_over();
  work.ops[1].lane_ns[size_class(128)] = 100 / 128.0;
  Measured measured;
  measured.item_ns = 1'000;
  measured.fused_ratio = 10;
  const Plan plan = plan_of(work, {}, measured);
  EXPECT_EQ(forms_of(plan), (Forms{{Form::chain, 2}}));
  EXPECT_EQ(plan.regions.regions[0].no_lanes, Refusal::cost);
}

TEST(Lanes, AnImageWithAHandOverAndASharedInputMayBecomeAChain) {
  Work work = handing_over();
  work.add(1, {0}, {3}).grid = {4, 1, 1};  // shares the first input
  work.add(4, {3}, {4});
  Measured measured;
  measured.item_ns = 1'000;
  measured.bytes_per_ns = (1u << 20) / 250.0;
  EXPECT_EQ(forms_of(plan_of(work, {}, measured)), (Forms{{Form::chain, 4}}));
}

TEST(Lanes, ASharedInputComesBeforeAChainWhereImagesComeFirst) {
  Work work = sharing();
  work.ops.push_back(work.ops[2]);  // op 5: looks at the elements of other lanes
  work.ops[5].inputs[0].own_element = false;
  work.add(4, {6}, {4});                      // no flat program
  work.add(5, {1, 7}, {3}).grid = {4, 1, 1};  // waits for the image, and is in none with it
  work.add(2, {4, 7}, {5}).grid = {4, 1, 1};  // waits for op 4's item, and reads buffer 7, too
  EXPECT_EQ(forms_of(plan_of(work)),
            (Forms{{Form::lanes, 2}, {Form::chain, 2}, {Form::single, 1}}));
  EXPECT_EQ(forms_of(plan_of(work, {.lanes_first = true})),
            (Forms{{Form::lanes, 2}, {Form::single, 1}, {Form::lanes, 2}}));
}

TEST(Lanes, ARegionWhoseImageCannotBeHadStoresAll) {
  Work work = handing_over();
  work.buffers[1].scratch = true;
  Plan plan = plan_of(work);
  EXPECT_EQ(plan.lineage.edges, 0u) << "no region derives from itself";
  ASSERT_EQ(plan.elided.size(), 1u);
  weaken(plan, 0, Refusal::executor, {});
  EXPECT_EQ(forms_of(plan), (Forms{{Form::chain, 2}}));
  EXPECT_TRUE(plan.elided.empty());
}

TEST(Lanes, WhatNoMemberReadsIsStored) {
  Work work = handing_over();
  work.add(4, {3}, {2}, 1);  // overwrites what the second one wrote
  Measured measured;
  measured.item_ns = measured.bytes_per_ns = 1;
  const Plan plan = plan_of(work, {}, measured);
  ASSERT_EQ(forms_of(plan), (Forms{{Form::lanes, 2}, {Form::single, 1}}));
  EXPECT_TRUE(plan.elided.empty()) << "it is not handed over";
}

TEST(Regions, ShapesAreEqualWhereOpsWiringAndEqualityOfGridsAre) {
  const auto shape = [](std::initializer_list<std::uint32_t> first,
                        std::initializer_list<std::uint32_t> second, std::uint32_t groups) {
    Work work = sharing();
    work.items.clear();
    work.uses.clear();
    work.add(4, first, {1});
    Item& last = work.add(4, second, {2});
    if (groups != 0) last.grid = {groups, 1, 1};
    const Plan plan = plan_of(work);
    EXPECT_EQ(plan.regions.regions.size(), 1u);
    return plan.regions.regions[0].shape;
  };
  const std::uint64_t two_inputs = shape({3}, {4}, 0);
  EXPECT_EQ(shape({5}, {6}, 0), two_inputs) << "other buffers, wired alike";
  EXPECT_NE(shape({3}, {3}, 0), two_inputs) << "one input for both";
  EXPECT_NE(shape({3}, {4}, 7), two_inputs) << "grids differ";
}

/// Items 0 and 1 stand side by side.
Work two_beside() {
  Work work = sharing();
  work.items.clear();
  work.uses.clear();
  work.add(4, {0}, {1});
  work.add(4, {2}, {3});
  return work;
}

TEST(Chain, OnlyAnItemThatWaitsForTheLastMemberOfOneJoins) {
  Work beside = two_beside();
  beside.add(4, {3}, {4});
  EXPECT_EQ(forms_of(plan_of(beside)), (Forms{{Form::bundle, 2}, {Form::single, 1}}))
      << "members that run side by side have no last one";
  beside.add(4, {4}, {5});
  EXPECT_EQ(forms_of(plan_of(beside)), (Forms{{Form::bundle, 2}, {Form::chain, 2}}));
  Work waits = beside;
  waits.add(4, {4}, {6});  // for the first member of the chain
  EXPECT_EQ(forms_of(plan_of(waits)),
            (Forms{{Form::bundle, 2}, {Form::chain, 2}, {Form::single, 1}}));
  Work both = beside;
  both.ops.push_back(both.ops[4]);
  both.ops[5].inputs.push_back(both.ops[4].inputs[0]);
  both.add(5, {3, 4}, {6});  // and for the last member of the two beside each other
  EXPECT_EQ(forms_of(plan_of(both)),
            (Forms{{Form::bundle, 2}, {Form::chain, 2}, {Form::single, 1}}));
}

/// The plan of a batch of which an earlier one did what item `done` does.
Plan after_earlier(const Work& work, std::size_t done) {
  DedupeTable earlier;
  std::vector<BufferVersion> versions;
  for (const BufferUse& use : work.uses_of(done))
    versions.push_back({work.buffers[use.buffer].handle, work.buffers[use.buffer].version});
  const Item& item = work.items[done];
  earlier.remember({work.ops[item.op].id, item.param, item.inputs, versions}, 77);
  auto plan = make_plan(work, {}, {}, &earlier);
  EXPECT_TRUE(plan);
  return std::move(*plan);
}

TEST(Regions, AnItemForWhichAnEarlierOneStandsIsAlone) {
  Work beside = two_beside();
  beside.items[1].op = 1;
  EXPECT_EQ(forms_of(after_earlier(beside, 1)), (Forms{{Form::single, 1}, {Form::single, 1}}));
  Work follows = handing_over();
  const Plan plan = after_earlier(follows, 0);
  EXPECT_EQ(forms_of(plan), (Forms{{Form::single, 1}, {Form::single, 1}}));
  EXPECT_EQ(plan.regions.refused[static_cast<std::size_t>(Refusal::perhaps)], 1u);
  Work shares = sharing();
  shares.add(1, {0}, {3}).grid = {4, 1, 1};
  EXPECT_EQ(forms_of(after_earlier(shares, 1)), (Forms{{Form::lanes, 2}, {Form::single, 1}}))
      << "readers behind it still find the image in front of it";
}

TEST(Lanes, TwoReadersOfOneLargeInputShareItsBytes) {
  Work work = handing_over();
  work.items.clear();
  work.uses.clear();
  work.add(1, {0}, {1}).grid = {4, 1, 1};
  work.add(1, {0}, {2}).grid = {4, 1, 1};
  Measured measured;
  measured.item_ns = 1'000;
  measured.bytes_per_ns = 10;
  EXPECT_EQ(first_form(work, measured), Form::lanes);
  measured.fused_ratio = 4;
  measured.step_ns = 10;
  work.ops[1].steps = 100'000;
  const Plan plan = plan_of(work, {}, measured);
  EXPECT_EQ(plan.regions.regions.size(), 2u) << "steps would cost more than the bytes save";
  work.ops[1].lane_ns[size_class(128)] = 0.1;
  EXPECT_EQ(first_form(work, measured), Form::lanes) << "its own items of that size took less";
  work.ops[1].lane_ns[size_class(128)] = 7'812.5;  // as much as by its steps
  EXPECT_EQ(plan_of(work, {}, measured).regions.regions.size(), 2u);
  work.ops[1].lane_ns = {};
  work.ops[1].lane_ns[size_class(1'000'000)] = 0.1;
  EXPECT_EQ(first_form(work, measured), Form::lanes) << "of the nearest size that was timed";
  EXPECT_GT(plan.regions.refused[static_cast<std::size_t>(Refusal::cost)], 0u);
}

TEST(Chain, SixteenTinyDependentItemsAreOneRegionAndLargeOnesAreNot) {
  Work work = handing_over();
  work.items.clear();
  work.uses.clear();
  for (std::uint32_t i = 0; i < 16; ++i) work.add(4, {i % 2}, {1 - i % 2});
  Measured measured;
  measured.item_ns = 1'000;
  measured.step_ns = 1;
  const Plan tiny = plan_of(work, {}, measured);
  ASSERT_EQ(tiny.regions.regions.size(), 1u);
  EXPECT_EQ(tiny.regions.regions[0].form, Form::chain);
  EXPECT_EQ(tiny.regions.regions[0].members, 16u);
  work.ops[4].steps = 1e6;
  EXPECT_EQ(plan_of(work, {}, measured).regions.regions.size(), 16u);
}

TEST(Chain, AnItemThatWaitsForNothingDoesNotLengthenIt) {
  Work work = handing_over();
  work.ops[1].flat = false;
  work.add(1, {3}, {4}, 1);
  const Plan plan = plan_of(work);
  ASSERT_EQ(plan.regions.regions.size(), 2u);
  EXPECT_EQ(plan.regions.regions[0].form, Form::chain);
  EXPECT_EQ(plan.regions.regions[0].members, 2u);
}

TEST(Lanes, AnImageStaysOneWhereThatIsWantedThoughAChainWouldSaveMore) {
  Work work = handing_over();
  work.add(4, {2}, {3});  // is no flat program
  Measured measured;
  measured.item_ns = 1e9;
  measured.bytes_per_ns = 10;
  EXPECT_EQ(forms_of(plan_of(work, {}, measured)), (Forms{{Form::chain, 3}}));
  EXPECT_EQ(forms_of(plan_of(work, {.lanes_first = true}, measured)),
            (Forms{{Form::lanes, 2}, {Form::single, 1}}));
}

TEST(Lanes, AStoreIsElidedOnlyBeforeAWholeOverwriteThatNoOtherReaderPrecedes) {
  const auto elided = [](std::uint32_t op, bool reader) {
    Work work = handing_over();
    if (reader) work.add(4, {1}, {5});
    if (op == 1) work.add(4, {3}, {1}, 1);     // overwrites it whole
    if (op == 2) work.add(2, {3, 3}, {1}, 1);  // keeps some of it
    Measured measured;  // bytes are dear against a slot, so the overwriting item stays outside
    measured.item_ns = measured.bytes_per_ns = 1;
    return plan_of(work, {}, measured).elided.size();
  };
  EXPECT_EQ(elided(0, false), 0u);
  EXPECT_EQ(elided(1, false), 1u);
  EXPECT_EQ(elided(2, false), 0u);
  EXPECT_EQ(elided(1, true), 0u);
}

TEST(Bundle, IndependentTinyItemsShareASlotSixtyFourAtATime) {
  Work work;
  work.ops = testing::five_ops();
  work.rules = work.ops.size();
  work.buffers.resize(401);
  for (std::uint32_t i = 0; i < 200; ++i) work.add(4, {2 * i}, {2 * i + 1});
  const Plan plan = plan_of(work);
  ASSERT_EQ(plan.regions.regions.size(), 4u);
  for (std::size_t r = 0; r < 4; ++r) {
    EXPECT_EQ(plan.regions.regions[r].form, Form::bundle);
    EXPECT_EQ(plan.regions.regions[r].members, r < 3 ? 64u : 8u);
    EXPECT_EQ(plan.regions.regions[r].shape == plan.regions.regions[0].shape, r < 3);
  }
  EXPECT_EQ(plan.regions.ready, 4u);
  EXPECT_EQ(plan_of(work, {true, false, true}).regions.regions.size(), 200u);
}

TEST(Cost, RegionsOfAShapeAreFusedTheSecondTimeOrWhenAskedFor) {
  EXPECT_TRUE(may_fuse(true, 0));
  EXPECT_FALSE(may_fuse(false, 1));
  EXPECT_TRUE(may_fuse(false, 2));
}

TEST(Cost, ATenthOfTheUnfusedTimeIsTheLeastGain) {
  Measured measured;
  measured.item_ns = 100;
  EXPECT_TRUE(cost_of(measured, {2, 800, 0, 0}, false).worth_it());  // 100 of 1,000
  EXPECT_FALSE(cost_of(measured, {2, 810, 0, 0}, false).worth_it());
  EXPECT_FALSE(cost_of(measured, {2, 2'000, 0, 0}, false).worth_it());
  EXPECT_TRUE(cost_of(measured, {2, 2'000, 0, 0}, true).worth_it()) << "no image ran yet";
  measured.fused_ratio = 1.5;
  EXPECT_FALSE(cost_of(measured, {2, 2'000, 0, 0}, true).worth_it());
  measured.fused_ratio = 0.5;
  EXPECT_TRUE(cost_of(measured, {2, 2'000, 0, 0}, true).worth_it());
  measured.fused_ratio = 1.5;
  const RegionCost cost = cost_of(measured, {3, 200, 50, 30}, true);
  EXPECT_DOUBLE_EQ(cost.unfused_ns, 500);
  EXPECT_DOUBLE_EQ(cost.saved_ns, 200);  // bytes count only where the bandwidth was measured
  EXPECT_DOUBLE_EQ(cost.lost_ns, 100);
  measured.bytes_per_ns = 0.5;
  EXPECT_DOUBLE_EQ(cost_of(measured, {3, 200, 50, 30}, true).saved_ns, 260);
}

}  // namespace
}  // namespace vyre::planner
