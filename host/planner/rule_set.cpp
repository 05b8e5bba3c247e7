// See rule_set.hpp.
#include "planner/rule_set.hpp"

#include <algorithm>
#include <bit>

namespace vyre::planner {
namespace {

constexpr std::uint32_t kFoldedBits{32};
constexpr std::uint32_t kWordBits{64};

}  // namespace

std::uint32_t fold_rules(std::span<const std::uint64_t> words, std::uint64_t rules) noexcept {
  if (words.empty()) return 0;
  const auto low = static_cast<std::uint32_t>(words[0]);
  if (rules <= kFoldedBits) return low;
  constexpr std::uint32_t kOthers{1u << (kFoldedBits - 1)};
  const bool others =
      words[0] >> (kFoldedBits - 1) != 0 ||
      std::any_of(words.begin() + 1, words.end(), [](auto word) { return word != 0; });
  return (low & ~kOthers) | (others ? kOthers : 0);
}

std::vector<std::uint32_t> slots_of(std::span<const std::uint64_t> words) {
  std::vector<std::uint32_t> found;
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (std::uint64_t left = words[w]; left != 0; left &= left - 1)
      found.push_back(static_cast<std::uint32_t>(kWordBits * w + std::countr_zero(left)));
  }
  return found;
}

void RuleSet::add(std::uint32_t slot) {
  if (slot / kWordBits >= words_.size()) words_.resize(slot / kWordBits + 1, 0);
  words_[slot / kWordBits] |= std::uint64_t{1} << slot % kWordBits;
}

void RuleSet::unite(const RuleSet& other) {
  if (other.words_.size() > words_.size()) words_.resize(other.words_.size(), 0);
  for (std::size_t w = 0; w < other.words_.size(); ++w) words_[w] |= other.words_[w];
}

}  // namespace vyre::planner
