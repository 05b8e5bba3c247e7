// The lowering of one program: walks nodes and expressions and emits instructions.
// Host only, private to lowering; nodes.cpp, expressions.cpp and casts.cpp
// implement it.
#pragma once

#include "emitter.hpp"
#include "vir/lower/lower.hpp"

namespace vyre::vir::lowering {

class ProgramLowering {
 public:
  ProgramLowering(const Program& program, const LowerOptions& options);
  [[nodiscard]] Result<core::Image> run();
  /// Where it was refused, if that was at a statement.
  [[nodiscard]] std::optional<std::uint32_t> refused_at() const { return out_.stopped_at(); }

 private:
  /// A declared variable. `divergence`: how many masks were around its declaration.
  struct Bound {
    Value value;
    Variable facts;
    std::uint32_t divergence{0};
    bool owned{false};
  };
  struct Scope {
    std::size_t names;
    std::array<bool, 3> guarded;
  };
  /// An if or a loop with a mask of its own; `leaves` are Returns that go on at its next turn.
  struct Construct {
    std::vector<std::uint32_t> leaves;
  };

  // Nodes.
  void list(Range range);
  void node(NodeId id);
  /// A look at the stop word where so much code has none.
  void poll_at_times();
  void let(const Node& n);
  void assign(const Node& n);
  void store(const Node& n);
  void branch(const Node& n, NodeId id);
  void branch_scalar(const Node& n, const Value& condition);
  void branch_vector(const Node& n, const Value& condition);
  void loop(const Node& n);
  void loop_scalar(const Node& n, const Value& from, const Value& to);
  void loop_vector(const Node& n, const Value& from, const Value& to);
  void copy(const Node& n);
  void leave();
  void open_scope();
  void close_scope();
  void declare(Symbol name, Bound bound);
  Bound* find(Symbol name);
  std::uint16_t tag_index(Symbol tag);
  void enter_masks(std::uint32_t count);
  void leave_masks(std::uint32_t count);
  void patch_leaves(std::uint32_t target);

  // Expressions.
  [[nodiscard]] Value expression(ExprId id);
  [[nodiscard]] Value variable(const Expr& e);
  [[nodiscard]] Value load(const Expr& e);
  [[nodiscard]] bool is_global_x(const Value& index) const;
  [[nodiscard]] Value buffer_length(const Expr& e);
  [[nodiscard]] Value identifier(const Expr& e);
  [[nodiscard]] Value subgroup_local_id();
  [[nodiscard]] Value binary(const Expr& e);
  [[nodiscard]] Value apply_binary(BinOp op, Value a, Value b);
  [[nodiscard]] std::optional<Value> fused(const Expr& e);
  [[nodiscard]] Value unary(const Expr& e);
  [[nodiscard]] Value select(const Expr& e);
  [[nodiscard]] Value fma(const Expr& e);
  [[nodiscard]] Value atomic(const Expr& e);
  [[nodiscard]] Value group(const Expr& e);
  /// Emits the fault on the active lanes and gives back the value that never is.
  Value faulted(FaultCode code);
  Value drop(const Value& value, FaultCode code);

  // Conversions.
  [[nodiscard]] Value cast(TypeTag target, const Value& value);
  /// "As u32" of the format: an index, a bound, an operand of an atomic.
  [[nodiscard]] Value as_u32(const Value& value, FaultCode code);
  [[nodiscard]] Value as_u64(const Value& value);
  [[nodiscard]] Value as_f32(const Value& value);
  /// A word that is nonzero where the value is true.
  [[nodiscard]] Value truth(const Value& value);
  /// The stored form: words of Value::stored_bytes bytes.
  [[nodiscard]] Value stored_form(const Value& value);
  [[nodiscard]] Value resized(const Value& value, std::uint32_t bytes);
  [[nodiscard]] Value converted(const Value& value, Kind kind);
  [[nodiscard]] static Value relabel(Value value, Kind kind) {
    value.kind = kind;
    return value;
  }
  [[nodiscard]] bool unclear(const Value& value, const char* use);

  [[nodiscard]] std::uint32_t buffer_index(Symbol name) const { return buffers_[name]; }
  [[nodiscard]] const DataType& element(std::uint32_t buffer) const {
    return program_.types[program_.buffers[buffer].element];
  }
  [[nodiscard]] Status check_widths() const;
  [[nodiscard]] core::Image describe() const;

  const Program& program_;
  Interrupt* interrupt_;
  Inference facts_;
  Emitter out_;
  std::vector<std::uint32_t> statement_;
  std::vector<std::uint32_t> buffers_;
  std::vector<bool> guards_barrier_;
  std::vector<std::uint32_t> bound_;  // symbol -> index into names_, or kNone
  struct Name {
    Symbol symbol;
    std::uint32_t before;
    Bound bound;
  };
  std::vector<Name> names_;
  std::vector<Scope> scopes_;
  std::vector<Construct> constructs_;
  std::vector<std::uint32_t> final_leaves_;
  std::uint32_t next_variable_{0};
  std::uint32_t divergence_{0};
  std::uint32_t mask_depth_{0};
  std::uint32_t mask_depth_max_{0};
  std::uint32_t last_poll_{0};  // position
  std::array<bool, 3> guarded_{};
  std::optional<std::uint16_t> subgroup_local_id_;
  std::array<std::array<std::optional<std::uint16_t>, 3>, 3>
      ids_;                                            // [global, local, workgroup][axis]
  std::vector<std::optional<std::uint16_t>> lengths_;  // by buffer
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint16_t> loaded_once_;  // (buffer, index)
  std::unordered_map<Symbol, std::uint16_t> tags_;
  bool flat_{true};
  bool loops_{false};
  bool diverges_{false};
};

}  // namespace vyre::vir::lowering
