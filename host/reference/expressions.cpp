// Expressions of the reference executor: left to right, depth first, every operand always
// evaluated. Spec: docs/vir0.md, "Semantics", expressions.
#include <limits>

#include "machine.hpp"
#include "vyre/core/f32.hpp"
#include "vyre/protocol/limits.hpp"

namespace vyre::reference {

Maybe<Value> Machine::evaluate(Lane& lane, vir::ExprId id) {
  return eval(Scope{&lane, &lane.variables, 0, 0}, id);
}

Maybe<Value> Machine::eval(const Scope& outer, vir::ExprId id) {
  using vir::ExprTag;
  if (outer.depth >= kMaxEvaluationDepth) {
    return stop(FaultCode::bad_operation, "the expression is nested too deeply");
  }
  Scope scope = outer;
  ++scope.depth;
  const vir::Expr& expr = program_.exprs[id];
  switch (expr.tag) {
    case ExprTag::LitU32:
      return expr.bits;
    case ExprTag::LitI32:
      return static_cast<std::int32_t>(expr.bits);
    case ExprTag::LitBool:
      return expr.bits != 0;
    case ExprTag::LitF32:
      return static_cast<double>(core::f32::canonical(core::f32::from_bits(expr.bits)));
    case ExprTag::Var: {
      const std::uint32_t slot = names_.variable[expr.name];
      if (slot == vir::kNone || std::holds_alternative<Unbound>((*scope.variables)[slot])) {
        return stop(FaultCode::unbound_variable, "a variable does not exist in this lane");
      }
      return (*scope.variables)[slot];
    }
    case ExprTag::Load:
      return eval_load(scope, expr);
    case ExprTag::BufLen: {
      const auto buffer = buffer_of(expr.name);
      if (!buffer) return tl::unexpected<Stop>(buffer.error());
      return (*buffer)->length();
    }
    case ExprTag::InvocationId:
    case ExprTag::WorkgroupId:
    case ExprTag::LocalId:
      return eval_id(scope, expr);
    case ExprTag::BinOp: {
      const auto left = eval(scope, expr.child[0]);
      if (!left) return left;
      const auto right = eval(scope, expr.child[1]);
      if (!right) return right;
      return apply_binary(static_cast<vir::BinOp>(expr.op), *left, *right);
    }
    case ExprTag::UnOp: {
      const auto operand = eval(scope, expr.child[0]);
      if (!operand) return operand;
      return apply_unary(static_cast<vir::UnOp>(expr.op), *operand);
    }
    case ExprTag::Select:
      return eval_select(scope, expr);
    case ExprTag::Cast: {
      const auto value = eval(scope, expr.child[0]);
      if (!value) return value;
      return cast(program_.types[expr.bits].tag, *value);
    }
    case ExprTag::Fma:
      return eval_fma(scope, expr);
    case ExprTag::Atomic:
      return eval_atomic(scope, expr);
    case ExprTag::SubgroupAdd:
    case ExprTag::SubgroupShuffle:
    case ExprTag::SubgroupBallot:
      return eval_subgroup(scope, expr);
    case ExprTag::Call:
    case ExprTag::SubgroupLocalId:
    case ExprTag::SubgroupSize:
    case ExprTag::BufferRef:
    case ExprTag::Opaque:
      break;
  }
  return stop(FaultCode::bad_operation, "the expression is defined to fail");
}

Maybe<Buffer*> Machine::buffer_of(vir::Symbol name) {
  const std::uint32_t index = names_.buffer[name];
  if (index == vir::kNone) return stop(FaultCode::bad_operation, "no buffer has this name");
  return &buffers_[index];
}

Maybe<std::uint32_t> Machine::eval_u32(const Scope& scope, vir::ExprId id) {
  const auto value = eval(scope, id);
  if (!value) return tl::unexpected<Stop>(value.error());
  const auto number = as_u32(*value);
  if (!number) return stop(FaultCode::bad_index, "an index or bound does not fit u32");
  return *number;
}

Maybe<Value> Machine::eval_load(const Scope& scope, const vir::Expr& expr) {
  const auto index = eval_u32(scope, expr.child[0]);
  if (!index) return tl::unexpected<Stop>(index.error());
  const auto buffer = buffer_of(expr.name);
  if (!buffer) return tl::unexpected<Stop>(buffer.error());
  return (*buffer)->load(*index);
}

Maybe<Value> Machine::eval_id(const Scope& scope, const vir::Expr& expr) {
  const std::uint32_t axis = expr.op;
  if (axis > 2) return stop(FaultCode::bad_operation, "an axis is beyond 2");
  if (expr.tag == vir::ExprTag::WorkgroupId) return workgroup_[axis];
  const std::uint32_t local = scope.lane->local_id[axis];
  if (expr.tag == vir::ExprTag::LocalId) return local;
  const std::uint64_t global = std::uint64_t{workgroup_[axis]} * program_.workgroup[axis] + local;
  if (global > std::numeric_limits<std::uint32_t>::max()) {
    return stop(FaultCode::id_overflow, "an invocation id does not fit u32");
  }
  return static_cast<std::uint32_t>(global);
}

Maybe<Value> Machine::eval_select(const Scope& scope, const vir::Expr& expr) {
  const auto condition = eval(scope, expr.child[0]);
  if (!condition) return condition;
  auto if_true = eval(scope, expr.child[1]);
  if (!if_true) return if_true;
  auto if_false = eval(scope, expr.child[2]);
  if (!if_false) return if_false;
  return truthy(*condition) ? if_true : if_false;
}

Maybe<Value> Machine::eval_fma(const Scope& scope, const vir::Expr& expr) {
  std::array<Value, 3> operand;
  for (std::size_t i = 0; i < 3; ++i) {
    auto value = eval(scope, expr.child[i]);
    if (!value) return value;
    operand[i] = std::move(*value);
  }
  const auto a = as_f32(operand[0]);
  const auto b = as_f32(operand[1]);
  const auto c = as_f32(operand[2]);
  if (!a || !b || !c) return stop(FaultCode::type_mismatch, "fma takes f32, or u32 as f32 bits");
  return static_cast<double>(core::f32::fma(*a, *b, *c));
}

Maybe<Value> Machine::eval_atomic(const Scope& scope, const vir::Expr& expr) {
  const auto op = static_cast<vir::AtomicOp>(expr.op);
  const auto index = eval_u32(scope, expr.child[0]);
  if (!index) return tl::unexpected<Stop>(index.error());
  const bool has_expected = expr.child[2] != vir::kNone;
  std::uint32_t expected = 0;
  if (has_expected) {
    const auto value = eval_u32(scope, expr.child[2]);
    if (!value) return tl::unexpected<Stop>(value.error());
    expected = *value;
  }
  const auto value = eval_u32(scope, expr.child[1]);
  if (!value) return tl::unexpected<Stop>(value.error());
  if (has_expected != (op == vir::AtomicOp::CompareExchange)) {
    return stop(FaultCode::bad_operation,
                "compare_exchange needs an expected value and no other atomic takes one");
  }
  const auto buffer = buffer_of(expr.name);
  if (!buffer) return tl::unexpected<Stop>(buffer.error());
  return (*buffer)->atomic(op, *index, expected, *value);
}

/// The argument in every lane of the slice, active or not, on the variables of the round's start.
/// Memory is live.
Maybe<std::vector<Value>> Machine::eval_slice(const Scope& scope, vir::ExprId id,
                                              std::uint32_t first) {
  std::vector<Value> values;
  for (std::uint32_t lane = first; lane < first + kSubgroupLanes && lane < lanes_.size(); ++lane) {
    // Nested operations evaluate 32 times as often a level; fuel bounds what validation does not.
    if (scope.subgroup_depth > 0) {
      if (const auto fuel = spend_fuel(); !fuel) return tl::unexpected<Stop>(fuel.error());
    }
    auto value =
        eval(Scope{&lanes_[lane], &snapshot_[lane], scope.depth, scope.subgroup_depth + 1}, id);
    if (!value) return tl::unexpected<Stop>(value.error());
    values.push_back(std::move(*value));
  }
  return values;
}

Maybe<Value> Machine::eval_subgroup(const Scope& scope, const vir::Expr& expr) {
  using vir::ExprTag;
  const auto self = static_cast<std::uint32_t>(scope.lane - lanes_.data());
  const auto values = eval_slice(scope, expr.child[0], self / kSubgroupLanes * kSubgroupLanes);
  if (!values) return tl::unexpected<Stop>(values.error());
  if (expr.tag == ExprTag::SubgroupBallot) {
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < values->size(); ++i) {
      if (truthy((*values)[i])) mask |= 1u << i;
    }
    return mask;
  }
  // Reductions and shuffles: u32 in every lane, or f32 in every lane.
  const bool floats = std::holds_alternative<double>(values->front());
  for (const Value& value : *values) {
    const bool fits = floats ? std::holds_alternative<double>(value)
                             : std::holds_alternative<std::uint32_t>(value);
    if (!fits) {
      return stop(FaultCode::type_mismatch, "a subgroup operation takes u32 or f32 in every lane");
    }
  }
  if (expr.tag == ExprTag::SubgroupShuffle) {
    const auto source = eval_u32(scope, expr.child[1]);
    if (!source) return tl::unexpected<Stop>(source.error());
    if (*source < values->size()) return (*values)[*source];
    return floats ? Value{0.0} : Value{std::uint32_t{0}};
  }
  // Versions that know only addition leave the operator 0.
  const auto op = expr.op == 0 ? vir::ReduceOp::Add : static_cast<vir::ReduceOp>(expr.op);
  Value sum = values->front();
  if (floats) sum = static_cast<double>(narrow(std::get<double>(sum)));
  for (std::size_t i = 1; i < values->size(); ++i) {
    auto next = apply_reduce(op, sum, (*values)[i]);
    if (!next) return next;
    sum = std::move(*next);
  }
  return sum;
}

}  // namespace vyre::reference
