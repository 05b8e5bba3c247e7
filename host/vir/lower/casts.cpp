// Conversions between kinds: casts, "as u32", truth, and the form in which a value is stored.
#include "program.hpp"

namespace vyre::vir::lowering {

using core::Opcode;
using Tag = Kind::Tag;

Value ProgramLowering::as_f32(const Value& value) {
  return value.kind == kF64 ? out_.emit_pure(Opcode::f32_from_f64, kF32, value) : value;
}

Value ProgramLowering::converted(const Value& value, Kind kind) {
  if (value.kind == kind || value.never()) return value;
  if (kind == kF64 && value.kind == kF32) return out_.emit_pure(Opcode::f64_from_f32, kF64, value);
  return relabel(value, kind);
}

Value ProgramLowering::truth(const Value& value) {
  switch (value.kind.tag) {
    case Tag::f32:
      return out_.emit_pure(Opcode::ftruth, kBool, value);
    case Tag::f64:
      return out_.emit_pure(Opcode::truth_f64, kBool, value);
    case Tag::u64:
      return out_.emit_pure(Opcode::truth64, kBool, value);
    case Tag::bytes:
      if (value.kind.size == 0 || value.kind.size > 4) {
        out_.release(value);
        return out_.constant(value.kind.size == 0 ? 0 : 1, kBool);
      }
      return relabel(value, kU32);
    case Tag::never:
      return value;
    default:
      return relabel(value, kU32);
  }
}

Value ProgramLowering::as_u32(const Value& value, FaultCode code) {
  switch (value.kind.tag) {
    case Tag::never:
    case Tag::u32:
      return value;
    case Tag::boolean:
      return relabel(value, kU32);
    case Tag::i32:
      if (const auto bits = out_.constant_of(value); bits && *bits < 0x80000000u)
        return relabel(value, kU32);
      return out_.emit_checked(Opcode::check_u32_i32, code, kU32, value);
    case Tag::u64:
      return out_.emit_checked(Opcode::check_u32_u64, code, kU32, value);
    case Tag::f32:
      return out_.emit_checked(Opcode::check_u32_f32, code, kU32, value);
    case Tag::f64:
      return out_.emit_checked(Opcode::check_u32_f64, code, kU32, value);
    case Tag::bytes:
      if (value.kind.size > 4) return drop(value, code);
      if (value.kind.size == 0) return out_.constant(0, kU32);
      return relabel(value, kU32);
    case Tag::word:
      (void)unclear(value, "an index, a bound or an operand of an atomic");
      return Value{};
    case Tag::conflict:
      break;
  }
  return Value{};
}

Value ProgramLowering::as_u64(const Value& value) {
  constexpr FaultCode kCode = FaultCode::cast_out_of_range;
  switch (value.kind.tag) {
    case Tag::u64:
      return value;
    case Tag::i32:
      return out_.emit_checked(Opcode::check_u64_i32, kCode, kU64, value);
    case Tag::f32:
      return out_.emit_checked(Opcode::check_u64_f32, kCode, kU64, value);
    case Tag::f64:
      return out_.emit_checked(Opcode::check_u64_f64, kCode, kU64, value);
    case Tag::bytes:
      if (value.kind.size > 8) return drop(value, kCode);
      return relabel(resized(value, 8), kU64);
    case Tag::word:
      (void)unclear(value, "cast to u64");
      return Value{};
    default:
      return relabel(resized(relabel(value, Kind{Tag::bytes, 4}), 8), kU64);
  }
}

Value ProgramLowering::stored_form(const Value& value) {
  const Value wide = value.kind == kF32 ? out_.emit_pure(Opcode::f64_from_f32, kF64, value) : value;
  return wide.kind.tag == Tag::bytes ? wide
                                     : relabel(wide, Kind{Tag::bytes, wide.kind.stored_bytes()});
}

/// Bytes cut or zero-extended to `bytes`, a multiple of 4.
Value ProgramLowering::resized(const Value& value, std::uint32_t bytes) {
  const Kind kind{Tag::bytes, bytes};
  if (kind.words() == value.kind.words()) return relabel(value, kind);
  const Value result = value.scalar ? out_.new_scalar(kind) : out_.new_vector(kind);
  const Kind one{Tag::u32, 0};
  for (std::uint32_t k = 0; k < kind.words(); ++k) {
    const Value to{one, result.scalar, false, false, static_cast<std::uint16_t>(result.reg + k)};
    const Value from = k < value.kind.words() ? Value{one, value.scalar, false, false,
                                                      static_cast<std::uint16_t>(value.reg + k)}
                                              : out_.constant(0, one);
    out_.copy_into(to, from);
  }
  out_.release(value);
  return result;
}

Value ProgramLowering::cast(TypeTag target, const Value& value) {
  const Tag tag = value.kind.tag;
  const bool is_signed = target == TypeTag::I32;
  const Kind word = is_signed ? kI32 : kU32;
  switch (target) {
    case TypeTag::U32:
    case TypeTag::I32:
      switch (tag) {
        case Tag::u64:
          return relabel(
              out_.emit_checked(Opcode::check_u32_u64, FaultCode::cast_out_of_range, kU32, value),
              word);
        case Tag::f32:
          return out_.emit_pure(is_signed ? Opcode::i32_from_f32 : Opcode::u32_from_f32, word,
                                value);
        case Tag::f64:
          return out_.emit_pure(is_signed ? Opcode::i32_from_f64 : Opcode::u32_from_f64, word,
                                value);
        case Tag::bytes:
          return relabel(as_u32(value, FaultCode::cast_out_of_range),
                         value.kind.size > 4 ? kNever : word);
        default:
          return relabel(value, word);
      }
    case TypeTag::U64:
      return as_u64(value);
    case TypeTag::F32:
      switch (tag) {
        case Tag::f32:
        case Tag::f64:
          return value;
        case Tag::i32:
          return out_.emit_pure(Opcode::f32_from_i32, kF32, value);
        case Tag::u64:
          return out_.emit_pure(Opcode::f32_from_u64, kF32, value);
        case Tag::word:
          (void)unclear(value, "cast to f32");
          return Value{};
        default: {
          const Value number = as_u32(value, FaultCode::cast_out_of_range);
          return number.never() ? number : out_.emit_pure(Opcode::f32_from_u32, kF32, number);
        }
      }
    case TypeTag::Bool: {
      if (tag == Tag::boolean) return value;
      const Value test = truth(value);
      return test.kind == kBool ? test : out_.emit_pure(Opcode::truth, kBool, test);
    }
    case TypeTag::Vec2U32:
      return resized(stored_form(value), 8);
    case TypeTag::Vec4U32:
      return resized(stored_form(value), 16);
    default:
      return stored_form(value);
  }
}

}  // namespace vyre::vir::lowering
