// The conflict graph orders exactly what conflicts, and derivations name the last writer.
#include "planner/graph.hpp"

#include <gtest/gtest.h>

#include "unit/planner/random_work.hpp"

namespace vyre::planner {
namespace {
using testing::conflict;
using testing::random_work;
using testing::touched;

TEST(ConflictGraph, KindsSayWhatTheLaterItemDoes) {
  Work work;
  work.ops = testing::five_ops();
  work.buffers.resize(3);
  work.add(1, {0}, {1});
  work.add(1, {1}, {0});  // reads what the first wrote, writes what it reads
  work.add(1, {2}, {0});
  const ConflictGraph graph = conflict_graph(work, {});
  ASSERT_EQ(graph.before(1).size(), 1u);
  EXPECT_EQ(graph.before(1)[0].kinds, kRaw | kWar);
  ASSERT_EQ(graph.before(2).size(), 1u);
  EXPECT_EQ(graph.before(2)[0].earlier, 1u);
  EXPECT_EQ(graph.before(2)[0].kinds, kWaw);
}

TEST(ConflictGraph, ItsPathsOrderEveryConflictAndNothingElseHasAnEdge) {
  const std::uint64_t first = testing::first_seed(1);
  for (std::uint64_t seed = first; seed < first + 300; ++seed) {
    test::Choice choice(seed);
    const Work work = random_work(choice, 40);
    const std::size_t n = work.items.size();
    std::vector<Runs> runs(n, Runs::yes);
    for (auto& one : runs) one = choice.one_in(5) ? Runs::no : Runs::yes;
    const ConflictGraph graph = conflict_graph(work, runs);
    std::vector<std::vector<bool>> before(n, std::vector<bool>(n, false));
    for (std::size_t i = 0; i < n; ++i) {
      for (const Conflict& edge : graph.before(i)) {
        ASSERT_TRUE(runs[i] == Runs::yes && runs[edge.earlier] == Runs::yes && edge.earlier < i)
            << "VYRE_PLANNER_SEED=" << seed;
        ASSERT_TRUE(conflict(touched(work, edge.earlier), touched(work, i)))
            << "VYRE_PLANNER_SEED=" << seed << " items " << edge.earlier << " " << i;
        before[i][edge.earlier] = true;
        for (std::size_t k = 0; k < edge.earlier; ++k)
          if (before[edge.earlier][k]) before[i][k] = true;
      }
      for (std::size_t k = 0; k < i; ++k) {
        if (runs[i] == Runs::no || runs[k] == Runs::no ||
            !conflict(touched(work, k), touched(work, i)))
          continue;
        ASSERT_TRUE(before[i][k]) << "VYRE_PLANNER_SEED=" << seed << " items " << k << " " << i;
      }
    }
  }
}

TEST(Deriver, NamesTheLastWriterOfWhatIsReadOrKept) {
  const std::uint64_t first = testing::first_seed(1);
  for (std::uint64_t seed = first; seed < first + 300; ++seed) {
    test::Choice choice(seed);
    const Work work = random_work(choice, 40);
    Deriver deriver(work);
    std::vector<Derivation> got;
    std::set<std::pair<std::size_t, std::uint32_t>> want_before;
    std::set<std::pair<std::size_t, std::uint32_t>> got_before;
    std::set<std::pair<std::uint32_t, std::uint32_t>> want;
    for (std::uint32_t i = 0; i < work.items.size(); ++i) {
      deriver.next(i, got, [&](std::uint32_t buffer) { got_before.insert({i, buffer}); });
      auto needs = touched(work, i);
      needs.reads.insert(needs.keeps.begin(), needs.keeps.end());
      for (const std::uint32_t buffer : needs.reads) {
        std::uint32_t writer = kNoItem;
        for (std::uint32_t k = 0; k < i; ++k)
          if (touched(work, k).writes.count(buffer) != 0) writer = k;
        if (writer == kNoItem) {
          want_before.insert({i, buffer});
        } else {
          want.insert({i, writer});
        }
      }
    }
    std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;
    for (const Derivation& one : got) pairs.insert({one.item, one.from});
    ASSERT_EQ(pairs, want) << "VYRE_PLANNER_SEED=" << seed;
    ASSERT_EQ(got.size(), want.size()) << "each once; VYRE_PLANNER_SEED=" << seed;
    ASSERT_EQ(got_before, want_before) << "VYRE_PLANNER_SEED=" << seed;
  }
}

}  // namespace
}  // namespace vyre::planner
