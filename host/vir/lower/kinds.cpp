// Tables of kinds: elements, operators, casts. The inference over a program is in infer.cpp.
#include "kinds.hpp"

#include "vir/program/dispatch.hpp"

namespace vyre::vir::lowering {

using core::Opcode;
using Tag = Kind::Tag;

Kind join(Kind a, Kind b) noexcept {
  if (a == b || b.tag == Tag::never) return a;
  if (a.tag == Tag::never) return b;
  if (a.is_float() && b.is_float()) return kF64;
  if (a.is_plain_word() && b.is_plain_word()) return Kind{Tag::word, 0};
  return Kind{Tag::conflict, 0};
}

const char* kind_name(Kind kind) noexcept {
  switch (kind.tag) {
    case Tag::never:
      return "never";
    case Tag::u32:
      return "u32";
    case Tag::i32:
      return "i32";
    case Tag::u64:
      return "u64";
    case Tag::boolean:
      return "bool";
    case Tag::f32:
      return "f32";
    case Tag::f64:
      return "f64";
    case Tag::bytes:
      return "bytes";
    case Tag::word:
      return "u32, i32 or bool";
    case Tag::conflict:
      return "different widths";
  }
  return "?";
}

Kind element_kind(const Program& program, TypeId element) {
  switch (program.types[element].tag) {
    case TypeTag::U32:
    case TypeTag::Bool:  // the raw word, not normalised
      return kU32;
    case TypeTag::I32:
      return kI32;
    case TypeTag::U64:
      return kU64;
    case TypeTag::F32:
      return kF32;
    case TypeTag::F64:
      return kF64;
    default:
      return Kind{Tag::bytes, static_cast<std::uint32_t>(element_stride(program, element))};
  }
}

bool always_fails(BinOp op) noexcept {
  return op == BinOp::Shuffle || op == BinOp::Ballot || op == BinOp::WaveReduce ||
         op == BinOp::WaveBroadcast || op == BinOp::Extension;
}

bool always_fails(UnOp op) noexcept {
  return op == UnOp::Unpack4Low || op == UnOp::Unpack4High || op == UnOp::Unpack8Low ||
         op == UnOp::Unpack8High || op == UnOp::Extension;
}

namespace {

OperatorPlan plan_bool(BinOp op) {
  switch (op) {
    case BinOp::Eq:
      return {Opcode::eq, kBool, false};
    case BinOp::Ne:
      return {Opcode::ne, kBool, false};
    case BinOp::And:
      return {Opcode::bit_and, kBool, false};
    case BinOp::Or:
      return {Opcode::bit_or, kBool, false};
    default:
      return {};
  }
}

OperatorPlan plan_word(BinOp op, bool is_signed) {
  const Kind same = is_signed ? kI32 : kU32;
  const auto pick = [&](Opcode u, Opcode i) {
    return OperatorPlan{is_signed ? i : u, same, false};
  };
  const auto compare = [&](Opcode u, Opcode i, bool swap) {
    return OperatorPlan{is_signed ? i : u, kBool, swap};
  };
  switch (op) {
    case BinOp::Add:
    case BinOp::WrappingAdd:
      return {Opcode::add, same, false};
    case BinOp::Sub:
    case BinOp::WrappingSub:
      return {Opcode::sub, same, false};
    case BinOp::Mul:
      return {Opcode::mul, same, false};
    case BinOp::Div:
      return pick(Opcode::udiv, Opcode::idiv);
    case BinOp::Mod:
      return pick(Opcode::umod, Opcode::imod);
    case BinOp::BitAnd:
      return {Opcode::bit_and, same, false};
    case BinOp::BitOr:
      return {Opcode::bit_or, same, false};
    case BinOp::BitXor:
      return {Opcode::bit_xor, same, false};
    case BinOp::Shl:
      return {Opcode::shl, same, false};
    case BinOp::Shr:
      return pick(Opcode::ushr, Opcode::ishr);
    case BinOp::Eq:
      return {Opcode::eq, kBool, false};
    case BinOp::Ne:
      return {Opcode::ne, kBool, false};
    case BinOp::Lt:
      return compare(Opcode::ult, Opcode::ilt, false);
    case BinOp::Gt:
      return compare(Opcode::ult, Opcode::ilt, true);
    case BinOp::Le:
      return compare(Opcode::ule, Opcode::ile, false);
    case BinOp::Ge:
      return compare(Opcode::ule, Opcode::ile, true);
    case BinOp::And:
      return {Opcode::land, kBool, false};
    case BinOp::Or:
      return {Opcode::lor, kBool, false};
    case BinOp::AbsDiff:
      return {is_signed ? Opcode::iabsdiff : Opcode::uabsdiff, kU32, false};
    case BinOp::Min:
      return pick(Opcode::umin, Opcode::imin);
    case BinOp::Max:
      return pick(Opcode::umax, Opcode::imax);
    case BinOp::SaturatingAdd:
      return pick(Opcode::usat_add, Opcode::isat_add);
    case BinOp::SaturatingSub:
      return pick(Opcode::usat_sub, Opcode::isat_sub);
    case BinOp::SaturatingMul:
      return pick(Opcode::usat_mul, Opcode::isat_mul);
    case BinOp::RotateLeft:
      return is_signed ? OperatorPlan{} : OperatorPlan{Opcode::rotl, kU32, false};
    case BinOp::RotateRight:
      return is_signed ? OperatorPlan{} : OperatorPlan{Opcode::rotr, kU32, false};
    case BinOp::MulHigh:
      return is_signed ? OperatorPlan{} : OperatorPlan{Opcode::umulhi, kU32, false};
    default:
      return {};
  }
}

OperatorPlan plan_u64(BinOp op) {
  switch (op) {
    case BinOp::Add:
    case BinOp::WrappingAdd:
      return {Opcode::add64, kU64, false};
    case BinOp::Sub:
    case BinOp::WrappingSub:
      return {Opcode::sub64, kU64, false};
    case BinOp::Mul:
      return {Opcode::mul64, kU64, false};
    case BinOp::Div:
      return {Opcode::udiv64, kU64, false};
    case BinOp::Mod:
      return {Opcode::umod64, kU64, false};
    case BinOp::BitAnd:
      return {Opcode::and64, kU64, false};
    case BinOp::BitOr:
      return {Opcode::or64, kU64, false};
    case BinOp::BitXor:
      return {Opcode::xor64, kU64, false};
    case BinOp::Shl:
      return {Opcode::shl64, kU64, false};
    case BinOp::Shr:
      return {Opcode::shr64, kU64, false};
    case BinOp::Eq:
      return {Opcode::eq64, kBool, false};
    case BinOp::Ne:
      return {Opcode::ne64, kBool, false};
    case BinOp::Lt:
      return {Opcode::lt64, kBool, false};
    case BinOp::Gt:
      return {Opcode::lt64, kBool, true};
    case BinOp::Le:
      return {Opcode::le64, kBool, false};
    case BinOp::Ge:
      return {Opcode::le64, kBool, true};
    case BinOp::And:
      return {Opcode::land64, kBool, false};
    case BinOp::Or:
      return {Opcode::lor64, kBool, false};
    case BinOp::AbsDiff:
      return {Opcode::absdiff64, kU64, false};
    case BinOp::Min:
      return {Opcode::min64, kU64, false};
    case BinOp::Max:
      return {Opcode::max64, kU64, false};
    case BinOp::SaturatingAdd:
      return {Opcode::sat_add64, kU64, false};
    case BinOp::SaturatingSub:
      return {Opcode::sat_sub64, kU64, false};
    case BinOp::SaturatingMul:
      return {Opcode::sat_mul64, kU64, false};
    case BinOp::MulHigh:
      return {Opcode::mulhi64, kU64, false};
    default:
      return {};
  }
}

OperatorPlan plan_float(BinOp op) {
  switch (op) {
    case BinOp::Add:
      return {Opcode::fadd, kF32, false};
    case BinOp::Sub:
      return {Opcode::fsub, kF32, false};
    case BinOp::Mul:
      return {Opcode::fmul, kF32, false};
    case BinOp::Div:
      return {Opcode::fdiv, kF32, false};
    case BinOp::Min:
      return {Opcode::fmin, kF32, false};
    case BinOp::Max:
      return {Opcode::fmax, kF32, false};
    case BinOp::Eq:
      return {Opcode::feq, kBool, false};
    case BinOp::Ne:
      return {Opcode::fne, kBool, false};
    case BinOp::Lt:
      return {Opcode::flt, kBool, false};
    case BinOp::Gt:
      return {Opcode::flt, kBool, true};
    case BinOp::Le:
      return {Opcode::fle, kBool, false};
    case BinOp::Ge:
      return {Opcode::fle, kBool, true};
    default:
      return {};
  }
}

OperatorPlan plan_float_unary(UnOp op) {
  switch (op) {
    case UnOp::Negate:
      return {Opcode::fneg, kF32, false};
    case UnOp::Abs:
      return {Opcode::fabs, kF32, false};
    case UnOp::Sqrt:
      return {Opcode::fsqrt, kF32, false};
    case UnOp::InverseSqrt:
      return {Opcode::finverse_sqrt, kF32, false};
    case UnOp::Reciprocal:
      return {Opcode::freciprocal, kF32, false};
    case UnOp::Floor:
      return {Opcode::ffloor, kF32, false};
    case UnOp::Ceil:
      return {Opcode::fceil, kF32, false};
    case UnOp::Round:
      return {Opcode::fround, kF32, false};
    case UnOp::Trunc:
      return {Opcode::ftrunc, kF32, false};
    case UnOp::Sign:
      return {Opcode::fsign, kF32, false};
    case UnOp::IsNan:
      return {Opcode::fis_nan, kBool, false};
    case UnOp::IsInf:
      return {Opcode::fis_inf, kBool, false};
    case UnOp::IsFinite:
      return {Opcode::fis_finite, kBool, false};
    case UnOp::Sin:
      return {Opcode::fsin, kF32, false};
    case UnOp::Cos:
      return {Opcode::fcos, kF32, false};
    case UnOp::Tan:
      return {Opcode::ftan, kF32, false};
    case UnOp::Asin:
      return {Opcode::fasin, kF32, false};
    case UnOp::Acos:
      return {Opcode::facos, kF32, false};
    case UnOp::Atan:
      return {Opcode::fatan, kF32, false};
    case UnOp::Sinh:
      return {Opcode::fsinh, kF32, false};
    case UnOp::Cosh:
      return {Opcode::fcosh, kF32, false};
    case UnOp::Tanh:
      return {Opcode::ftanh, kF32, false};
    case UnOp::Exp:
      return {Opcode::fexp, kF32, false};
    case UnOp::Exp2:
      return {Opcode::fexp2, kF32, false};
    case UnOp::Log:
      return {Opcode::flog, kF32, false};
    case UnOp::Log2:
      return {Opcode::flog2, kF32, false};
    default:
      return {};
  }
}

OperatorPlan plan_integer_unary(UnOp op, Kind same) {
  const bool wide = same == kU64;
  const auto pick = [&](Opcode narrow, Opcode pair) {
    return OperatorPlan{wide ? pair : narrow, same, false};
  };
  switch (op) {
    case UnOp::Negate:
      return pick(Opcode::neg, Opcode::neg64);
    case UnOp::BitNot:
      return pick(Opcode::bit_not, Opcode::not64);
    case UnOp::LogicalNot:
      return {wide ? Opcode::lnot64 : Opcode::lnot, kBool, false};
    case UnOp::Popcount:
      return pick(Opcode::popcount, Opcode::popcount64);
    case UnOp::Clz:
      return pick(Opcode::clz, Opcode::clz64);
    case UnOp::Ctz:
      return pick(Opcode::ctz, Opcode::ctz64);
    case UnOp::ReverseBits:
      return pick(Opcode::reverse_bits, Opcode::reverse_bits64);
    default:
      return {};
  }
}

}  // namespace

OperatorPlan plan_binary(BinOp op, Kind kind) noexcept {
  switch (kind.tag) {
    case Tag::boolean:
      return plan_bool(op);
    case Tag::u32:
      return plan_word(op, false);
    case Tag::i32:
      return plan_word(op, true);
    case Tag::u64:
      return plan_u64(op);
    case Tag::f32:
    case Tag::f64:
      return plan_float(op);
    default:
      return {};
  }
}

OperatorPlan plan_unary(UnOp op, Kind kind) noexcept {
  switch (kind.tag) {
    case Tag::u32:
    case Tag::i32:
    case Tag::u64:
      return plan_integer_unary(op, kind);
    case Tag::f32:
    case Tag::f64:
      return plan_float_unary(op);
    case Tag::boolean:
      return op == UnOp::LogicalNot ? OperatorPlan{Opcode::lnot, kBool, false} : OperatorPlan{};
    default:
      return {};
  }
}

Kind binary_kind(BinOp op, Kind a, Kind b) noexcept {
  if (a.is_float() && b.is_float()) return plan_binary(op, kF32).result;
  return a == b ? plan_binary(op, a).result : kNever;
}

Kind unary_kind(UnOp op, Kind a) noexcept {
  return plan_unary(op, a).result;
}

Kind cast_kind(TypeTag target, Kind from) noexcept {
  if (from.words() == 0 && from.tag != Tag::bytes) return kNever;
  const bool long_bytes = from.tag == Tag::bytes && from.size > 4;
  switch (target) {
    case TypeTag::U32:
      return long_bytes ? kNever : kU32;
    case TypeTag::I32:
      return long_bytes ? kNever : kI32;
    case TypeTag::U64:
      return from.tag == Tag::bytes && from.size > 8 ? kNever : kU64;
    case TypeTag::F32:
      return from.is_float() ? from : (long_bytes ? kNever : kF32);
    case TypeTag::Bool:
      return kBool;
    case TypeTag::Vec2U32:
      return Kind{Tag::bytes, 8};
    case TypeTag::Vec4U32:
      return Kind{Tag::bytes, 16};
    default:
      return Kind{Tag::bytes, from.stored_bytes()};
  }
}

}  // namespace vyre::vir::lowering
