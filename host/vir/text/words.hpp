// The words and operators of the text form, read from vocabulary.def by both directions.
// Private to host/vir. Spec: docs/vir0-text.md.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vir/program/program.hpp"

namespace vyre::vir::text {

/// An infix operator; higher binds tighter. Comparisons do not chain.
struct Infix {
  BinOp op;
  std::string_view sign;
  int precedence;
  bool chains;
};
inline constexpr int kLoosest{1};
[[nodiscard]] const Infix* find_infix(std::string_view sign) noexcept;
[[nodiscard]] const Infix* find_infix(BinOp op) noexcept;

/// One word of a vocabulary and its number.
struct Word {
  std::string_view text;
  std::uint8_t value;
};
enum class Vocabulary : std::uint8_t {
  bin_op,
  un_op,
  atomic_op,
  data_type,
  ordering,
  collective_op,
  access,
  memory_kind,
  locality,
  reduce_op
};
[[nodiscard]] std::span<const Word> words(Vocabulary vocabulary) noexcept;
[[nodiscard]] std::optional<std::uint8_t> find_word(Vocabulary vocabulary, std::string_view text);
/// Empty if the number is not in the vocabulary.
[[nodiscard]] std::string_view word_of(Vocabulary vocabulary, std::uint8_t value);
template <class Enum>
[[nodiscard]] std::string_view word_of(Vocabulary vocabulary, Enum value) {
  return word_of(vocabulary, static_cast<std::uint8_t>(value));
}

/// The memory kind a buffer has when the text does not say one.
[[nodiscard]] MemoryKind default_kind(Access access) noexcept;

/// Tag 0 is "none". `integers` and `children` say how many parameters a shape predicate takes.
struct PredicateWord {
  std::string_view text;
  std::uint8_t integers;
  std::uint8_t children;
};
inline constexpr std::uint8_t kPredicateWords{10};
[[nodiscard]] const PredicateWord& predicate_word(
    std::uint8_t tag) noexcept;  // tag < kPredicateWords

inline constexpr std::string_view kLinearTypes[]{"linear", "affine", "relevant", "unrestricted"};

/// Words that are never a bare name: they start a statement, a declaration or a value.
[[nodiscard]] bool is_reserved(std::string_view word) noexcept;

/// "; did you mean 'x'?" for the nearest candidate, or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string_view>& candidates);
[[nodiscard]] std::vector<std::string_view> texts(Vocabulary vocabulary);
/// Every word that may stand before "(" in an expression.
[[nodiscard]] std::vector<std::string_view> function_words();

}  // namespace vyre::vir::text
