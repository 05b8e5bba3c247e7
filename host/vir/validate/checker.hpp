// The validator's walk and what its rules see: static types, scopes, uniformity, and where a
// violation is reported. Rules live in *_rules.cpp, one function each, listed in tables.
// Host only, single-threaded, one Checker a program. Spec: docs/internals/verification.md.
#pragma once

#include <span>

#include "form.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::vir {

/// A static type: 0 unknown (checks are skipped), a scalar's wire tag, or a class of equal
/// parametrised types.
class StaticType {
 public:
  constexpr StaticType() = default;
  constexpr StaticType(TypeTag tag) : id_(static_cast<std::uint32_t>(tag)), tag_(tag) {}  // NOLINT
  constexpr StaticType(TypeTag tag, std::uint32_t id) : id_(id), tag_(tag) {}
  [[nodiscard]] constexpr bool known() const noexcept { return id_ != 0; }
  [[nodiscard]] constexpr TypeTag tag() const noexcept { return tag_; }
  friend constexpr bool operator==(StaticType a, StaticType b) noexcept { return a.id_ == b.id_; }

 private:
  std::uint32_t id_{0};
  TypeTag tag_{TypeTag::U32};
};

/// Whether a known type is one of `tags`; an unknown type passes every check.
template <class... Tags>
[[nodiscard]] constexpr bool is_one_of(StaticType type, Tags... tags) noexcept {
  return !type.known() || ((type == StaticType(tags)) || ...);
}

[[nodiscard]] std::string_view type_word(StaticType type) noexcept;

struct Variable {
  StaticType type;
  bool live{false};
  bool uniform{false};
  bool is_loop_variable{false};
  std::uint32_t list{0};  // number of the statement list that declared it
};

class Checker {
 public:
  Checker(const Program& program, const Form& form, Interrupt* interrupt = nullptr);
  std::vector<Diagnostic> run() &&;

  // For rules.
  const Program& program;
  const Form& form;
  void report(const char* code, std::string message) {
    report_at(code, statement_, std::move(message), expr_);
  }
  void report_at(const char* code, std::uint32_t statement, std::string message,
                 ExprId expr = kNone);
  /// About a declaration, by its index.
  void report_buffer(const char* code, std::size_t buffer, std::string message);
  [[nodiscard]] bool full() const noexcept;

  [[nodiscard]] const Expr& expr(ExprId id) const { return program.exprs[id]; }
  [[nodiscard]] StaticType type_of(ExprId id) const { return types_[id]; }
  [[nodiscard]] bool is_uniform(ExprId id) const { return uniform_[id]; }
  [[nodiscard]] StaticType type_of_declared(TypeId id) const { return declared_[id]; }
  /// nullptr for a name without a declaration.
  [[nodiscard]] const BufferDecl* buffer(Symbol name) const;
  /// nullptr for a name that is not live here.
  [[nodiscard]] const Variable* variable(Symbol name) const;
  [[nodiscard]] bool flow_is_uniform() const noexcept { return flow_uniform_; }
  [[nodiscard]] std::uint32_t list_number() const noexcept { return list_; }
  [[nodiscard]] std::string name(Symbol symbol) const;
  /// Whether every lane that runs the node passes a barrier on the way.
  [[nodiscard]] bool passes_barrier(NodeId id) const { return passes_barrier_[id]; }

 private:
  void walk_list(Range list);
  void walk_node(NodeId id);
  void walk_body(Range list, bool uniform, Symbol loop_variable = kNone, bool loop_uniform = false);
  void walk_expr(ExprId id);
  void find_barriers();
  StaticType infer(const Expr& e) const;
  bool infer_uniform(const Expr& e) const;
  void declare(Symbol name, Variable variable);

  std::vector<Diagnostic> found_;
  std::vector<StaticType> declared_;         // by TypeId
  std::vector<std::uint32_t> buffer_index_;  // by Symbol
  std::vector<Variable> variables_;          // by Symbol
  std::vector<Symbol> scope_;                // live names, innermost last
  std::vector<StaticType> types_;            // by ExprId, as last visited
  std::vector<bool> uniform_;                // by ExprId, as last visited
  std::vector<bool> passes_barrier_;         // by NodeId
  Interrupt* interrupt_;
  std::uint32_t statement_{kNone};
  ExprId expr_{kNone};  // whose rules run
  std::uint32_t list_{0};
  std::uint32_t lists_{0};
  bool flow_uniform_{true};
};

// One row a rule: the code it reports and the function that checks it.
struct ProgramRule {
  const char* code;
  void (*check)(Checker&, const char* code);
};
struct ListRule {
  const char* code;
  void (*check)(Checker&, const char* code, std::span<const NodeId> list);
};
struct NodeRule {
  const char* code;
  NodeTag tag;
  void (*check)(Checker&, const char* code, const Node& node);
};
struct ExprRule {
  const char* code;
  ExprTag tag;
  void (*check)(Checker&, const char* code, const Expr& expr);
};
[[nodiscard]] std::span<const ProgramRule> program_rules() noexcept;
[[nodiscard]] std::span<const ListRule> list_rules() noexcept;
[[nodiscard]] std::span<const NodeRule> node_rules() noexcept;
[[nodiscard]] std::span<const ExprRule> value_rules() noexcept;
[[nodiscard]] std::span<const ExprRule> operator_rules() noexcept;

}  // namespace vyre::vir
