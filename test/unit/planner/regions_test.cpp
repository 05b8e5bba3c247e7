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
  measured.fused_step_ratio = 4;
  measured.step_ns = 10;
  work.ops[1].steps = 100'000;
  const Plan plan = plan_of(work, {}, measured);
  EXPECT_EQ(plan.regions.regions.size(), 2u) << "steps would cost more than the bytes save";
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
  const auto forms = [&](bool lanes_first) {
    std::vector<std::pair<Form, std::uint32_t>> made;
    for (const Region& region :
         plan_of(work, {.lanes_first = lanes_first}, measured).regions.regions)
      made.emplace_back(region.form, region.members);
    return made;
  };
  using Forms = std::vector<std::pair<Form, std::uint32_t>>;
  EXPECT_EQ(forms(false), (Forms{{Form::chain, 3}}));
  EXPECT_EQ(forms(true), (Forms{{Form::lanes, 2}, {Form::single, 1}}));
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
  measured.step_ns = 1;
  EXPECT_TRUE(cost_of(measured, {2, 800, 0, 0}, false).worth_it());  // 100 of 1,000
  EXPECT_FALSE(cost_of(measured, {2, 810, 0, 0}, false).worth_it());
  measured.fused_step_ratio = 1.5;
  const RegionCost cost = cost_of(measured, {3, 200, 50, 30}, true);
  EXPECT_DOUBLE_EQ(cost.unfused_ns, 500);
  EXPECT_DOUBLE_EQ(cost.saved_ns, 200);  // bytes count only where the bandwidth was measured
  EXPECT_DOUBLE_EQ(cost.lost_ns, 100);
  measured.bytes_per_ns = 0.5;
  EXPECT_DOUBLE_EQ(cost_of(measured, {3, 200, 50, 30}, true).saved_ns, 260);
}

}  // namespace
}  // namespace vyre::planner
