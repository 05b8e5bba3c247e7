// Which values are narrow: u8 and u16 as they lie in memory, on which no operator works. The parser
// widens them where a number is needed; the printer writes raw(...) where a program has a narrow
// value all the same. Both ask this class in the order of the text. Private to host/vir/text. Spec:
// docs/vir0-text.md, "Narrow values".
#pragma once

#include <optional>
#include <unordered_map>

#include "vir/program/program.hpp"

namespace vyre::vir::text {

class NarrowNames {
 public:
  /// The first declaration of a name counts.
  void declare_buffer(const Program& program, const BufferDecl& buffer) {
    const bool known = buffer.element < program.types.size();
    const TypeTag tag = known ? program.types[buffer.element].tag : TypeTag::U32;
    buffers_.emplace(buffer.name, tag);
  }
  void declare_variable(Symbol name, bool narrow) {
    if (narrow || !variables_.empty()) variables_.insert_or_assign(name, narrow);
  }
  [[nodiscard]] bool is_buffer(Symbol name) const { return buffers_.contains(name); }
  /// The element type of a narrow buffer.
  [[nodiscard]] std::optional<TypeTag> type_of_buffer(Symbol name) const {
    const auto found = buffers_.find(name);
    const bool narrow =
        found != buffers_.end() && (found->second == TypeTag::U8 || found->second == TypeTag::U16);
    return narrow ? std::optional(found->second) : std::nullopt;
  }
  /// What a narrow value becomes where it is stored to a buffer of numbers.
  [[nodiscard]] std::optional<TypeTag> stored_as(Symbol buffer) const {
    const auto found = buffers_.find(buffer);
    const bool numbers =
        found != buffers_.end() && (found->second == TypeTag::U32 || found->second == TypeTag::I32);
    return numbers ? std::optional(found->second) : std::nullopt;
  }
  [[nodiscard]] bool is_narrow(const Expr& value) const {
    if (value.tag == ExprTag::Load) return type_of_buffer(value.name).has_value();
    if (value.tag != ExprTag::Var) return false;
    const auto found = variables_.find(value.name);
    return found != variables_.end() && found->second;
  }

 private:
  std::unordered_map<Symbol, TypeTag> buffers_;
  std::unordered_map<Symbol, bool> variables_;
};

/// The operands of an expression whose narrow values become numbers, as a set of bits by child.
[[nodiscard]] constexpr unsigned widened_operands(ExprTag tag) noexcept {
  switch (tag) {
    case ExprTag::BinOp:
    case ExprTag::UnOp:
    case ExprTag::Load:
    case ExprTag::Atomic:
      return 0b111;
    case ExprTag::Select:
      return 0b001;  // the condition
    default:
      return 0;
  }
}
/// The same of a statement: e0, e1.
[[nodiscard]] constexpr unsigned widened_operands(NodeTag tag) noexcept {
  switch (tag) {
    case NodeTag::Store:
    case NodeTag::If:
      return 0b01;
    case NodeTag::Loop:
      return 0b11;
    default:
      return 0;
  }
}

}  // namespace vyre::vir::text
