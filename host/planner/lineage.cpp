// See lineage.hpp. Strongly connected components by Tarjan's algorithm, with a stack of its own.
#include "planner/lineage.hpp"

#include <algorithm>
#include <limits>

#include "base/message.hpp"

namespace vyre::planner {
namespace {

constexpr std::uint32_t kUnseen{0};

void unite(std::span<std::uint64_t> into, std::span<const std::uint64_t> other) noexcept {
  for (std::size_t w = 0; w < into.size(); ++w) into[w] |= other[w];
}

Status check(const RuleSets& own, std::span<const LineageEdge> edges,
             std::span<const std::uint32_t> edge_rules) {
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const LineageEdge& edge = edges[i];
    if (edge.region >= own.regions() || edge.from >= own.regions()) {
      return fail(Errc::invalid_argument,
                  message("edge {} of the lineage goes from region {} to {}, of {} regions", i,
                          edge.region, edge.from, own.regions()));
    }
    if (edge.first_rule > edge_rules.size() || edge.rules > edge_rules.size() - edge.first_rule) {
      return fail(Errc::invalid_argument,
                  message("edge {} of the lineage has {} rules from {} on, of {}", i, edge.rules,
                          edge.first_rule, edge_rules.size()));
    }
  }
  for (const std::uint32_t rule : edge_rules) {
    if (rule < own.rules()) continue;
    return fail(Errc::invalid_argument,
                message("an edge of the lineage names rule {} of {}", rule, own.rules()));
  }
  return {};
}

/// What each region derives from, region by region.
struct Adjacency {
  std::vector<std::uint64_t> first;  // by region; one more at the end
  std::vector<std::uint32_t> from;

  Adjacency(std::size_t regions, std::span<const LineageEdge> edges)
      : first(regions + 1, 0), from(edges.size()) {
    for (const LineageEdge& edge : edges) ++first[edge.region + 1];
    for (std::size_t r = 0; r < regions; ++r) first[r + 1] += first[r];
    std::vector<std::uint64_t> next(first.begin(), first.end() - 1);
    for (const LineageEdge& edge : edges) from[next[edge.region]++] = edge.from;
  }
};

/// Closes sets over a graph whose edges all lead to regions with smaller numbers.
void close_in_order(const Adjacency& graph, RuleSets& sets) {
  for (std::size_t r = 0; r < sets.regions(); ++r) {
    for (std::uint64_t e = graph.first[r]; e < graph.first[r + 1]; ++e)
      unite(sets.of(r), sets.of(graph.from[e]));
  }
}

/// Any graph: a component is complete before anything that derives from it, so one union a
/// component and edge is enough.
class Components {
 public:
  Components(const Adjacency& graph, RuleSets& sets)
      : graph_(graph), sets_(sets), order_(sets.regions(), kUnseen), low_(sets.regions(), 0) {}

  void close() {
    for (std::uint32_t r = 0; r < sets_.regions(); ++r) {
      if (order_[r] == kUnseen) from(r);
    }
  }

 private:
  static constexpr std::uint32_t kComplete{std::numeric_limits<std::uint32_t>::max()};
  struct Visit {
    std::uint32_t region;
    std::uint64_t edge;  // the next one to look at
  };

  void enter(std::uint32_t region) {
    order_[region] = low_[region] = ++seen_;
    open_.push_back(region);
    path_.push_back({region, graph_.first[region]});
  }

  void from(std::uint32_t root) {
    enter(root);
    while (!path_.empty()) {
      Visit& visit = path_.back();
      if (visit.edge < graph_.first[visit.region + 1]) {
        const std::uint32_t next = graph_.from[visit.edge++];
        if (order_[next] == kUnseen) {
          enter(next);
        } else {  // a complete one is later than all others, and lowers nothing
          low_[visit.region] = std::min(low_[visit.region], order_[next]);
        }
        continue;
      }
      const std::uint32_t region = visit.region;
      path_.pop_back();
      if (low_[region] == order_[region]) complete(region);
      if (!path_.empty())
        low_[path_.back().region] = std::min(low_[path_.back().region], low_[region]);
    }
  }

  /// `root` and all above it on the stack are one component.
  void complete(std::uint32_t root) {
    std::size_t begin = open_.size();
    do --begin;
    while (open_[begin] != root);
    const auto members = std::span(open_).subspan(begin);
    for (const std::uint32_t member : members) {
      unite(sets_.of(root), sets_.of(member));
      for (std::uint64_t e = graph_.first[member]; e < graph_.first[member + 1]; ++e) {
        // Edges inside the component meet sets that are not whole yet; their regions are members.
        unite(sets_.of(root), sets_.of(graph_.from[e]));
      }
    }
    for (const std::uint32_t member : members) {
      if (member != root) std::ranges::copy(sets_.of(root), sets_.of(member).begin());
      order_[member] = low_[member] = kComplete;
    }
    open_.resize(begin);
  }

  const Adjacency& graph_;
  RuleSets& sets_;
  std::vector<std::uint32_t> order_;  // of the first visit, from 1
  std::vector<std::uint32_t> low_;
  std::vector<std::uint32_t> open_;  // visited, component not complete
  std::vector<Visit> path_;
  std::uint32_t seen_{0};
};

}  // namespace

Result<std::uint32_t> RuleBook::slot(std::string_view name) {
  if (name.empty())
    return fail(Errc::invalid_argument, "a lineage rule has an empty name; give it one");
  if (const auto known = slots_.find(std::string(name)); known != slots_.end())
    return known->second;
  const auto slot = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  try {
    slots_.emplace(name, slot);
  } catch (...) {  // no memory: both have the name, or none
    names_.pop_back();
    throw;
  }
  return slot;
}

Result<RuleSets> lineage(RuleSets own, std::span<const LineageEdge> edges,
                         std::span<const std::uint32_t> edge_rules) {
  VYRE_TRY(check(own, edges, edge_rules));
  bool in_order = true;
  for (const LineageEdge& edge : edges) {
    in_order = in_order && edge.from < edge.region;
    for (const std::uint32_t rule : edge_rules.subspan(edge.first_rule, edge.rules))
      own.add(edge.region, rule);
  }
  const Adjacency graph(own.regions(), edges);
  if (in_order) {
    close_in_order(graph, own);
  } else {
    Components(graph, own).close();
  }
  return own;
}

std::vector<std::uint32_t> folded(const RuleSets& sets, std::size_t most) {
  std::vector<std::uint32_t> list(std::min(sets.regions(), most));
  for (std::size_t r = 0; r < list.size(); ++r) list[r] = sets.folded(r);
  return list;
}

}  // namespace vyre::planner
