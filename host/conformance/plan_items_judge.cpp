// Judges a line of a plan-items file; see plan_items_line.hpp.
#include <algorithm>
#include <map>

#include "base/message.hpp"
#include "plan_items_line.hpp"
#include "planner/dedupe.hpp"

namespace vyre::conformance {
namespace {

using planner::Derivation;

std::optional<std::string> judge_removed(const PlanItemsCase& c) {
  std::map<std::uint32_t, std::uint32_t> expected(c.removed.begin(), c.removed.end());
  planner::Deduper deduper(c.work, nullptr);
  std::uint32_t item = 0;
  std::uint64_t published = 0;
  for (const PlanItemsCase::Event& event : c.events) {
    if (event.written) {
      deduper.host_write(*event.written);
      continue;
    }
    const auto standing = deduper.next();
    const auto want = expected.find(item);
    if (standing.has_value() != (want != expected.end())) {
      return message("item {} is {}, expected is the opposite", item,
                     standing ? "removed" : "published");
    }
    if (standing && standing->item != want->second) {
      return message("item {}: expected that item {} stands for it, got {}", item, want->second,
                     standing->item);
    }
    published += standing ? 0 : 1;
    ++item;
  }
  if (published != c.published)
    return message("expected {} published items, got {}", c.published, published);
  return std::nullopt;
}

/// Every edge is a conflict of these kinds, and every conflict is ordered by a path of edges.
std::optional<std::string> judge_conflicts(const PlanItemsCase& c) {
  const planner::ConflictGraph graph = planner::conflict_graph(c.work, {});
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint8_t> expected;
  for (const auto& pair : c.conflicts) expected[{pair.earlier, pair.later}] = pair.kinds;
  const std::size_t n = c.work.items.size();
  std::vector<std::vector<bool>> before(n, std::vector<bool>(n, false));
  for (std::uint32_t i = 0; i < n; ++i) {
    for (const planner::Conflict& edge : graph.before(i)) {
      const auto found = expected.find({edge.earlier, i});
      if (found == expected.end() || (edge.kinds & ~found->second) != 0) {
        return message("items {} and {} have an edge of kinds {} that is no conflict", edge.earlier,
                       i, edge.kinds);
      }
      before[i][edge.earlier] = true;
      for (std::uint32_t k = 0; k < edge.earlier; ++k) {
        if (before[edge.earlier][k]) before[i][k] = true;
      }
    }
  }
  for (const auto& pair : c.conflicts) {
    if (!before[pair.later][pair.earlier])
      return message("items {} and {} conflict and are not ordered", pair.earlier, pair.later);
  }
  return std::nullopt;
}

std::optional<std::string> judge_derives(const PlanItemsCase& c) {
  planner::Deriver deriver(c.work);
  std::vector<Derivation> got;
  std::uint32_t item = 0;
  for (const PlanItemsCase::Event& event : c.events) {
    if (event.written) {
      deriver.host_write(*event.written);
    } else {
      deriver.next(item++, got, [](std::uint32_t) {});
    }
  }
  std::vector<Derivation> want = c.derives;
  const auto by_item = [](const Derivation& a, const Derivation& b) {
    return std::pair(a.item, a.from) < std::pair(b.item, b.from);
  };
  std::sort(got.begin(), got.end(), by_item);
  std::sort(want.begin(), want.end(), by_item);
  const auto [g, w] = std::mismatch(got.begin(), got.end(), want.begin(), want.end());
  if (g == got.end() && w == want.end()) return std::nullopt;
  const bool missing = g == got.end() || (w != want.end() && by_item(*w, *g));
  const Derivation& one = missing ? *w : *g;
  return message("item {} {} derive from {}, expected is the opposite", one.item,
                 missing ? "does not" : "does", one.from);
}

}  // namespace

std::optional<std::string> judge(const PlanItemsCase& c) {
  if (auto why = judge_removed(c)) return why;
  if (auto why = judge_conflicts(c)) return why;
  return judge_derives(c);
}

}  // namespace vyre::conformance
