// Dedupe: what is removed leaves every byte as it was, and each rule keeps what it says.
#include "planner/dedupe.hpp"

#include <gtest/gtest.h>

#include <map>

#include "unit/planner/random_work.hpp"

namespace vyre::planner {
namespace {
using testing::Memory;
using testing::random_work;

Work one_op_work() {
  Work work;
  work.ops = testing::five_ops();
  work.rules = work.ops.size();
  work.buffers.resize(4);
  for (std::uint32_t b = 0; b < 4; ++b) work.buffers[b].handle = 10 + b;
  return work;
}

/// The items of a batch that stand for others, or kNone for one that runs.
constexpr int kRuns{-1};
std::vector<int> standings(const Work& work, const DedupeTable* earlier = nullptr) {
  Deduper deduper(work, earlier);
  std::vector<int> all;
  for (std::size_t i = 0; i < work.items.size(); ++i) {
    const auto standing = deduper.next();
    all.push_back(standing ? static_cast<int>(standing->item) : kRuns);
  }
  return all;
}

TEST(Dedupe, EqualWorkIsRemovedAndOtherWorkIsNot) {
  Work work = one_op_work();
  work.add(1, {0}, {1});
  work.add(1, {0}, {1});
  work.add(1, {0}, {1}, 7);  // another param
  work.add(1, {0}, {2});     // another output
  work.add(2, {0, 2}, {3});
  work.add(2, {2, 0}, {3});  // another order
  EXPECT_EQ(standings(work), (std::vector<int>{kRuns, 0, kRuns, kRuns, kRuns, kRuns}));
}

TEST(Dedupe, AWriterInBetweenKeepsTheItemAndAReaderDoesNot) {
  Work work = one_op_work();
  work.add(1, {0}, {1});
  work.add(1, {1}, {2});  // reads what the first wrote
  work.add(1, {0}, {1});  // removed: nothing wrote
  work.add(1, {3}, {0});  // writes its input
  work.add(1, {0}, {1});
  work.add(4, {3}, {1});  // writes its output
  work.add(1, {0}, {1});
  EXPECT_EQ(standings(work), (std::vector<int>{kRuns, kRuns, 0, kRuns, kRuns, kRuns, kRuns}));
}

TEST(Dedupe, AWriteOfTheCallerKeepsTheItem) {
  Work work = one_op_work();
  for (int i = 0; i < 3; ++i) work.add(1, {0}, {1});
  Deduper deduper(work, nullptr);
  EXPECT_FALSE(deduper.next());
  EXPECT_EQ(deduper.next(), (Standing{false, 0}));
  deduper.host_write(0);
  EXPECT_FALSE(deduper.next());
}

TEST(Dedupe, AFlaggedItemAndTheItemBeforeOneThatWaitsForItAreKept) {
  Work work = one_op_work();
  work.add(1, {0}, {1});
  work.add(1, {0}, {1}, 0, kQueueFlagAfterAll);
  work.add(1, {0}, {1});
  work.add(1, {2}, {3}, 0, kQueueFlagAfterPrevious);
  work.add(1, {0}, {1});
  EXPECT_EQ(standings(work), (std::vector<int>{kRuns, kRuns, kRuns, kRuns, 2}));
}

TEST(Dedupe, WhatMayNotRunTwiceIsKept) {
  Work work = one_op_work();
  for (int i = 0; i < 2; ++i) work.add(0, {}, {});    // nop
  for (int i = 0; i < 2; ++i) work.add(3, {0}, {});   // updates its input
  for (int i = 0; i < 2; ++i) work.add(4, {1}, {2});  // not repeatable
  for (int i = 0; i < 2; ++i) work.add(1, {3}, {3});  // overwrites what it reads
  EXPECT_EQ(standings(work), std::vector<int>(8, kRuns));
}

TEST(Dedupe, FilesAndViewsChangeUnderTheItemAndKeepIt) {
  Work work = one_op_work();
  work.buffers[0].plain = false;
  for (int i = 0; i < 2; ++i) work.add(1, {0}, {1});
  EXPECT_EQ(standings(work), std::vector<int>(2, kRuns));
}

TEST(Dedupe, AnEarlierPlanStandsForAnItemUntilABufferChanges) {
  Work work = one_op_work();
  work.add(1, {0}, {1});
  const BufferVersion after[] = {{10, 0}, {11, 5}};
  DedupeTable earlier;
  earlier.remember({work.ops[1].id, 0, 1, after}, 777);
  work.buffers[1].version = 5;
  Deduper same(work, &earlier);
  EXPECT_EQ(same.next(), (Standing{true, 777}));
  work.buffers[1].version = 6;
  Deduper changed(work, &earlier);
  EXPECT_FALSE(changed.next());
}

TEST(Dedupe, NoPairSpansAWriterForWhichAnEarlierPlanStandsForItMayRunAfterAll) {
  Work work = one_op_work();
  work.add(1, {1}, {0});  // 0: reads what the next one writes
  work.add(1, {2}, {1});  // 1: an earlier plan stands for it
  work.add(1, {1}, {0});  // 2: as 0, if 1 does not run
  work.add(1, {2}, {1});  // 3: as 1
  const BufferVersion after[] = {{12, 0}, {11, 0}};
  DedupeTable earlier;
  earlier.remember({work.ops[1].id, 0, 1, after}, 777);
  Deduper deduper(work, &earlier);
  EXPECT_FALSE(deduper.next());
  EXPECT_EQ(deduper.next(), (Standing{true, 777}));
  EXPECT_FALSE(deduper.next());
  EXPECT_EQ(deduper.next(), (Standing{true, 777}));
}

TEST(Dedupe, AnItemWithoutOutputsIsNoDuplicate) {
  Work work = one_op_work();
  work.add(1, {0}, {});
  work.add(1, {0}, {});
  Deduper deduper(work, nullptr);
  EXPECT_FALSE(deduper.next());
  EXPECT_FALSE(deduper.next());
}

TEST(DedupeTable, AKeyThatIsTooOldIsNotFoundThoughItIsStillThere) {
  const BufferVersion versions[] = {{10, 0}};
  const auto key = [&](std::uint32_t param) { return WorkKey{1, param, 0, versions}; };
  DedupeTable table(2);
  for (std::uint32_t param = 0; param < 3; ++param) table.remember(key(param), param);
  EXPECT_FALSE(table.find(key(0)));
  EXPECT_EQ(table.find(key(1)), 1u);
  EXPECT_EQ(table.find(key(2)), 2u);
}

TEST(DedupeTable, RemembersTheLastKeysAndNoOlderOnes) {
  for (const std::size_t buffers : {1u, 2u, 5u}) {
    SCOPED_TRACE(buffers);
    DedupeTable table(100);
    std::vector<BufferVersion> versions(buffers, BufferVersion{9, 3});
    const auto key = [&](std::uint32_t param) { return WorkKey{1, param, 0, versions}; };
    for (std::uint32_t i = 0; i < 5'000; ++i) {
      table.remember(key(i), i);
      if (i % 50 == 0) table.remember(key(7), 1'000'000 + i);  // stays young
    }
    EXPECT_EQ(table.find(key(4'999)), 4'999u);
    EXPECT_EQ(table.find(key(4'910)), 4'910u);
    EXPECT_FALSE(table.find(key(4'890)));
    EXPECT_EQ(table.find(key(7)), 1'004'950u);
    versions.back().version = 4;
    EXPECT_FALSE(table.find(key(4'999)));
    versions.back() = {8, 3};
    EXPECT_FALSE(table.find(key(4'999)));
    EXPECT_LE(table.size(), 500u);
  }
}

TEST(Dedupe, NoBufferDiffersAtAnyMomentFromTheRunOfAllItems) {
  const std::uint64_t first = testing::first_seed(1);
  int removed = 0;
  for (std::uint64_t seed = first; seed < first + 600; ++seed) {
    test::Choice choice(seed);
    const Work work = random_work(choice, 60);
    Memory all(work);
    Memory deduped(work);
    Deduper deduper(work, nullptr);
    for (std::size_t i = 0; i < work.items.size(); ++i) {
      all.run(i);
      const auto standing = deduper.next();
      if (standing) {
        ++removed;
        ASSERT_FALSE(standing->earlier);
        const Item& a = work.items[i];
        const Item& b = work.items[standing->item];
        ASSERT_TRUE(a.op == b.op && a.param == b.param && standing->item < i)
            << "VYRE_PLANNER_SEED=" << seed << " item " << i;
      } else {
        deduped.run(i);
      }
      ASSERT_TRUE(all == deduped) << "VYRE_PLANNER_SEED=" << seed << " item " << i;
    }
  }
  EXPECT_GT(removed, 300);
}

TEST(Work, IndicesThatLeadNowhereAreNamed) {
  Work work = one_op_work();
  work.add(1, {0}, {1});
  EXPECT_TRUE(check(work));
  work.uses[1].buffer = 4;
  EXPECT_NE(check(work).error().message.find("buffer 4 of 4"), std::string::npos);
  work.uses.pop_back();
  EXPECT_NE(check(work).error().message.find("2 of them, of 1"), std::string::npos);
  work.ops[2].rules = {5};
  EXPECT_NE(check(work).error().message.find("op 2 of the plan has lineage rule 5 of 5"),
            std::string::npos);
  work.ops[2].rules.clear();
  work.items[0].op = 5;
  EXPECT_NE(check(work).error().message.find("op 5 of 5"), std::string::npos);
}

}  // namespace
}  // namespace vyre::planner
