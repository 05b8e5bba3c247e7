// Lines of lineage files: a graph of derivations and the rules of every region. Host only, private
// to this room, pure. Format: docs/internals/conformance.md.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "planner/lineage.hpp"

namespace vyre::conformance {

struct LineageCase {
  std::string name;
  planner::RuleSets own;
  std::vector<planner::LineageEdge> edges;
  std::vector<std::uint32_t> edge_rules;
  std::vector<std::uint32_t> folded;                            // expected, by region
  std::optional<std::vector<std::vector<std::uint32_t>>> sets;  // expected slots, by region
};

[[nodiscard]] Result<LineageCase> lineage_case(const nlohmann::json& object);
/// Why the case does not pass.
[[nodiscard]] std::optional<std::string> judge(const LineageCase& c);

}  // namespace vyre::conformance
