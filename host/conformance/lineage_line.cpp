// See lineage_line.hpp.
#include "lineage_line.hpp"

#include "base/message.hpp"
#include "json_fields.hpp"

namespace vyre::conformance {
namespace {

/// A region with an empty set takes a word; lines say how many regions and rules they have.
constexpr std::uint32_t kMostRegions{1u << 24};
constexpr std::uint32_t kMostRules{1u << 16};

Result<std::uint32_t> count(const Json& object, const char* key, std::uint32_t most) {
  VYRE_ASSIGN(const std::uint32_t value, number<std::uint32_t>(object, key));
  if (value > most) return bad(message("key \"{}\" is {}, at most {} are read", key, value, most));
  return value;
}

Result<std::vector<std::uint32_t>> slots(const Json& value, const char* what, std::size_t rules) {
  if (!value.is_array()) return bad(message("{} is no list", what));
  std::vector<std::uint32_t> list;
  for (const Json& one : value) {
    VYRE_ASSIGN(const auto slot, whole_number<std::uint32_t>(one, message("a rule of {}", what)));
    if (slot >= rules) return bad(message("{} names rule {} of {}", what, slot, rules));
    list.push_back(slot);
  }
  return list;
}

Result<const Json*> list_of(const Json& object, const char* key, std::size_t length) {
  VYRE_ASSIGN(const Json* value, list(object, key));
  if (value->size() != length)
    return bad(message("key \"{}\" has {} entries for {} regions", key, value->size(), length));
  return value;
}

Status read_edges(const Json& edges, LineageCase& c) {
  for (const Json& edge : edges) {
    if (!edge.is_array() || edge.size() != 3)
      return bad("an entry of \"edges\" is no [region, from, rules]");
    VYRE_ASSIGN(const auto region, whole_number<std::uint32_t>(edge[0], "a region of \"edges\""));
    VYRE_ASSIGN(const auto from, whole_number<std::uint32_t>(edge[1], "a region of \"edges\""));
    if (region >= c.own.regions() || from >= c.own.regions())
      return bad(message("\"edges\" has [{}, {}] of {} regions", region, from, c.own.regions()));
    VYRE_ASSIGN(const auto rules, slots(edge[2], "\"edges\"", c.own.rules()));
    c.edges.push_back({region, from, static_cast<std::uint32_t>(c.edge_rules.size()),
                       static_cast<std::uint32_t>(rules.size())});
    c.edge_rules.insert(c.edge_rules.end(), rules.begin(), rules.end());
  }
  return {};
}

std::string shown(const std::vector<std::uint32_t>& slots) {
  std::string text = "[";
  for (const std::uint32_t slot : slots) text += message("{}{}", text.size() > 1 ? "," : "", slot);
  return text + "]";
}

}  // namespace

Result<LineageCase> lineage_case(const Json& object) {
  LineageCase c;
  VYRE_ASSIGN(c.name, text(object, "kind"));
  VYRE_ASSIGN(const auto regions, count(object, "regions", kMostRegions));
  VYRE_ASSIGN(const auto rules, count(object, "rules", kMostRules));
  VYRE_ASSIGN(const Json* own, list_of(object, "own", regions));
  c.own = planner::RuleSets(regions, rules);
  for (std::size_t r = 0; r < regions; ++r) {
    VYRE_ASSIGN(const auto of_region, slots((*own)[r], "\"own\"", rules));
    for (const std::uint32_t rule : of_region) c.own.add(r, rule);
  }
  VYRE_ASSIGN(const Json* edges, list(object, "edges"));
  VYRE_TRY(read_edges(*edges, c));
  VYRE_ASSIGN(const Json* lineage, list_of(object, "lineage", regions));
  for (const Json& one : *lineage) {
    VYRE_ASSIGN(const auto set, whole_number<std::uint32_t>(one, "an entry of \"lineage\""));
    c.folded.push_back(set);
  }
  if (find(object, "sets") == nullptr) return c;
  VYRE_ASSIGN(const Json* sets, list_of(object, "sets", regions));
  c.sets.emplace();
  for (const Json& one : *sets) {
    VYRE_ASSIGN(auto of_region, slots(one, "\"sets\"", rules));
    c.sets->push_back(std::move(of_region));
  }
  return c;
}

std::optional<std::string> judge(const LineageCase& c) {
  const auto sets = planner::lineage(c.own, c.edges, c.edge_rules);
  if (!sets) return message("no lineage: {}", to_string(sets.error()));
  const auto folded = planner::folded(*sets, c.folded.size());
  for (std::size_t r = 0; r < c.folded.size(); ++r) {
    if (c.sets && sets->slots(r) != (*c.sets)[r]) {
      return message("region {}: expected rules {}, got {}", r, shown((*c.sets)[r]),
                     shown(sets->slots(r)));
    }
    if (folded[r] != c.folded[r])
      return message("region {}: expected lineage {}, got {}", r, c.folded[r], folded[r]);
  }
  return std::nullopt;
}

}  // namespace vyre::conformance
