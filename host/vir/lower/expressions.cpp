// Expressions: operands left to right, every operand evaluated, uniform ones once a frame in scalar
// registers.
#include <bit>

#include "base/message.hpp"
#include "core/f32.hpp"
#include "program.hpp"
#include "protocol/limits.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/given_up.hpp"

namespace vyre::vir::lowering {

using core::Instruction;
using core::kScalarA;
using core::kScalarB;
using core::kScalarC;
using core::kScalarResult;
using core::Opcode;
using Tag = Kind::Tag;

Value ProgramLowering::faulted(FaultCode code) {
  out_.emit_fault(code);
  return Value{};
}

Value ProgramLowering::drop(const Value& value, FaultCode code) {
  out_.release(value);
  return faulted(code);
}

bool ProgramLowering::unclear(const Value& value, const char* use) {
  if (value.kind.tag != Tag::word) return false;
  out_.refuse(
      message("a variable holds u32, i32 or bool depending on the path and is {}; use one variable "
              "for each type",
              use));
  return true;
}

Value ProgramLowering::expression(ExprId id) {
  if (out_.failed()) return Value{};
  if (step_is_over(interrupt_)) {
    out_.stop(given_up("lowered").value());
    return Value{};
  }
  poll_at_times();
  const Expr& e = program_.exprs[id];
  switch (e.tag) {
    case ExprTag::LitU32:
      return out_.constant(e.bits, kU32);
    case ExprTag::LitI32:
      return out_.constant(e.bits, kI32);
    case ExprTag::LitBool:
      return out_.constant(e.bits != 0 ? 1 : 0, kBool);
    case ExprTag::LitF32:
      return out_.constant(core::f32::canonical_bits(e.bits), kF32);
    case ExprTag::Var:
      return variable(e);
    case ExprTag::Load:
      return load(e);
    case ExprTag::BufLen:
      return buffer_length(e);
    case ExprTag::InvocationId:
    case ExprTag::WorkgroupId:
    case ExprTag::LocalId:
      return identifier(e);
    case ExprTag::SubgroupLocalId:
      return subgroup_local_id();
    case ExprTag::SubgroupSize:
      return out_.constant(kSubgroupLanes, kU32);
    case ExprTag::BinOp:
      return binary(e);
    case ExprTag::UnOp:
      return unary(e);
    case ExprTag::Select:
      return select(e);
    case ExprTag::Cast: {
      const Value value = expression(e.child[0]);
      return value.never() ? value : cast(program_.types[e.bits].tag, value);
    }
    case ExprTag::Fma:
      return fma(e);
    case ExprTag::Atomic:
      return atomic(e);
    case ExprTag::SubgroupAdd:
    case ExprTag::SubgroupShuffle:
    case ExprTag::SubgroupBallot:
      return group(e);
    case ExprTag::Call:
      out_.refuse(message("call of '{}': there is no library of operations to call",
                          program_.name(e.name)));
      return Value{};
    default:
      return faulted(FaultCode::bad_operation);
  }
}

Value ProgramLowering::variable(const Expr& e) {
  const Bound* bound = find(e.name);
  if (bound == nullptr) return faulted(FaultCode::unbound_variable);
  return bound->value;
}

Value ProgramLowering::load(const Expr& e) {
  const Value index = as_u32(expression(e.child[0]), FaultCode::bad_index);
  if (index.never()) return index;
  const std::uint32_t buffer = buffer_index(e.name);
  if (buffer == kNone) return drop(index, FaultCode::bad_operation);
  if (element(buffer).tag == TypeTag::Bytes) {
    out_.refuse(
        message("buffer '{}': a load of Bytes gives all bytes up to the end, which has no fixed "
                "width; declare U8",
                program_.name(e.name)));
    return Value{};
  }
  const Kind kind = element_kind(program_, program_.buffers[buffer].element);
  if (kind.words() * 4 > kMaxValueBytes) {
    out_.refuse(message("buffer '{}': elements of {} bytes are too wide to load; the limit is {}",
                        program_.name(e.name), kind.size, kMaxValueBytes));
    return Value{};
  }
  // Nothing writes a read-only buffer during a run: its elements at constant places are loaded
  // once.
  const auto place = out_.constant_of(index);
  const bool once = out_.optimise() && place && kind.words() == 1 &&
                    role_of(program_.buffers[buffer]) == BufferRole::read;
  if (once) {
    const auto found = loaded_once_.find({buffer, *place});
    if (found != loaded_once_.end()) return {kind, true, false, false, found->second};
  }
  Instruction i{Opcode::load_n, 0, 0, 0, index.reg, 0, 0, buffer};
  if (kind == kF32) {
    i.op = Opcode::load_f32;
  } else if (kind.stored_bytes() == 4) {
    i.op = Opcode::load32;
  } else if (kind.stored_bytes() == 1) {
    i.op = Opcode::load8;
  }
  if (i.op != Opcode::load_n && is_global_x(index)) i.aux = core::kIndexIsGlobalId;
  out_.release(index);
  if (kind.words() == 0) return {kind, false, false, false, 0};
  if (once) {
    i.form = kScalarA | kScalarResult;
    i.dst = out_.fresh_scalar();
    out_.emit_once(i);
    loaded_once_.emplace(std::pair{buffer, *place}, i.dst);
    return {kind, true, false, false, i.dst};
  }
  const Value result = index.scalar ? out_.new_scalar(kind) : out_.new_vector(kind);
  i.form = index.scalar ? kScalarA | kScalarResult : 0;
  i.dst = result.reg;
  out_.emit(i);
  return result;
}

bool ProgramLowering::is_global_x(const Value& index) const {
  return out_.optimise() && !index.scalar && ids_[0][0] && *ids_[0][0] == index.reg;
}

Value ProgramLowering::buffer_length(const Expr& e) {
  const std::uint32_t buffer = buffer_index(e.name);
  if (buffer == kNone) return faulted(FaultCode::bad_operation);
  if (!lengths_[buffer]) {
    lengths_[buffer] = out_.fresh_scalar();
    out_.emit_once({Opcode::buf_len, kScalarResult, 0, *lengths_[buffer], 0, 0, 0, buffer});
  }
  return {kU32, true, false, false, *lengths_[buffer]};
}

Value ProgramLowering::identifier(const Expr& e) {
  const std::uint32_t axis = e.op;
  if (axis > 2) return faulted(FaultCode::bad_operation);
  const std::size_t which =
      e.tag == ExprTag::InvocationId ? 0 : (e.tag == ExprTag::LocalId ? 1 : 2);
  const Opcode op =
      which == 0 ? Opcode::global_id : (which == 1 ? Opcode::local_id : Opcode::workgroup_id);
  if (which == 0 && !guarded_[axis]) {
    out_.emit({Opcode::id_guard, 0, static_cast<std::uint8_t>(axis), 0, 0, 0, 0, 0});
    guarded_[axis] = true;
  }
  if (which == 1 && program_.workgroup[axis] == 1) return out_.constant(0, kU32);
  const bool scalar = which == 2 && !flat_;
  auto& reg = ids_[which][axis];
  if (!reg) {
    reg = scalar ? out_.fresh_scalar() : out_.fresh_vector();
    out_.emit_prologue({op, static_cast<std::uint8_t>(scalar ? kScalarResult : 0),
                        static_cast<std::uint8_t>(axis), *reg, 0, 0, 0, 0});
  }
  return {kU32, scalar, false, false, *reg};
}

Value ProgramLowering::subgroup_local_id() {
  if (!subgroup_local_id_) {
    subgroup_local_id_ = out_.fresh_vector();
    out_.emit_prologue({Opcode::subgroup_local_id, 0, 0, *subgroup_local_id_, 0, 0, 0, 0});
  }
  return {kU32, false, false, false, *subgroup_local_id_};
}

Value ProgramLowering::apply_binary(BinOp op, Value a, Value b) {
  if (a.never() || b.never()) {
    out_.release(a);
    out_.release(b);
    return Value{};
  }
  const auto fails = [&](FaultCode code) {
    out_.release(b);
    return drop(a, code);
  };
  if (always_fails(op)) return fails(FaultCode::bad_operation);
  if (unclear(a, "an operand") || unclear(b, "an operand")) return Value{};
  if (a.kind.is_float() && b.kind.is_float()) {
    a = as_f32(a);
    b = as_f32(b);
  }
  if (!(a.kind == b.kind)) return fails(FaultCode::type_mismatch);
  const OperatorPlan plan = plan_binary(op, a.kind);
  if (plan.result.tag == Tag::never) return fails(FaultCode::type_mismatch);
  if (out_.optimise() && (plan.op == Opcode::udiv || plan.op == Opcode::umod)) {
    // A division by a power of two is a shift, and its remainder the low bits.
    if (const auto by = out_.constant_of(b); by && std::has_single_bit(*by)) {
      const bool whole = plan.op == Opcode::udiv;
      b = out_.constant(whole ? static_cast<std::uint32_t>(std::countr_zero(*by)) : *by - 1,
                        b.kind);
      return out_.emit_pure(whole ? Opcode::ushr : Opcode::bit_and, plan.result, a, b);
    }
  }
  if (plan.op == Opcode::idiv || plan.op == Opcode::imod) {
    return out_.emit_checked(plan.op, FaultCode::none, plan.result, a, &b);
  }
  return plan.swap ? out_.emit_pure(plan.op, plan.result, b, a)
                   : out_.emit_pure(plan.op, plan.result, a, b);
}

/// Sums of products in one instruction, each operation rounded or wrapped on its own.
std::optional<Value> ProgramLowering::fused(const Expr& e) {
  const auto op = static_cast<BinOp>(e.op);
  if (!out_.optimise() || (op != BinOp::Add && op != BinOp::WrappingAdd)) return std::nullopt;
  const auto inner_op = [&](ExprId id) -> std::optional<BinOp> {
    const Expr& inner = program_.exprs[id];
    if (inner.tag != ExprTag::BinOp) return std::nullopt;
    const auto found = static_cast<BinOp>(inner.op);
    return found == BinOp::Mul || found == BinOp::Shl ? std::optional(found) : std::nullopt;
  };
  const auto left = inner_op(e.child[0]);
  const auto right = left ? std::nullopt : inner_op(e.child[1]);
  if (!left && !right) return std::nullopt;
  const Expr& inner = program_.exprs[e.child[left ? 0 : 1]];
  Value addend{};
  if (right) addend = expression(e.child[0]);
  Value a = expression(inner.child[0]);
  Value b = expression(inner.child[1]);
  const bool floats = a.kind == kF32 && b.kind == kF32;
  const bool words = a.kind == b.kind && (a.kind == kU32 || a.kind == kI32);
  const BinOp kind = left ? *left : *right;
  const bool known = floats ? kind == BinOp::Mul && op == BinOp::Add : words;
  if (!known) {
    const Value product = apply_binary(kind, a, b);
    if (left) addend = expression(e.child[1]);
    return left ? apply_binary(op, product, addend) : apply_binary(op, addend, product);
  }
  if (left) addend = expression(e.child[1]);
  if (!(addend.kind == a.kind)) {
    const Value product = apply_binary(kind, a, b);
    return left ? apply_binary(op, product, addend) : apply_binary(op, addend, product);
  }
  const Opcode fused_op =
      floats ? Opcode::fmul_add : (kind == BinOp::Mul ? Opcode::mul_add : Opcode::shl_add);
  return out_.emit_pure(fused_op, a.kind, a, b, addend);
}

Value ProgramLowering::binary(const Expr& e) {
  if (auto value = fused(e)) return *value;
  const Value a = expression(e.child[0]);
  const Value b = expression(e.child[1]);
  return apply_binary(static_cast<BinOp>(e.op), a, b);
}

Value ProgramLowering::unary(const Expr& e) {
  const auto op = static_cast<UnOp>(e.op);
  Value a = expression(e.child[0]);
  if (a.never()) return a;
  if (always_fails(op)) return drop(a, FaultCode::bad_operation);
  if (unclear(a, "an operand")) return Value{};
  const OperatorPlan plan = plan_unary(op, a.kind);
  if (plan.result.tag == Tag::never) return drop(a, FaultCode::type_mismatch);
  if (a.kind.is_float()) a = as_f32(a);
  return out_.emit_pure(plan.op, plan.result, a);
}

Value ProgramLowering::select(const Expr& e) {
  const Value condition = truth(expression(e.child[0]));
  Value a = expression(e.child[1]);
  Value b = expression(e.child[2]);
  if (condition.never() || a.never() || b.never()) {
    out_.release(condition);
    out_.release(a);
    out_.release(b);
    return Value{};
  }
  const Kind kind = join(a.kind, b.kind);
  if (kind.tag == Tag::conflict) {
    out_.refuse("the arms of a select have different widths; cast them to one type");
    return Value{};
  }
  a = converted(a, kind);
  b = converted(b, kind);
  if (kind.words() == 0) return {kind, false, false, false, 0};
  if (kind.words() == 1) return out_.emit_pure(Opcode::select, kind, condition, a, b);
  // The result is a group of its own: the condition is read again for every word.
  const bool scalar = condition.scalar && a.scalar && b.scalar;
  const Value result = scalar ? out_.new_scalar(kind) : out_.new_vector(kind);
  for (std::uint32_t k = 0; k < kind.words(); ++k) {
    Instruction i{Opcode::select,
                  0,
                  0,
                  static_cast<std::uint16_t>(result.reg + k),
                  condition.reg,
                  static_cast<std::uint16_t>(a.reg + k),
                  static_cast<std::uint16_t>(b.reg + k),
                  0};
    i.form =
        static_cast<std::uint8_t>((condition.scalar ? kScalarA : 0) | (a.scalar ? kScalarB : 0) |
                                  (b.scalar ? kScalarC : 0) | (scalar ? kScalarResult : 0));
    out_.emit(i);
  }
  out_.release(condition);
  out_.release(a);
  out_.release(b);
  return result;
}

Value ProgramLowering::fma(const Expr& e) {
  std::array<Value, 3> v{};
  bool never = false;
  bool fits = true;
  for (std::size_t k = 0; k < 3; ++k) {
    v[k] = expression(e.child[k]);
    never = never || v[k].never();
    if (!v[k].never() && unclear(v[k], "an operand of fma")) return Value{};
    fits = fits && (v[k].kind.is_float() || v[k].kind == kU32);
  }
  if (never || !fits) {
    for (const Value& value : v) out_.release(value);
    return never ? Value{} : faulted(FaultCode::type_mismatch);
  }
  for (Value& value : v) value = value.kind == kU32 ? relabel(value, kF32) : as_f32(value);
  return out_.emit_pure(Opcode::fma, kF32, v[0], v[1], v[2]);
}

Value ProgramLowering::atomic(const Expr& e) {
  const auto op = static_cast<AtomicOp>(e.op);
  const bool has_expected = e.child[2] != kNone;
  const Value index = as_u32(expression(e.child[0]), FaultCode::bad_index);
  const Value expected =
      has_expected ? as_u32(expression(e.child[2]), FaultCode::bad_index) : out_.constant(0, kU32);
  const Value value = as_u32(expression(e.child[1]), FaultCode::bad_index);
  const auto release_all = [&] {
    out_.release(index);
    out_.release(expected);
    out_.release(value);
  };
  if (index.never() || expected.never() || value.never()) {
    release_all();
    return Value{};
  }
  core::AtomicCode code{};
  bool known = has_expected == (op == AtomicOp::CompareExchange);
  switch (op) {
    case AtomicOp::Add:
      code = core::AtomicCode::add;
      break;
    case AtomicOp::Or:
      code = core::AtomicCode::bit_or;
      break;
    case AtomicOp::And:
      code = core::AtomicCode::bit_and;
      break;
    case AtomicOp::Xor:
      code = core::AtomicCode::bit_xor;
      break;
    case AtomicOp::Min:
      code = core::AtomicCode::umin;
      break;
    case AtomicOp::Max:
    case AtomicOp::LruUpdate:
      code = core::AtomicCode::umax;
      break;
    case AtomicOp::Exchange:
      code = core::AtomicCode::exchange;
      break;
    case AtomicOp::CompareExchange:
      code = core::AtomicCode::compare_exchange;
      break;
    default:
      known = false;
      break;
  }
  const std::uint32_t buffer = buffer_index(e.name);
  if (!known || buffer == kNone || role_of(program_.buffers[buffer]) == BufferRole::workgroup) {
    release_all();
    return faulted(FaultCode::bad_operation);
  }
  if (element_stride(program_, program_.buffers[buffer].element) != 4) {
    out_.refuse(message("atomic on buffer '{}', whose elements are not 4 bytes; declare U32",
                        program_.name(e.name)));
    return Value{};
  }
  Instruction i{Opcode::atomic, 0,     static_cast<std::uint8_t>(code), 0, index.reg, value.reg,
                expected.reg,   buffer};
  i.form = static_cast<std::uint8_t>((index.scalar ? kScalarA : 0) | (value.scalar ? kScalarB : 0) |
                                     (expected.scalar ? kScalarC : 0));
  release_all();
  const Value result = out_.new_vector(kU32);
  i.dst = result.reg;
  out_.emit(i);
  return result;
}

Value ProgramLowering::group(const Expr& e) {
  Value value = expression(e.child[0]);
  if (value.never()) return value;
  if (e.tag == ExprTag::SubgroupBallot) {
    const Value lanes = out_.as_vector(truth(value));
    return out_.emit_pure(Opcode::ballot, kU32, lanes);
  }
  if (unclear(value, "the argument of a subgroup operation")) return Value{};
  const bool floats = value.kind.is_float();
  if (!floats && !(value.kind == kU32)) return drop(value, FaultCode::type_mismatch);
  if (e.tag == ExprTag::SubgroupShuffle) {
    const Value from = out_.as_vector(as_u32(expression(e.child[1]), FaultCode::bad_index));
    if (from.never()) {
      out_.release(value);
      return from;
    }
    value = out_.as_vector(value);
    const Value result = out_.new_vector(value.kind);
    for (std::uint32_t k = 0; k < value.kind.words(); ++k) {
      out_.emit({Opcode::shuffle, 0, 0, static_cast<std::uint16_t>(result.reg + k),
                 static_cast<std::uint16_t>(value.reg + k), from.reg, 0, 0});
    }
    out_.release(from);
    out_.release(value);
    return result;
  }
  core::GroupCode code{};
  const auto op = e.op == 0 ? ReduceOp::Add : static_cast<ReduceOp>(e.op);
  using core::GroupCode;
  switch (op) {
    case ReduceOp::Add:
      code = floats ? GroupCode::add_f32 : GroupCode::add_u32;
      break;
    case ReduceOp::Mul:
      code = floats ? GroupCode::mul_f32 : GroupCode::mul_u32;
      break;
    case ReduceOp::Min:
      code = floats ? GroupCode::min_f32 : GroupCode::min_u32;
      break;
    case ReduceOp::Max:
      code = floats ? GroupCode::max_f32 : GroupCode::max_u32;
      break;
    case ReduceOp::And:
      code = GroupCode::and_u32;
      break;
    case ReduceOp::Or:
      code = GroupCode::or_u32;
      break;
    case ReduceOp::Xor:
      code = GroupCode::xor_u32;
      break;
    default:
      return drop(value, FaultCode::bad_operation);
  }
  const bool bitwise = op == ReduceOp::And || op == ReduceOp::Or || op == ReduceOp::Xor;
  if (floats && bitwise) return drop(value, FaultCode::type_mismatch);
  value = out_.as_vector(floats ? as_f32(value) : value);
  Instruction i{Opcode::group_reduce, 0, static_cast<std::uint8_t>(code), 0, value.reg, 0, 0, 0};
  out_.release(value);
  const Value result = out_.new_vector(value.kind);
  i.dst = result.reg;
  out_.emit(i);
  return result;
}

}  // namespace vyre::vir::lowering
