#include "random_expression.hpp"

#include <algorithm>

namespace vyre::test {

TypeTag type_of(Kind kind) {
  switch (kind) {
    case Kind::u32:
    case Kind::i32_as_u32:
    case Kind::u64_as_u32:
      return TypeTag::U32;
    case Kind::i32:
      return TypeTag::I32;
    case Kind::boolean:
    case Kind::bool_word:
      return TypeTag::Bool;
    case Kind::f32:
      return TypeTag::F32;
    case Kind::u64:
      return TypeTag::U64;
    case Kind::f64:
      return TypeTag::F64;
    case Kind::u8:
      return TypeTag::U8;
    case Kind::u16:
      return TypeTag::U16;
    case Kind::i8:
      return TypeTag::I8;
    case Kind::i16:
      return TypeTag::I16;
    case Kind::i64:
      return TypeTag::I64;
    case Kind::f16:
      return TypeTag::F16;
    case Kind::bf16:
      return TypeTag::BF16;
    case Kind::vec2:
      return TypeTag::Vec2U32;
    case Kind::vec4:
      return TypeTag::Vec4U32;
  }
  return TypeTag::U32;
}

std::uint32_t bytes_of(Kind kind) {
  switch (type_of(kind)) {
    case TypeTag::U8:
    case TypeTag::I8:
      return 1;
    case TypeTag::U16:
    case TypeTag::I16:
    case TypeTag::F16:
    case TypeTag::BF16:
      return 2;
    case TypeTag::U64:
    case TypeTag::I64:
    case TypeTag::F64:
    case TypeTag::Vec2U32:
      return 8;
    case TypeTag::Vec4U32:
      return 16;
    default:
      return 4;
  }
}

std::uint32_t edge_word(Choice& choice) {
  switch (choice.below(4)) {
    case 0:
      return choice.of(
          {0u, 1u, 2u, 31u, 32u, 33u, 63u, 64u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu});
    case 1:
      return choice.below(64);
    case 2:
      return 0u - choice.below(64);
    default:
      return choice.word();
  }
}

std::uint32_t edge_f32(Choice& choice) {
  if (choice.below(3) != 0) {  // around one, both signs
    const std::uint32_t exponent = 110u + choice.below(40);
    return (choice.word() & 0x807FFFFFu) | exponent << 23;
  }
  return choice.one_in(3)
             ? choice.word()
             : choice.of({0x00000000u, 0x80000000u, 0x3F800000u, 0xBF800000u, 0x7F800000u,
                          0xFF800000u, 0x7FC00000u, 0x7F800001u, 0x00000001u, 0x807FFFFFu,
                          0x00800000u, 0x00FFFFFFu, 0x7F7FFFFFu, 0x3F000000u, 0x40200000u,
                          0x4F000000u, 0xCF000000u, 0x4F800000u, 0x4B000001u, 0x42C80000u});
}

ExprId ExpressionGenerator::literal(Kind kind) {
  switch (kind) {
    case Kind::u32:
      return b_.u32(edge_word(choice_));
    case Kind::i32:
      return b_.i32(static_cast<std::int32_t>(edge_word(choice_)));
    case Kind::boolean:
      return b_.boolean(choice_.one_in(2));
    case Kind::f32:
      return b_.literal(ExprTag::LitF32, edge_f32(choice_));
    case Kind::u64:
      return b_.cast(TypeTag::U64, b_.u32(edge_word(choice_)));
    case Kind::i32_as_u32: {
      const ExprId left = literal(Kind::i32);
      return b_.bin(BinOp::BitOr, left, literal(Kind::i32));
    }
    case Kind::u64_as_u32: {
      const ExprId left = literal(Kind::u64);
      return b_.bin(BinOp::WrappingSub, left, literal(Kind::u64));
    }
    default:
      return b_.cast(type_of(kind), b_.u32(edge_word(choice_)));
  }
}

bool ExpressionGenerator::can_make(Kind kind) const {
  if (kind != Kind::bool_word && kind != Kind::f64 && kind != Kind::f16 && kind != Kind::bf16) {
    return true;
  }
  return std::any_of(readable.begin(), readable.end(),
                     [&](const Readable& r) { return r.kind == kind; });
}

ExprId ExpressionGenerator::own_index(const Own& one) {
  const ExprId scaled = b_.bin(BinOp::Mul, b_.var(one.variable), b_.u32(one.slots));
  return b_.bin(BinOp::Add, scaled, b_.u32(choice_.below(one.slots)));
}

std::optional<ExprId> ExpressionGenerator::variable_of(Kind kind) {
  const auto start = choice_.below(static_cast<std::uint32_t>(variables.size()) + 1);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Variable& v = variables[(start + i) % variables.size()];
    if (v.kind == kind) return b_.var(v.name);
  }
  return std::nullopt;
}

ExprId ExpressionGenerator::index(std::uint32_t depth) {
  const std::uint32_t below = depth == 0 ? 0 : depth - 1;
  switch (choice_.below(depth == 0 ? 3 : 10)) {
    case 0:
      return b_.var("me");
    case 1:
      return b_.u32(choice_.below(24));
    case 2:
      return b_.bin(BinOp::Add, b_.var("me"), b_.u32(choice_.below(8)));
    case 3:
      return make(Kind::u32, below);  // mostly far out of bounds
    case 4:
      return b_.cast(TypeTag::I32, b_.bin(BinOp::BitAnd, make(Kind::u32, below), b_.u32(31)));
    case 5: {  // a float index is truncated
      const ExprId word = b_.bin(BinOp::BitAnd, make(Kind::u32, below), b_.u32(31));
      return b_.bin(BinOp::Add, b_.cast(TypeTag::F32, word), b_.f32(0.75f));
    }
    case 6:
      return b_.cast(TypeTag::U64, make(Kind::u32, below));
    case 7:
      return make(Kind::boolean, below);
    default:
      return b_.bin(BinOp::BitAnd, make(Kind::u32, below), b_.u32(choice_.of({7u, 15u, 31u})));
  }
}

std::optional<ExprId> ExpressionGenerator::load_of(Kind kind, std::uint32_t depth) {
  const auto total = readable.size() + own.size();
  const auto start = choice_.below(static_cast<std::uint32_t>(total) + 1);
  for (std::size_t i = 0; i < total; ++i) {
    const std::size_t at = (start + i) % total;
    if (at < readable.size() && readable[at].kind == kind) {
      const std::string buffer = readable[at].buffer;
      return b_.load(buffer, index(depth));
    }
    if (at >= readable.size() && own[at - readable.size()].kind == kind) {
      const Own& mine = own[at - readable.size()];
      return b_.load(mine.buffer, own_index(mine));
    }
  }
  return std::nullopt;
}

ExprId ExpressionGenerator::leaf(Kind kind) {
  if (choice_.below(3) != 0) {
    if (const auto variable = variable_of(kind)) return *variable;
  }
  if (choice_.below(2) != 0 || !can_make(kind) || kind == Kind::bool_word || kind == Kind::f64 ||
      kind == Kind::f16 || kind == Kind::bf16) {
    if (const auto load = load_of(kind, 0)) return *load;
  }
  if (kind == Kind::u32) {
    const auto axis = static_cast<std::uint8_t>(choice_.below(3));
    switch (choice_.below(groups ? 8 : 6)) {
      case 6:
        return b_.subgroup(ExprTag::SubgroupLocalId);
      case 7:
        return b_.subgroup(ExprTag::SubgroupSize);
      case 0:
        return b_.gid(axis);
      case 1:
        return b_.lid(axis);
      case 2:
        return b_.wid(axis);
      case 3:
        return b_.len(readable[choice_.below(static_cast<std::uint32_t>(readable.size()))].buffer);
      default:
        break;
    }
  }
  return literal(kind);
}

ExprId ExpressionGenerator::not_literal(Kind kind, std::uint32_t depth) {
  switch (kind) {
    case Kind::f32:
      return two(BinOp::Mul, Kind::f32, depth);
    case Kind::u64_as_u32:
      return two(BinOp::WrappingAdd, Kind::u64, depth);
    default:
      return b_.bin(BinOp::BitAnd, make(Kind::u32, depth),
                    b_.u32(choice_.of({0xFFFFFFFFu, 7u, 1u})));
  }
}

ExprId ExpressionGenerator::uniform_bool() {
  const ExprId left = choice_.one_in(2) ? b_.wid(0) : b_.len(readable.front().buffer);
  const ExprId masked = b_.bin(BinOp::BitAnd, left, b_.u32(choice_.of({1u, 3u})));
  return b_.bin(choice_.of({BinOp::Eq, BinOp::Lt, BinOp::Ge}), masked, b_.u32(choice_.below(3)));
}

ExprId ExpressionGenerator::make(Kind kind, std::uint32_t depth) {
  if (depth == 0) return leaf(kind);
  --depth;
  if (choice_.one_in(6)) {
    if (const auto load = load_of(kind, depth)) return *load;
  }
  if (choice_.one_in(8)) return leaf(kind);
  switch (kind) {
    case Kind::u32:
      return make_u32(depth);
    case Kind::i32:
      return make_i32(depth);
    case Kind::boolean:
      return make_bool(depth);
    case Kind::f32:
      return make_f32(depth);
    case Kind::u64:
      return make_u64(depth);
    case Kind::i32_as_u32:
      return make_i32_as_u32(depth);
    case Kind::u64_as_u32:
      return make_u64_as_u32(depth);
    case Kind::f64:
      if (choice_.one_in(2)) {
        return two(choice_.of({BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::Min, BinOp::Max}), kind,
                   depth);
      }
      return choice_.one_in(3) ? choose(kind, depth) : leaf(kind);
    default:
      return make_raw(kind, depth);
  }
}

ExprId ExpressionGenerator::cast_to_u32(std::uint32_t depth) {
  switch (choice_.below(8)) {
    case 0:
      return b_.cast(TypeTag::U32, make(Kind::i32, depth));
    case 1:
      return b_.cast(TypeTag::U32, make(Kind::f32, depth));
    case 2:
      return b_.cast(TypeTag::U32, make(Kind::boolean, depth));
    case 3:
      return b_.cast(TypeTag::U32, make(Kind::i32_as_u32, depth));
    case 4:  // at most 64, so that it fits
      return b_.cast(TypeTag::U32, b_.un(choice_.of({UnOp::Popcount, UnOp::Clz, UnOp::Ctz}),
                                         make(Kind::u64, depth)));
    case 5:  // the bytes of a value pass through a narrow type unchanged
      return b_.cast(TypeTag::U32, b_.cast(choice_.of({TypeTag::U8, TypeTag::I16, TypeTag::U16}),
                                           make(Kind::u32, depth)));
    default: {
      const Kind kind = choice_.of({Kind::u8, Kind::u16, Kind::i8, Kind::i16});
      if (const auto load = load_of(kind, depth)) return b_.cast(TypeTag::U32, *load);
      return b_.cast(TypeTag::U32, make(Kind::i32, depth));
    }
  }
}

ExprId ExpressionGenerator::group_u32(std::uint32_t depth) {
  switch (choice_.below(3)) {
    case 0:
      return b_.subgroup(ExprTag::SubgroupBallot, {make(Kind::boolean, depth)});
    case 1:
      return b_.subgroup(ExprTag::SubgroupAdd, {make(Kind::u32, depth)});
    default: {
      const ExprId value = make(Kind::u32, depth);
      const ExprId lane = b_.bin(BinOp::BitAnd, make(Kind::u32, depth), b_.u32(63));
      return b_.subgroup(ExprTag::SubgroupShuffle, {value, lane});
    }
  }
}

ExprId ExpressionGenerator::make_u32(std::uint32_t depth) {
  if (groups && choice_.one_in(10)) return group_u32(depth);
  switch (choice_.below(12)) {
    case 0:
      return b_.bin(choice_.of({BinOp::Div, BinOp::Mod}), make(Kind::u32, depth),
                    not_literal(Kind::u32, depth));
    case 1:
      return b_.un(choice_.of({UnOp::Negate, UnOp::BitNot, UnOp::Popcount, UnOp::Clz, UnOp::Ctz,
                               UnOp::ReverseBits}),
                   make(Kind::u32, depth));
    case 2:
      return choose(Kind::u32, depth);
    case 3:
    case 4:
      return cast_to_u32(depth);
    case 5:
      return two(BinOp::AbsDiff, choice_.one_in(2) ? Kind::i32_as_u32 : Kind::u32, depth);
    default:
      return two(choice_.of({BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::BitAnd, BinOp::BitOr,
                             BinOp::BitXor, BinOp::Shl, BinOp::Shr, BinOp::Min, BinOp::Max,
                             BinOp::SaturatingAdd, BinOp::SaturatingSub, BinOp::SaturatingMul,
                             BinOp::RotateLeft, BinOp::RotateRight, BinOp::WrappingAdd,
                             BinOp::WrappingSub, BinOp::MulHigh}),
                 Kind::u32, depth);
  }
}

ExprId ExpressionGenerator::small_positive_i32(std::uint32_t depth) {
  const ExprId masked = b_.bin(BinOp::BitAnd, make(Kind::u32, depth), b_.u32(15));
  return b_.bin(BinOp::Add, b_.cast(TypeTag::I32, masked), b_.i32(1));
}

ExprId ExpressionGenerator::make_i32(std::uint32_t depth) {
  switch (choice_.below(9)) {
    case 0:
      return b_.bin(BinOp::Div, make(Kind::i32, depth), small_positive_i32(depth));
    case 1:
      return b_.un(
          choice_.of({UnOp::BitNot, UnOp::Popcount, UnOp::Clz, UnOp::Ctz, UnOp::ReverseBits}),
          make(Kind::i32, depth));
    case 2:
      return choose(Kind::i32, depth);
    case 3:
      return b_.cast(TypeTag::I32, make(choice_.of({Kind::u32, Kind::f32, Kind::boolean,
                                                    Kind::i32_as_u32, Kind::u8, Kind::u16}),
                                        depth));
    case 4:
      return b_.cast(TypeTag::I32, make(Kind::f32, depth));
    default:
      return two(choice_.of({BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::Min, BinOp::Max}),
                 Kind::i32, depth);
  }
}

ExprId ExpressionGenerator::compare(std::uint32_t depth) {
  const BinOp op = choice_.of({BinOp::Eq, BinOp::Ne, BinOp::Lt, BinOp::Gt, BinOp::Le, BinOp::Ge});
  Kind kind = choice_.of({Kind::u32, Kind::i32, Kind::f32, Kind::f32, Kind::u64, Kind::i32_as_u32,
                          Kind::u64_as_u32, Kind::bool_word, Kind::f64});
  if (!can_make(kind)) kind = Kind::f32;
  return two(op, kind, depth);
}

ExprId ExpressionGenerator::make_bool(std::uint32_t depth) {
  switch (choice_.below(10)) {
    case 0:
      return b_.un(choice_.of({UnOp::IsNan, UnOp::IsInf, UnOp::IsFinite}), make(Kind::f32, depth));
    case 1:
      return b_.un(UnOp::LogicalNot, make(choice_.one_in(2) ? Kind::u32 : Kind::boolean, depth));
    case 2: {
      Kind kind = choice_.of({Kind::u32, Kind::boolean, Kind::bool_word, Kind::i32_as_u32});
      if (!can_make(kind)) kind = Kind::boolean;
      return two(choice_.one_in(2) ? BinOp::And : BinOp::Or, kind, depth);
    }
    case 3:
      return two(choice_.one_in(2) ? BinOp::Eq : BinOp::Ne, Kind::boolean, depth);
    case 4:
      return choose(Kind::boolean, depth);
    case 5:
      return b_.cast(TypeTag::Bool, make(choice_.of({Kind::u32, Kind::i32, Kind::f32, Kind::u64,
                                                     Kind::vec2, Kind::vec4, Kind::i8}),
                                         depth));
    default:
      return compare(depth);
  }
}

ExprId ExpressionGenerator::make_f32(std::uint32_t depth) {
  if (groups && choice_.one_in(16)) {
    return b_.subgroup(ExprTag::SubgroupAdd, {make(Kind::f32, depth)});
  }
  switch (choice_.below(10)) {
    case 0:
      return b_.bin(BinOp::Div, make(Kind::f32, depth), not_literal(Kind::f32, depth));
    case 1:
      return b_.un(
          choice_.of({UnOp::Negate, UnOp::Abs, UnOp::Sqrt, UnOp::InverseSqrt, UnOp::Reciprocal,
                      UnOp::Floor, UnOp::Ceil, UnOp::Round, UnOp::Trunc, UnOp::Sign}),
          make(Kind::f32, depth));
    case 2:
      return b_.un(choice_.of({UnOp::Sin, UnOp::Cos, UnOp::Tan, UnOp::Asin, UnOp::Acos, UnOp::Atan,
                               UnOp::Sinh, UnOp::Cosh, UnOp::Tanh, UnOp::Exp, UnOp::Exp2, UnOp::Log,
                               UnOp::Log2}),
                   make(Kind::f32, depth));
    case 3: {
      const ExprId a = make(Kind::f32, depth);
      const ExprId b = make(Kind::f32, depth);
      return b_.fma(a, b, make(Kind::f32, depth));
    }
    case 4:
      return choose(Kind::f32, depth);
    case 5:
      return b_.cast(
          TypeTag::F32,
          make(choice_.of({Kind::u32, Kind::i32, Kind::boolean, Kind::i32_as_u32}), depth));
    default:
      return two(choice_.of({BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::Min, BinOp::Max}),
                 Kind::f32, depth);
  }
}

ExprId ExpressionGenerator::make_u64(std::uint32_t depth) {
  switch (choice_.below(4)) {
    case 0:
      return b_.un(
          choice_.of({UnOp::BitNot, UnOp::Popcount, UnOp::Clz, UnOp::Ctz, UnOp::ReverseBits}),
          make(Kind::u64, depth));
    case 1:
      return choose(Kind::u64, depth);
    case 2:
      return b_.cast(
          TypeTag::U64,
          make(choice_.of({Kind::u8, Kind::u16, Kind::i64, Kind::vec2, Kind::boolean, Kind::i8}),
               depth));
    default:
      return b_.cast(TypeTag::U64, make(choice_.of({Kind::u32, Kind::u64_as_u32}), depth));
  }
}

ExprId ExpressionGenerator::make_i32_as_u32(std::uint32_t depth) {
  switch (choice_.below(4)) {
    case 0:
      return two(choice_.of({BinOp::BitAnd, BinOp::BitOr, BinOp::BitXor, BinOp::WrappingAdd,
                             BinOp::WrappingSub}),
                 Kind::i32, depth);
    case 1:
      return b_.bin(BinOp::Mod, make(Kind::i32, depth), small_positive_i32(depth));
    case 2:
      return b_.un(choice_.of({UnOp::Negate, UnOp::BitNot, UnOp::Popcount, UnOp::ReverseBits}),
                   make(Kind::i32_as_u32, depth));
    default:
      return two(choice_.of({BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::Shl, BinOp::Shr, BinOp::Min,
                             BinOp::Max, BinOp::SaturatingAdd, BinOp::SaturatingSub,
                             BinOp::SaturatingMul, BinOp::BitXor}),
                 Kind::i32_as_u32, depth);
  }
}

ExprId ExpressionGenerator::make_u64_as_u32(std::uint32_t depth) {
  switch (choice_.below(4)) {
    case 0:
      return two(choice_.of({BinOp::WrappingAdd, BinOp::WrappingSub, BinOp::MulHigh}), Kind::u64,
                 depth);
    case 1:
      return b_.bin(choice_.of({BinOp::Div, BinOp::Mod}), make(Kind::u64_as_u32, depth),
                    not_literal(Kind::u64_as_u32, depth));
    case 2:
      return b_.un(choice_.of({UnOp::Negate, UnOp::BitNot, UnOp::Clz}),
                   make(Kind::u64_as_u32, depth));
    default:
      return two(choice_.of({BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::Shl, BinOp::Shr, BinOp::Min,
                             BinOp::Max, BinOp::AbsDiff, BinOp::SaturatingAdd, BinOp::SaturatingSub,
                             BinOp::SaturatingMul, BinOp::BitOr}),
                 Kind::u64_as_u32, depth);
  }
}

ExprId ExpressionGenerator::make_raw(Kind kind, std::uint32_t depth) {
  if (choice_.one_in(3)) {
    if (const auto load = load_of(kind, depth)) return *load;
  }
  // Literals of a raw kind have four bytes and loads the type's own width: one select mixes what a
  // lane may hold.
  if (kind == Kind::bool_word || kind == Kind::f16 || kind == Kind::bf16) return leaf(kind);
  if (kind == Kind::vec2) {
    return b_.cast(TypeTag::Vec2U32, make(choice_.of({Kind::u32, Kind::u64, Kind::i32}), depth));
  }
  if (kind == Kind::vec4) return b_.cast(TypeTag::Vec4U32, make(Kind::u32, depth));
  if (kind == Kind::i64) return b_.cast(TypeTag::I64, make(Kind::u64, depth));
  return b_.cast(type_of(kind), make(choice_.of({Kind::u32, Kind::i32}), depth));
}

}  // namespace vyre::test
