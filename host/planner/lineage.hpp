// Which rules contributed to which region: the least fixed point over a graph of derivations.
// Host only, no I/O; O(edges x words of a set), any graph, no bound on paths. Spec:
// docs/internals/planner.md, "Lineage".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "planner/rule_set.hpp"
#include "protocol/limits.hpp"

namespace vyre::planner {

/// Names of rules and their slots, numbered in order of first registration.
class RuleBook {
 public:
  /// The slot of a rule; a new name gets the next one. An empty name is an error.
  [[nodiscard]] Result<std::uint32_t> slot(std::string_view name);
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> slots_;
};

/// A set of rules a region.
class RuleSets {
 public:
  RuleSets() = default;
  RuleSets(std::size_t regions, std::size_t rules)
      : regions_(regions), rules_(rules), words_((rules + 63) / 64), bits_(regions * words_, 0) {}

  [[nodiscard]] std::size_t regions() const noexcept { return regions_; }
  [[nodiscard]] std::size_t rules() const noexcept { return rules_; }
  [[nodiscard]] std::size_t words() const noexcept { return words_; }
  [[nodiscard]] std::span<std::uint64_t> of(std::size_t region) noexcept {
    return std::span(bits_).subspan(region * words_, words_);
  }
  [[nodiscard]] std::span<const std::uint64_t> of(std::size_t region) const noexcept {
    return std::span(bits_).subspan(region * words_, words_);
  }
  void add(std::size_t region, std::size_t rule) noexcept {
    of(region)[rule / 64] |= std::uint64_t{1} << rule % 64;
  }
  [[nodiscard]] bool has(std::size_t region, std::size_t rule) const noexcept {
    return (of(region)[rule / 64] >> rule % 64 & 1) != 0;
  }
  /// Slots in ascending order.
  [[nodiscard]] std::vector<std::uint32_t> slots(std::size_t region) const {
    return slots_of(of(region));
  }
  /// 32 bits for the report.
  [[nodiscard]] std::uint32_t folded(std::size_t region) const noexcept {
    return fold_rules(of(region), rules_);
  }

 private:
  std::size_t regions_{0};
  std::size_t rules_{0};
  std::size_t words_{0};
  std::vector<std::uint64_t> bits_;
};

/// `region` derives from `from`. The edge has `rules` rules of its own, from `first_rule` on in a
/// list beside the edges.
struct LineageEdge {
  std::uint32_t region;
  std::uint32_t from;
  std::uint32_t first_rule{0};
  std::uint32_t rules{0};
};

/// The sets of all regions: their own rules, those of their edges, and those of what they derive
/// from. A region without rules of its own passes on what it gets. Cycles and self-edges are
/// allowed. An edge that names a region or rule that does not exist is an error.
[[nodiscard]] Result<RuleSets> lineage(RuleSets own, std::span<const LineageEdge> edges,
                                       std::span<const std::uint32_t> edge_rules);

/// What a report lists: the folded sets of the first `most` regions.
[[nodiscard]] std::vector<std::uint32_t> folded(const RuleSets& sets,
                                                std::size_t most = kMaxReportedRegions);

}  // namespace vyre::planner
