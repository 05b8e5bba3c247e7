#include "words.hpp"

#include <algorithm>
#include <array>

#include "base/message.hpp"

namespace vyre::vir::text {
namespace {

// Bitwise operators bind tighter than comparisons, so `a & 1u == 0u` means what it looks like.
constexpr std::array<Infix, 18> kInfixes{{
    {BinOp::Or, "||", 1, true},
    {BinOp::And, "&&", 2, true},
    {BinOp::Eq, "==", 3, false},
    {BinOp::Ne, "!=", 3, false},
    {BinOp::Lt, "<", 3, false},
    {BinOp::Le, "<=", 3, false},
    {BinOp::Gt, ">", 3, false},
    {BinOp::Ge, ">=", 3, false},
    {BinOp::BitOr, "|", 4, true},
    {BinOp::BitXor, "^", 5, true},
    {BinOp::BitAnd, "&", 6, true},
    {BinOp::Shl, "<<", 7, true},
    {BinOp::Shr, ">>", 7, true},
    {BinOp::Add, "+", 8, true},
    {BinOp::Sub, "-", 8, true},
    {BinOp::Mul, "*", 9, true},
    {BinOp::Div, "/", 9, true},
    {BinOp::Mod, "%", 9, true},
}};

constexpr std::array<PredicateWord, kPredicateWords> kPredicates{{
    {"none", 0, 0},
    {"at_least", 1, 0},
    {"at_most", 1, 0},
    {"exactly", 1, 0},
    {"multiple_of", 1, 0},
    {"mod_equals", 2, 0},
    {"affine_range", 4, 0},
    {"and", 0, 2},
    {"or", 0, 2},
    {"not", 0, 1},
}};

constexpr std::string_view kReserved[]{
    "let",    "if",          "else",           "for",   "in",    "return", "region",
    "buffer", "workgroup",   "true",           "false", "gid",   "wid",    "lid",
    "call",   "entry_op_id", "non_composable", "const", "while", "break",  "continue",
    "fn",     "include",
};

constexpr std::string_view kOtherFunctions[]{
    "len",
    "buffer_ref",
    "select",
    "fma",
    "cast",
    "opaque",
    "bin_op_ext",
    "un_op_ext",
    "atomic_ext",
    "subgroup_shuffle",
    "subgroup_ballot",
    "subgroup_local_id",
    "subgroup_size",
    "matches",
    "raw",
};

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::move(last);
    last = std::move(row);
  }
  return last[b.size()];
}

}  // namespace

const Infix* find_infix(std::string_view sign) noexcept {
  for (const Infix& infix : kInfixes) {
    if (infix.sign == sign) return &infix;
  }
  return nullptr;
}

const Infix* find_infix(BinOp op) noexcept {
  for (const Infix& infix : kInfixes) {
    if (infix.op == op) return &infix;
  }
  return nullptr;
}

std::span<const Word> words(Vocabulary vocabulary) noexcept {
#define VYRE_BINOP(name, tag, text) {text, tag},
  static constexpr Word bin_ops[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_UNOP(name, tag, text) {text, tag},
  static constexpr Word un_ops[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_ATOMICOP(name, tag, text) {text, tag},
  static constexpr Word atomic_ops[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) {text, tag},
  static constexpr Word data_types[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_ORDERING(name, tag, text) {text, tag},
  static constexpr Word orderings[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_COLLECTIVEOP(name, tag, text) {text, tag},
  static constexpr Word collective_ops[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_ACCESS(name, tag, text) {text, tag},
  static constexpr Word accesses[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_MEMORYKIND(name, tag, text) {text, tag},
  static constexpr Word memory_kinds[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_LOCALITY(name, tag, text) {text, tag},
  static constexpr Word localities[]{
#include "vir/program/vocabulary.def"
  };
#define VYRE_REDUCEOP(name, tag, text) {text, tag},
  static constexpr Word reduce_ops[]{
#include "vir/program/vocabulary.def"
  };
  switch (vocabulary) {
    case Vocabulary::bin_op:
      return bin_ops;
    case Vocabulary::un_op:
      return un_ops;
    case Vocabulary::atomic_op:
      return atomic_ops;
    case Vocabulary::data_type:
      return data_types;
    case Vocabulary::ordering:
      return orderings;
    case Vocabulary::collective_op:
      return collective_ops;
    case Vocabulary::access:
      return accesses;
    case Vocabulary::memory_kind:
      return memory_kinds;
    case Vocabulary::locality:
      return localities;
    case Vocabulary::reduce_op:
      break;
  }
  return reduce_ops;
}

std::optional<std::uint8_t> find_word(Vocabulary vocabulary, std::string_view text) {
  for (const Word& word : words(vocabulary)) {
    if (word.text == text) return word.value;
  }
  return std::nullopt;
}

std::string_view word_of(Vocabulary vocabulary, std::uint8_t value) {
  for (const Word& word : words(vocabulary)) {
    if (word.value == value) return word.text;
  }
  return {};
}

MemoryKind default_kind(Access access) noexcept {
  switch (access) {
    case Access::ReadOnly:
      return MemoryKind::Readonly;
    case Access::Uniform:
      return MemoryKind::Uniform;
    case Access::Workgroup:
      return MemoryKind::Shared;
    case Access::ReadWrite:
    case Access::WriteOnly:
      break;
  }
  return MemoryKind::Global;
}

const PredicateWord& predicate_word(std::uint8_t tag) noexcept {
  return kPredicates[tag];
}

bool is_reserved(std::string_view word) noexcept {
  return std::find(std::begin(kReserved), std::end(kReserved), word) != std::end(kReserved);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  // Longer than any word of the language; keeps hostile words cheap.
  constexpr std::size_t kLongestWord{32};
  if (word.size() > kLongestWord) return {};
  std::size_t best =
      word.size() <= 3 ? 2 : 3;  // at most one slip in a short word, two in a longer one
  std::string_view nearest;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best) best = distance, nearest = candidate;
  }
  return nearest.empty() ? std::string() : message("; did you mean '{}'?", nearest);
}

std::vector<std::string_view> texts(Vocabulary vocabulary) {
  std::vector<std::string_view> result;
  for (const Word& word : words(vocabulary)) result.push_back(word.text);
  return result;
}

std::vector<std::string_view> function_words() {
  std::vector<std::string_view> result(std::begin(kOtherFunctions), std::end(kOtherFunctions));
  for (const Vocabulary v : {Vocabulary::bin_op, Vocabulary::un_op, Vocabulary::data_type}) {
    for (const Word& word : words(v)) result.push_back(word.text);
  }
  return result;
}

}  // namespace vyre::vir::text
