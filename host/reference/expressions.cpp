// Expressions of the reference executor: left to right, depth first, every operand always
// evaluated, and every operation by all lanes of the list before the next one. Spec:
// docs/internals/vir0-semantics.md, "Semantics", operators and subgroups.
#include <limits>

#include "core/f32.hpp"
#include "machine.hpp"
#include "protocol/limits.hpp"

namespace vyre::reference {

Values Machine::eval(vir::ExprId id, Lanes& lanes, std::uint32_t depth) {
  using vir::ExprTag;
  count_work(lanes);
  if (lanes.empty()) return {};
  const vir::Expr& expr = program_.exprs[id];
  const auto same = [&](const Value& value) { return Values(lanes.size(), value); };
  const auto operand = [&](std::size_t k) { return eval(expr.child[k], lanes, depth + 1); };
  if (depth >= kMaxEvaluationDepth) {
    fail_all(lanes, FaultCode::bad_operation, "the expression is nested too deeply");
    return {};
  }
  switch (expr.tag) {
    case ExprTag::LitU32:
      return same(expr.bits);
    case ExprTag::LitI32:
      return same(static_cast<std::int32_t>(expr.bits));
    case ExprTag::LitBool:
      return same(expr.bits != 0);
    case ExprTag::LitF32:
      return same(static_cast<double>(core::f32::canonical(core::f32::from_bits(expr.bits))));
    case ExprTag::Var:
      return each<Value>(lanes, [&](std::size_t k) -> Maybe<Value> {
        const std::uint32_t variable = names_.variable[expr.name];
        if (variable == vir::kNone ||
            std::holds_alternative<Unbound>(variables_[variable][lanes[k]])) {
          return stop(FaultCode::unbound_variable, "a variable does not exist");
        }
        return variables_[variable][lanes[k]];
      });
    case ExprTag::Load: {
      const auto index = eval_u32(expr.child[0], lanes, depth + 1);
      return each<Value>(lanes, [&](std::size_t k) { return load(lanes[k], id, index[k]); });
    }
    case ExprTag::BufLen:
      return each<Value>(lanes, [&](std::size_t) -> Maybe<Value> {
        const auto buffer = buffer_index(expr.name);
        if (!buffer) return tl::unexpected<Stop>(buffer.error());
        return buffers_[*buffer].length();
      });
    case ExprTag::InvocationId:
    case ExprTag::WorkgroupId:
    case ExprTag::LocalId:
      return eval_id(expr, lanes);
    case ExprTag::SubgroupLocalId:
      return each<Value>(lanes,
                         [&](std::size_t k) -> Maybe<Value> { return lanes[k] % kSubgroupLanes; });
    case ExprTag::SubgroupSize:
      return same(std::uint32_t{kSubgroupLanes});
    case ExprTag::BinOp: {
      const Values left = operand(0);
      const Values right = operand(1);
      const auto op = static_cast<vir::BinOp>(expr.op);
      return each<Value>(lanes, [&](std::size_t k) { return apply_binary(op, left[k], right[k]); });
    }
    case ExprTag::UnOp: {
      const Values value = operand(0);
      const auto op = static_cast<vir::UnOp>(expr.op);
      return each<Value>(lanes, [&](std::size_t k) { return apply_unary(op, value[k]); });
    }
    case ExprTag::Select: {
      const Values condition = operand(0);
      const Values if_true = operand(1);
      const Values if_false = operand(2);
      return each<Value>(lanes, [&](std::size_t k) -> Maybe<Value> {
        return truthy(condition[k]) ? if_true[k] : if_false[k];
      });
    }
    case ExprTag::Cast: {
      const Values value = operand(0);
      const vir::TypeTag target = program_.types[expr.bits].tag;
      return each<Value>(lanes, [&](std::size_t k) { return cast(target, value[k]); });
    }
    case ExprTag::Fma: {
      const Values a = operand(0);
      const Values b = operand(1);
      const Values c = operand(2);
      return each<Value>(lanes, [&](std::size_t k) -> Maybe<Value> {
        const auto x = as_f32(a[k]);
        const auto y = as_f32(b[k]);
        const auto z = as_f32(c[k]);
        if (!x || !y || !z) {
          return stop(FaultCode::type_mismatch, "fma takes f32, or u32 as f32 bits");
        }
        return static_cast<double>(core::f32::fma(*x, *y, *z));
      });
    }
    case ExprTag::Atomic:
      return eval_atomic(id, lanes, depth);
    case ExprTag::SubgroupAdd:
    case ExprTag::SubgroupShuffle:
    case ExprTag::SubgroupBallot:
      return eval_subgroup(expr, lanes, depth);
    case ExprTag::Call:
    case ExprTag::BufferRef:
    case ExprTag::Opaque:
      break;
  }
  fail_all(lanes, FaultCode::bad_operation, "the expression is defined to fail");
  return {};
}

std::vector<std::uint32_t> Machine::eval_u32(vir::ExprId id, Lanes& lanes, std::uint32_t depth) {
  const Values values = eval(id, lanes, depth);
  return each<std::uint32_t>(lanes, [&](std::size_t k) -> Maybe<std::uint32_t> {
    const auto number = as_u32(values[k]);
    if (!number) return stop(FaultCode::bad_index, "an index or bound does not fit u32");
    return *number;
  });
}

Values Machine::eval_id(const vir::Expr& expr, Lanes& lanes) {
  const std::uint32_t axis = expr.op;
  return each<Value>(lanes, [&](std::size_t k) -> Maybe<Value> {
    if (axis > 2) return stop(FaultCode::bad_operation, "an axis is beyond 2");
    if (expr.tag == vir::ExprTag::WorkgroupId) return workgroup_[axis];
    const std::uint32_t local = lanes_[lanes[k]].local_id[axis];
    if (expr.tag == vir::ExprTag::LocalId) return local;
    const std::uint64_t global = std::uint64_t{workgroup_[axis]} * program_.workgroup[axis] + local;
    if (global > std::numeric_limits<std::uint32_t>::max()) {
      return stop(FaultCode::id_overflow, "an invocation id does not fit u32");
    }
    return static_cast<std::uint32_t>(global);
  });
}

Values Machine::eval_atomic(vir::ExprId id, Lanes& lanes, std::uint32_t depth) {
  const vir::Expr& expr = program_.exprs[id];
  const auto op = static_cast<vir::AtomicOp>(expr.op);
  const bool has_expected = expr.child[2] != vir::kNone;
  const auto index = eval_u32(expr.child[0], lanes, depth + 1);
  std::vector<std::uint32_t> expected(lanes.size(), 0);
  if (has_expected) expected = eval_u32(expr.child[2], lanes, depth + 1);
  const auto value = eval_u32(expr.child[1], lanes, depth + 1);
  return each<Value>(lanes, [&](std::size_t k) -> Maybe<Value> {
    if (has_expected != (op == vir::AtomicOp::CompareExchange)) {
      return stop(FaultCode::bad_operation,
                  "compare_exchange needs an expected value and no other atomic takes one");
    }
    return atomic(lanes[k], id, index[k], expected[k], value[k]);
  });
}

namespace {

/// What reductions and shuffles take: u32 in every lane, or f32 in every lane.
bool is_float(const Value& value) {
  return std::holds_alternative<double>(value);
}
bool is_word(const Value& value) {
  return std::holds_alternative<std::uint32_t>(value);
}

/// The lanes of one subgroup among those that execute an operation: positions in the list.
struct Subgroup {
  std::size_t begin;
  std::size_t end;
};

std::vector<Subgroup> subgroups_of(const Lanes& lanes) {
  std::vector<Subgroup> found;
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    const bool goes_on = k > 0 && lanes[k - 1] / kSubgroupLanes == lanes[k] / kSubgroupLanes;
    if (!goes_on) found.push_back({k, k});
    found.back().end = k + 1;
  }
  return found;
}

std::uint32_t ballot(const Lanes& lanes, const Values& values, Subgroup group) {
  std::uint32_t bits = 0;
  for (std::size_t k = group.begin; k < group.end; ++k) {
    if (truthy(values[k])) bits |= 1u << lanes[k] % kSubgroupLanes;
  }
  return bits;
}

/// The value of lane `source` of the subgroup; 0 of a lane that does not execute the shuffle.
Value shuffled(const Lanes& lanes, const Values& values, Subgroup group, std::uint32_t source) {
  for (std::size_t k = group.begin; k < group.end; ++k) {
    if (lanes[k] % kSubgroupLanes == source) return values[k];
  }
  return is_float(values[group.begin]) ? Value{0.0} : Value{std::uint32_t{0}};
}

/// In lane order. The operator has a meaning for the values: eval_subgroup has tried it.
Value reduced(vir::ReduceOp op, const Values& values, Subgroup group) {
  Value sum = values[group.begin];
  if (is_float(sum)) sum = static_cast<double>(narrow(std::get<double>(sum)));
  for (std::size_t k = group.begin + 1; k < group.end; ++k) {
    sum = *apply_reduce(op, sum, values[k]);
  }
  return sum;
}

}  // namespace

/// The lanes of the list are those that execute the operation together: nothing else of a subgroup
/// is seen.
Values Machine::eval_subgroup(const vir::Expr& expr, Lanes& lanes, std::uint32_t depth) {
  using vir::ExprTag;
  const Values values = eval(expr.child[0], lanes, depth + 1);
  // Versions that know only addition leave the operator 0.
  const auto op = expr.op == 0 ? vir::ReduceOp::Add : static_cast<vir::ReduceOp>(expr.op);
  if (expr.tag != ExprTag::SubgroupBallot) {
    (void)each<Unbound>(lanes, [&](std::size_t k) -> Maybe<Unbound> {
      const bool fits = is_float(values.front()) ? is_float(values[k])
                                                 : is_word(values.front()) && is_word(values[k]);
      if (!fits) return stop(FaultCode::type_mismatch, "a subgroup operation takes u32 or f32");
      if (expr.tag == ExprTag::SubgroupAdd) {
        // Whether the operator has a meaning there shows on any two values of the kind.
        if (auto known = apply_reduce(op, values[k], values[k]); !known) {
          return tl::unexpected<Stop>(known.error());
        }
      }
      return Unbound{};
    });
  }
  std::vector<std::uint32_t> source;
  if (expr.tag == ExprTag::SubgroupShuffle) source = eval_u32(expr.child[1], lanes, depth + 1);
  if (!meet(lanes)) return {};
  Values results;
  for (const Subgroup group : subgroups_of(lanes)) {
    for (std::size_t k = group.begin; k < group.end; ++k) {
      if (expr.tag == ExprTag::SubgroupShuffle) {
        results.push_back(shuffled(lanes, values, group, source[k]));
      } else if (k > group.begin) {
        results.push_back(results.back());
      } else if (expr.tag == ExprTag::SubgroupBallot) {
        results.push_back(ballot(lanes, values, group));
      } else {
        results.push_back(reduced(op, values, group));
      }
    }
  }
  return results;
}

}  // namespace vyre::reference
