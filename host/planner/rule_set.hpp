// A set of lineage rules that grows as rules are added. Host only, no I/O. Spec:
// docs/internals/planner.md, "Lineage".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vyre::planner {

/// 32 bits for the report of a set whose words are `words`. With at most 32 `rules` bit = slot;
/// with more, slots 0 to 30 keep their bits and bit 31 says that at least one of the others is in
/// the set.
[[nodiscard]] std::uint32_t fold_rules(std::span<const std::uint64_t> words,
                                       std::uint64_t rules) noexcept;
/// The slots in `words`, in ascending order.
[[nodiscard]] std::vector<std::uint32_t> slots_of(std::span<const std::uint64_t> words);

class RuleSet {
 public:
  void add(std::uint32_t slot);
  void unite(const RuleSet& other);
  [[nodiscard]] bool empty() const noexcept { return words_.empty(); }
  [[nodiscard]] std::span<const std::uint64_t> words() const noexcept { return words_; }
  [[nodiscard]] std::vector<std::uint32_t> slots() const { return slots_of(words_); }

 private:
  std::vector<std::uint64_t> words_;  // the last one is not 0
};

}  // namespace vyre::planner
