// Lineage is the least fixed point, whatever the graph looks like.
#include "planner/lineage.hpp"

#include <gtest/gtest.h>

#include "unit/planner/random_work.hpp"

namespace vyre::planner {
namespace {

TEST(Lineage, IsTheClosureOfSmallGraphsWithAndWithoutCycles) {
  const std::uint64_t first = testing::first_seed(1);
  for (std::uint64_t seed = first; seed < first + 400; ++seed) {
    test::Choice choice(seed);
    const std::uint32_t regions = 1 + choice.below(14);
    const std::uint32_t rules = choice.of({1u, 31u, 32u, 33u, 64u, 65u, 200u});
    const bool cyclic = choice.one_in(2);
    RuleSets own(regions, rules);
    for (std::uint32_t r = 0; r < regions; ++r)
      if (!choice.one_in(3)) own.add(r, choice.below(rules));
    std::vector<LineageEdge> edges;
    std::vector<std::uint32_t> edge_rules;
    for (std::uint32_t e = choice.below(3 * regions); e > 0; --e) {
      std::uint32_t to = choice.below(regions);
      std::uint32_t from = choice.below(regions);
      if (!cyclic && to == from) continue;
      if (!cyclic && to < from) std::swap(to, from);
      const std::uint32_t count = choice.one_in(4) ? 1 : 0;
      edges.push_back({to, from, static_cast<std::uint32_t>(edge_rules.size()), count});
      if (count != 0) edge_rules.push_back(choice.below(rules));
    }
    // Until nothing changes.
    RuleSets want = own;
    for (bool changed = true; changed;) {
      changed = false;
      for (const LineageEdge& edge : edges) {
        const auto add = [&](std::uint32_t rule) {
          changed = changed || !want.has(edge.region, rule);
          want.add(edge.region, rule);
        };
        for (std::uint32_t i = 0; i < edge.rules; ++i) add(edge_rules[edge.first_rule + i]);
        for (const std::uint32_t rule : want.slots(edge.from)) add(rule);
      }
    }
    const auto got = lineage(own, edges, edge_rules);
    ASSERT_TRUE(got) << to_string(got.error());
    for (std::uint32_t r = 0; r < regions; ++r) {
      ASSERT_EQ(got->slots(r), want.slots(r)) << "VYRE_PLANNER_SEED=" << seed << " region " << r;
      std::uint32_t bits = 0;
      for (const std::uint32_t rule : want.slots(r))
        bits |= 1u << (rules > 32 ? std::min(rule, 31u) : rule);
      ASSERT_EQ(got->folded(r), bits) << "VYRE_PLANNER_SEED=" << seed << " region " << r;
    }
  }
}

TEST(Lineage, ALongChainAndALongCycleNeedNoDeepStack) {
  constexpr std::uint32_t kRegions{200'000};
  for (const bool cycle : {false, true}) {
    RuleSets own(kRegions, 40);
    own.add(0, 39);
    std::vector<LineageEdge> edges;
    for (std::uint32_t r = 1; r < kRegions; ++r) edges.push_back({r, r - 1});
    if (cycle) {
      own.add(kRegions - 1, 3);
      edges.push_back({0, kRegions - 1});
    }
    const auto sets = lineage(std::move(own), edges, {});
    ASSERT_TRUE(sets);
    const std::vector<std::uint32_t> both{3, 39};
    EXPECT_EQ(sets->slots(kRegions - 1), cycle ? both : std::vector<std::uint32_t>{39});
    EXPECT_EQ(sets->slots(0), cycle ? both : std::vector<std::uint32_t>{39});
  }
}

TEST(Lineage, EdgesAndRulesThatDoNotExistAreErrors) {
  const LineageEdge outside[] = {{0, 2}};
  EXPECT_NE(lineage(RuleSets(2, 1), outside, {}).error().message.find("of 2 regions"),
            std::string::npos);
  const LineageEdge with_rule[] = {{0, 1, 0, 1}};
  EXPECT_EQ(lineage(RuleSets(2, 1), with_rule, {}).error().code, Errc::invalid_argument);
  const std::uint32_t unknown[] = {1};
  EXPECT_NE(lineage(RuleSets(2, 1), with_rule, unknown).error().message.find("rule 1 of 1"),
            std::string::npos);
}

TEST(Lineage, OnlyTheFirstRegionsAreListedInAReport) {
  RuleSets sets(3, 2);
  sets.add(1, 1);
  EXPECT_EQ(folded(sets, 2), (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(folded(sets).size(), 3u);
}

TEST(RuleBook, NumbersNamesInTheOrderOfTheirFirstRegistration) {
  RuleBook book;
  EXPECT_EQ(book.slot("parse").value(), 0u);
  EXPECT_EQ(book.slot("mask").value(), 1u);
  EXPECT_EQ(book.slot("parse").value(), 0u);
  EXPECT_EQ(book.names(), (std::vector<std::string>{"parse", "mask"}));
  EXPECT_EQ(book.slot("").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace vyre::planner
