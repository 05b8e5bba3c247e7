// Lines of plan-items files: a batch of items, and which of them are removed, conflict and derive
// from each other. Host only, private to this room, pure. Format: docs/internals/conformance.md.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "planner/graph.hpp"
#include "planner/work.hpp"

namespace vyre::conformance {

struct PlanItemsCase {
  /// What happens, in order: the next item of the work, or a write of the caller.
  struct Event {
    std::optional<std::uint32_t> written;  // index of the buffer
  };

  std::string name;
  planner::Work work;
  std::vector<Event> events;
  // Expected:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> removed;  // item, the one that stands for it
  std::uint64_t published{0};
  struct Pair {
    std::uint32_t earlier;
    std::uint32_t later;
    std::uint8_t kinds;  // planner::ConflictKind
  };
  std::vector<Pair> conflicts;
  std::vector<planner::Derivation> derives;
};

[[nodiscard]] Result<PlanItemsCase> plan_items_case(const nlohmann::json& object);
/// Why the case does not pass.
[[nodiscard]] std::optional<std::string> judge(const PlanItemsCase& c);

}  // namespace vyre::conformance
