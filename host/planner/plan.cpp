// See plan.hpp.
#include "planner/plan.hpp"

#include <algorithm>

namespace vyre::planner {
namespace {

/// Rules that bytes carry from before the plan, buffer by buffer.
class CarriedRules {
 public:
  explicit CarriedRules(const Work& work)
      : first_(work.buffers.size() + 1, 0), rules_(work.carried.size()) {
    for (const CarriedRule& one : work.carried) ++first_[one.buffer + 1];
    for (std::size_t b = 0; b + 1 < first_.size(); ++b) first_[b + 1] += first_[b];
    std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
    for (const CarriedRule& one : work.carried) rules_[next[one.buffer]++] = one.rule;
  }
  [[nodiscard]] std::span<const std::uint32_t> of(std::uint32_t buffer) const noexcept {
    return std::span(rules_).subspan(first_[buffer], first_[buffer + 1] - first_[buffer]);
  }

 private:
  std::vector<std::size_t> first_;  // in rules_, by buffer; one more at the end
  std::vector<std::uint32_t> rules_;
};

}  // namespace

Result<PlanLineage> lineage_of(const Work& work, const Plan& plan) {
  const Regions& regions = plan.regions;
  std::vector<bool> removed(work.items.size(), false);
  for (const Removed& one : plan.removed) removed[one.item] = true;
  PlanLineage result;
  RuleSets own(regions.regions.size(), work.rules);
  Deriver deriver(work);
  const CarriedRules carried(work);
  std::vector<Derivation> found;
  std::vector<LineageEdge> edges;
  for (std::uint32_t i = 0; i < work.items.size(); ++i) {
    if (removed[i]) continue;
    const std::uint32_t region = regions.places[i].region;
    ++result.items;
    for (const std::uint32_t rule : work.ops[work.items[i].op].rules) own.add(region, rule);
    deriver.next(i, found, [&](std::uint32_t buffer) {
      for (const std::uint32_t rule : carried.of(buffer)) own.add(region, rule);
    });
    for (const Derivation& one : found) {
      const std::uint32_t from = regions.places[one.from].region;
      if (from != region) edges.push_back({region, from});
    }
    found.clear();
  }
  result.edges = edges.size();
  VYRE_ASSIGN(result.sets, lineage(std::move(own), edges, {}));
  for (std::uint32_t b = 0; b < work.buffers.size(); ++b) {
    const std::uint32_t writer = deriver.writer(b);
    if (writer != kNoItem) result.carries.emplace_back(b, regions.places[writer].region);
  }
  return result;
}

Result<Plan> make_plan(const Work& work, const PlanOptions& options, const Measured& measured,
                       const DedupeTable* earlier) {
  VYRE_TRY(check(work));
  Plan plan;
  plan.options = options;
  std::vector<Runs> runs;
  if (options.dedupe) {
    runs.assign(work.items.size(), Runs::yes);
    plan.repeatable.assign(work.items.size(), false);
    Deduper deduper(work, earlier);
    for (std::uint32_t i = 0; i < work.items.size(); ++i) {
      const auto standing = deduper.next();
      plan.repeatable[i] = deduper.last_was_repeatable();
      if (!standing) continue;
      runs[i] = standing->earlier ? Runs::perhaps : Runs::no;
      plan.removed.push_back({i, *standing});
    }
  }
  const ConflictGraph graph = conflict_graph(work, runs);
  plan.conflicts = graph.edges.size();
  plan.regions = make_regions(
      work, graph, runs, measured,
      {.fuse = options.fuse, .lanes = options.lanes, .lanes_first = options.lanes_first});
  plan.elided = elided_stores(work, plan.regions);
  for (const Removed& one : plan.removed) {
    if (!one.standing.earlier)
      plan.regions.places[one.item] = plan.regions.places[one.standing.item];
  }
  if (options.lineage) {
    VYRE_ASSIGN(plan.lineage, lineage_of(work, plan));
  }
  return plan;
}

void weaken(Plan& plan, std::uint32_t region, Refusal why, const Measured& measured) {
  Region& weaker = plan.regions.regions[region];
  weaker.form = Form::chain;
  weaker.no_lanes = why;
  weaker.sums.bytes_not_moved = 0;
  weaker.cost = cost_of(measured, weaker.sums, false);
  ++plan.regions.refused[static_cast<std::size_t>(why)];
  std::erase_if(plan.elided, [region](const Elided& one) { return one.region == region; });
}

}  // namespace vyre::planner
