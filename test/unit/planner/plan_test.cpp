// Plans: regions partition the items, their order breaks no conflict, and every rule that keeps
// items apart is needed.
#include "planner/plan.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/planner/plans.hpp"

namespace vyre::planner {
namespace {
using testing::conflict;
using testing::handing_over;
using testing::Memory;
using testing::plan_of;
using testing::random_work;
using testing::touched;

/// Costs under which small things gain by running together and large ones do not.
Measured random_costs(test::Choice& choice) {
  Measured measured;
  if (!choice.one_in(3)) measured.item_ns = 500.0 + choice.below(2'000);
  if (!choice.one_in(3)) measured.bytes_per_ns = 1.0 + choice.below(40);
  if (!choice.one_in(3)) measured.step_ns = 1.0 + choice.below(20);
  if (choice.one_in(2)) measured.fused_ratio = 0.5 + 0.25 * choice.below(6);
  return measured;
}

void random_steps(test::Choice& choice, Work& work) {
  for (OpFacts& op : work.ops)
    if (!choice.one_in(3)) op.steps = choice.below(1'000);
}

/// Calls `look(seed, work, plan)` for many batches.
template <class Look>
void for_random_plans(const Look& look) {
  const std::uint64_t first = testing::first_seed(1);
  for (std::uint64_t seed = first; seed < first + 400; ++seed) {
    SCOPED_TRACE("VYRE_PLANNER_SEED=" + std::to_string(seed));
    test::Choice choice(seed);
    Work work = random_work(choice, 60);
    random_steps(choice, work);
    const Measured measured = random_costs(choice);
    look(work, plan_of(work, {}, measured));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

std::vector<bool> running(const Work& work, const Plan& plan) {
  std::vector<bool> runs(work.items.size(), true);
  for (const Removed& one : plan.removed) runs[one.item] = false;
  return runs;
}

TEST(Plan, RegionsPartitionTheItemsThatRun) {
  std::array<std::uint64_t, kForms> forms{};
  for_random_plans([&](const Work& work, const Plan& plan) {
    const auto runs = running(work, plan);
    std::vector<int> seen(work.items.size(), 0);
    for (std::uint32_t r = 0; r < plan.regions.regions.size(); ++r) {
      const Region& region = plan.regions.regions[r];
      const auto members = plan.regions.members_of(region);
      ASSERT_GE(members.size(), 1u);
      ASSERT_LE(members.size(), kMaxRegionMembers);
      ASSERT_EQ(region.form == Form::single, members.size() == 1);
      ASSERT_TRUE(std::is_sorted(members.begin(), members.end()));
      ++forms[static_cast<std::size_t>(region.form)];
      for (std::uint32_t m = 0; m < members.size(); ++m) {
        ++seen[members[m]];
        ASSERT_EQ(plan.place(members[m]).region, r);
        ASSERT_EQ(plan.place(members[m]).member, m);
      }
    }
    for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], runs[i] ? 1 : 0) << i;
    ASSERT_EQ(plan.published() + plan.removed.size(), work.items.size());
    for (const Removed& one : plan.removed) {
      ASSERT_EQ(plan.place(one.item).region, plan.place(one.standing.item).region);
      ASSERT_EQ(plan.place(one.item).member, plan.place(one.standing.item).member);
    }
  });
  for (std::size_t f = 0; f < kForms; ++f) EXPECT_GT(forms[f], 20u) << name(static_cast<Form>(f));
}

TEST(Plan, ItsOrderNeverBreaksAConflict) {
  for_random_plans([](const Work& work, const Plan& plan) {
    const auto runs = running(work, plan);
    for (std::size_t j = 0; j < work.items.size(); ++j) {
      for (std::size_t i = 0; i < j; ++i) {
        if (!runs[i] || !runs[j] || !conflict(touched(work, i), touched(work, j))) continue;
        const Place a = plan.place(i);
        const Place b = plan.place(j);
        if (a.region != b.region) {
          ASSERT_LT(a.region, b.region) << i << " " << j;
          continue;
        }
        const Form form = plan.regions.regions[a.region].form;
        ASSERT_LT(a.member, b.member) << i << " " << j;
        ASSERT_TRUE(form == Form::chain || form == Form::lanes) << i << " " << j;
      }
    }
  });
}

TEST(Plan, RunsToTheSameBytesAsAllItemsInTheirOrder) {
  std::size_t elided = 0;
  for_random_plans([&](const Work& work, const Plan& plan) {
    Memory in_order(work);
    for (std::size_t i = 0; i < work.items.size(); ++i) in_order.run(i);
    Memory planned(work);
    for (std::uint32_t r = 0; r < plan.regions.regions.size(); ++r) {
      for (const std::uint32_t item : plan.regions.members_of(plan.regions.regions[r]))
        planned.run(item);
      // A store that is not made leaves any bytes.
      for (const Elided& one : plan.elided)
        if (one.region == r) planned[one.buffer] = 0xDEAD;
    }
    for (std::uint32_t b = 0; b < work.buffers.size(); ++b) {
      const bool unspecified = work.buffers[b].scratch &&
                               std::any_of(plan.elided.begin(), plan.elided.end(),
                                           [&](const Elided& one) { return one.buffer == b; });
      ASSERT_TRUE(unspecified || planned[b] == in_order[b]) << "buffer " << b;
    }
    elided += plan.elided.size();
  });
  EXPECT_GT(elided, 5u);
}

TEST(Plan, ItemsWithFlagsAreWallsThatNoRegionSpans) {
  for_random_plans([](const Work& work, const Plan& plan) {
    const auto runs = running(work, plan);
    for (std::size_t wall = 0; wall < work.items.size(); ++wall) {
      if (work.items[wall].flags == kQueueFlagNone) continue;
      ASSERT_TRUE(runs[wall]);
      const std::uint32_t region = plan.place(wall).region;
      ASSERT_EQ(plan.regions.regions[region].members, 1u);
      for (std::size_t i = 0; i < work.items.size(); ++i) {
        if (!runs[i] || i == wall) continue;
        ASSERT_EQ(plan.place(i).region < region, i < wall) << i << " " << wall;
      }
      const std::uint8_t flags = plan.regions.regions[region].flags;
      const bool only_previous = flags == kQueueFlagAfterPrevious;
      ASSERT_NE(flags, kQueueFlagNone);
      if (only_previous && wall != 0) {
        ASSERT_EQ(plan.place(wall - 1).region + 1, region);
      }
    }
  });
}

TEST(Plan, CountsOfEdgesAndReadyRegionsAreThoseOfTheRegionGraph) {
  for_random_plans([](const Work& work, const Plan& plan) {
    const auto runs = running(work, plan);
    std::vector<Runs> run_bits;
    for (const bool one : runs) run_bits.push_back(one ? Runs::yes : Runs::no);
    const ConflictGraph graph = conflict_graph(work, run_bits);
    std::set<std::pair<std::uint32_t, std::uint32_t>> edges;
    std::set<std::uint32_t> waiting;
    for (std::uint32_t i = 0; i < work.items.size(); ++i) {
      if (!runs[i]) continue;
      for (const Conflict& edge : graph.before(i)) {
        const std::uint32_t from = plan.place(edge.earlier).region;
        const std::uint32_t to = plan.place(i).region;
        if (from == to) continue;
        ASSERT_LT(plan.regions.regions[from].level, plan.regions.regions[to].level);
        edges.insert({from, to});
        waiting.insert(to);
      }
    }
    ASSERT_EQ(plan.regions.edges, edges.size());
    ASSERT_EQ(plan.regions.ready, plan.regions.regions.size() - waiting.size());
    ASSERT_EQ(plan.conflicts, graph.edges.size());
  });
}

TEST(Plan, EveryFusedRegionSavesATenthAndMembersOfOneImageKeepTheRules) {
  for_random_plans([](const Work& work, const Plan& plan) {
    for (const Region& region : plan.regions.regions) {
      const auto members = plan.regions.members_of(region);
      if (members.size() == 1) continue;
      ASSERT_TRUE(region.cost.worth_it());
      ASSERT_EQ(region.form == Form::lanes, region.no_lanes == Refusal::none);
      if (region.form != Form::lanes) continue;
      ASSERT_GT(region.sums.bytes_not_moved, 0);
      for (std::size_t m = 0; m < members.size(); ++m) {
        const auto later = touched(work, members[m]);
        ASSERT_TRUE(work.ops[work.items[members[m]].op].flat);
        ASSERT_EQ(work.items[members[m]].grid, work.items[members[0]].grid);
        ASSERT_FALSE(testing::meet(later.reads, later.writes));
        for (std::size_t k = 0; k < m; ++k) {
          const auto earlier = touched(work, members[k]);
          ASSERT_FALSE(testing::meet(earlier.writes, later.writes));
          ASSERT_FALSE(testing::meet(earlier.reads, later.writes));
          // Op 2 writes elements of other lanes, so only op 1 may hand over.
          if (testing::meet(earlier.writes, later.reads)) {
            ASSERT_EQ(work.items[members[k]].op, 1u);
          }
        }
      }
    }
  });
}

TEST(PlanLineage, TheWorkedExampleOfThePage) {
  Work work;
  work.rules = 4;
  work.ops.resize(4);
  const BindingFacts own{0, false, true, true};
  for (std::uint32_t op = 0; op < 4; ++op) {
    work.ops[op] = {1'024 + op, "", true, {op}, {own}, {own}, op < 2, {32, 1, 1}, 4, {}};
  }
  work.ops[2].inputs = {own, own};
  enum : std::uint32_t { kA, kB, kT, kU, kV, kW, kS };
  work.buffers.resize(7);
  for (BufferFacts& buffer : work.buffers) buffer.bytes = 1u << 20;
  work.add(0, {kA}, {kT}).grid = {4, 1, 1};
  work.add(1, {kT}, {kU}).grid = {4, 1, 1};
  work.add(0, {kB}, {kV}).grid = {4, 1, 1};
  work.add(2, {kU, kV}, {kW});
  work.add(3, {kA}, {kS});
  work.add(3, {kA}, {kS});
  Measured measured;  // a slot is cheap against the bytes, so that only bytes are worth a region
  measured.item_ns = 1;
  measured.bytes_per_ns = 1;
  const Plan plan = plan_of(work, {}, measured);
  ASSERT_EQ(plan.regions.regions.size(), 4u);
  ASSERT_EQ(plan.removed.size(), 1u);
  EXPECT_EQ(plan.lineage.items, 5u);
  std::vector<std::uint32_t> of_items;
  for (std::size_t i = 0; i < 6; ++i)
    of_items.push_back(plan.lineage.sets.folded(plan.place(i).region));
  EXPECT_EQ(of_items, (std::vector<std::uint32_t>{0b0011, 0b0011, 0b0001, 0b0111, 0b1000, 0b1000}));
}

TEST(PlanLineage, APlanCutInTwoGivesTheSetsOfTheWhole) {
  const std::uint64_t first = testing::first_seed(1);
  for (std::uint64_t seed = first; seed < first + 200; ++seed) {
    SCOPED_TRACE("VYRE_PLANNER_SEED=" + std::to_string(seed));
    test::Choice choice(seed);
    Work work = random_work(choice, 40);
    for (std::uint32_t b = 0; b < work.buffers.size(); ++b)
      if (choice.one_in(4)) work.carried.push_back({b, choice.below(5)});
    const PlanOptions alone{false, false, true};
    const Plan whole = plan_of(work, alone);
    const std::size_t cut = work.items.size() / 2;
    Work part = work;
    part.items.resize(cut);
    const Plan before = plan_of(part, alone);
    part.items.assign(work.items.begin() + static_cast<std::ptrdiff_t>(cut), work.items.end());
    for (const auto& [buffer, region] : before.lineage.carries) {
      std::erase_if(part.carried, [&](const CarriedRule& one) { return one.buffer == buffer; });
      for (const std::uint32_t rule : before.lineage.sets.slots(region))
        part.carried.push_back({buffer, rule});
    }
    const Plan after = plan_of(part, alone);
    for (std::size_t i = 0; i < work.items.size(); ++i) {
      const auto want = whole.lineage.sets.slots(whole.place(i).region);
      const auto got = i < cut ? before.lineage.sets.slots(before.place(i).region)
                               : after.lineage.sets.slots(after.place(i - cut).region);
      ASSERT_EQ(got, want) << i;
    }
  }
}

TEST(PlanLineage, IsEmptyWhereItIsOff) {
  const Plan plan = plan_of(handing_over(), {true, true, false});
  EXPECT_EQ(plan.lineage.sets.regions(), 0u);
  EXPECT_EQ(plan.lineage.items, 0u);
}

TEST(Describe, SaysWhatIsRemovedFusedAndRefusedAsTextAndJson) {
  Work work = handing_over();
  work.add(1, {1}, {2});                   // removed for item 1
  work.add(4, {2}, {3}).grid = {4, 1, 1};  // not flat
  Measured measured;
  measured.item_ns = 1'000;
  measured.bytes_per_ns = 10;
  const Plan plan = plan_of(work, {}, measured);
  const std::string text = describe(work, plan, measured);
  EXPECT_NE(text.find("plan of 4 items: 1 removed, 3 published"), std::string::npos) << text;
  EXPECT_NE(text.find("region 0 (lanes, level 0): 0 op1, 1 op1"), std::string::npos) << text;
  EXPECT_NE(text.find("removed: 2 op1; item 1 stands for it"), std::string::npos) << text;
  EXPECT_NE(text.find("not fused: 3 op4 with 1 op1: "), std::string::npos) << text;
  EXPECT_NE(text.find("step not measured"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(describe_json(work, plan, measured));
  EXPECT_EQ(json["items"], 4);
  EXPECT_EQ(json["forms"]["lanes"], 1);
  EXPECT_EQ(json["removed"][0]["stands_for_it"], 1);
  EXPECT_EQ(json["regions"][0]["items"], (std::vector<int>{0, 1}));
  EXPECT_EQ(json["regions"][0]["lineage"], (std::vector<int>{1}));
  EXPECT_TRUE(json["measured"]["step_ns"].is_null());
  EXPECT_EQ(json["not_fused"][0]["item"], 3);
}

TEST(Plan, ABatchThatLeadsNowhereIsRefusedWhole) {
  Work work = handing_over();
  work.uses[0].buffer = 8;
  EXPECT_EQ(make_plan(work, {}, {}).error().code, Errc::invalid_argument);
  EXPECT_EQ(plan_of(Work{}).regions.regions.size(), 0u);
}

}  // namespace
}  // namespace vyre::planner
