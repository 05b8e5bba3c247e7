// Rules about the operands of unary and binary operators: which types each accepts, upstream's
// quirks included, and divisors that are zero in the text. Each is one function and one row.
#include "base/message.hpp"
#include "checker.hpp"

namespace vyre::vir {
namespace {

std::string_view operator_word(const Expr& e) noexcept {
  if (e.tag == ExprTag::BinOp) {
    switch (static_cast<BinOp>(e.op)) {
#define VYRE_BINOP(name, tag, text) \
  case BinOp::name:                 \
    return text;
#include "vir/program/vocabulary.def"
      case BinOp::Extension:
        break;
    }
  } else if (e.tag == ExprTag::UnOp) {
    switch (static_cast<UnOp>(e.op)) {
#define VYRE_UNOP(name, tag, text) \
  case UnOp::name:                 \
    return text;
#include "vir/program/vocabulary.def"
      case UnOp::Extension:
        break;
    }
  }
  return "extension";
}

BinOp binary(const Expr& e) noexcept {
  return static_cast<BinOp>(e.op);
}
UnOp unary(const Expr& e) noexcept {
  return static_cast<UnOp>(e.op);
}

template <class Op, class... Ops>
constexpr bool is_any(Op op, Ops... ops) noexcept {
  return ((op == ops) || ...);
}

void report_operands(Checker& c, const char* code, const Expr& e, const char* accepted) {
  c.report(code,
           message("{} of {} and {}; it takes {}", operator_word(e),
                   type_word(c.type_of(e.child[0])), type_word(c.type_of(e.child[1])), accepted));
}

bool known_and_different(const Checker& c, const Expr& e) {
  const StaticType left = c.type_of(e.child[0]);
  const StaticType right = c.type_of(e.child[1]);
  return left.known() && right.known() && left != right;
}

template <class... Tags>
bool both_one_of(const Checker& c, const Expr& e, Tags... tags) {
  return is_one_of(c.type_of(e.child[0]), tags...) && is_one_of(c.type_of(e.child[1]), tags...);
}

// ---- binary operators

void arithmetic_operands(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::Div, BinOp::Min, BinOp::Max)) {
    return;
  }
  // Upstream lets f16, bf16 and f64 pairs through; they run as f32 or fault.
  if (!known_and_different(c, e) && both_one_of(c, e, TypeTag::U32, TypeTag::I32, TypeTag::F32,
                                                TypeTag::F16, TypeTag::BF16, TypeTag::F64)) {
    return;
  }
  report_operands(c, code, e, "two u32, two i32 or two f32");
}

void integer_operands(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::Mod, BinOp::BitAnd, BinOp::BitOr, BinOp::BitXor)) return;
  if (!known_and_different(c, e) && both_one_of(c, e, TypeTag::U32, TypeTag::I32)) return;
  report_operands(c, code, e, "two u32 or two i32");
}

void shift_operands(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::Shl, BinOp::Shr, BinOp::RotateLeft, BinOp::RotateRight)) return;
  if (!both_one_of(c, e, TypeTag::U32)) report_operands(c, code, e, "two u32");
}

void logical_operands(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::And, BinOp::Or)) return;
  if (!both_one_of(c, e, TypeTag::U32, TypeTag::Bool)) {
    report_operands(c, code, e, "u32 or bool on either side");
  }
}

void compared_operands(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::Eq, BinOp::Ne, BinOp::Lt, BinOp::Gt, BinOp::Le, BinOp::Ge)) return;
  if (known_and_different(c, e)) report_operands(c, code, e, "two values of one type");
}

void saturating_operands(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::SaturatingAdd, BinOp::SaturatingSub, BinOp::SaturatingMul)) return;
  if (!both_one_of(c, e, TypeTag::U32)) report_operands(c, code, e, "two u32");
}

void difference_operands(Checker& c, const char* code, const Expr& e) {
  if (binary(e) != BinOp::AbsDiff) return;
  if (!both_one_of(c, e, TypeTag::U32)) report_operands(c, code, e, "two u32");
}

void operator_is_per_lane(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::Shuffle, BinOp::Ballot, BinOp::WaveReduce, BinOp::WaveBroadcast)) {
    return;
  }
  c.report(code, message("{} is no binary operation of one lane; use the subgroup expressions",
                         operator_word(e)));
}

/// The value of an expression that is zero as written, through casts.
bool is_static_zero(const Checker& c, ExprId id) {
  const Expr* e = &c.expr(id);
  while (e->tag == ExprTag::Cast) e = &c.expr(e->child[0]);
  switch (e->tag) {
    case ExprTag::LitU32:
    case ExprTag::LitI32:
    case ExprTag::LitBool:
      return e->bits == 0;
    case ExprTag::LitF32:
      return (e->bits & 0x7FFF'FFFFu) == 0;
    default:
      return false;
  }
}

void divisor_is_not_zero(Checker& c, const char* code, const Expr& e) {
  if (!is_any(binary(e), BinOp::Div, BinOp::Mod) || !is_static_zero(c, e.child[1])) return;
  c.report(code, message("{} by a literal zero; divide by something else", operator_word(e)));
}

// ---- unary operators

void report_operand(Checker& c, const char* code, const Expr& e, const char* accepted) {
  c.report(code, message("{} of {}; it takes {}", operator_word(e),
                         type_word(c.type_of(e.child[0])), accepted));
}

void unary_operand(Checker& c, const char* code, const Expr& e) {
  const StaticType operand = c.type_of(e.child[0]);
  switch (unary(e)) {
    case UnOp::Negate:
      if (!is_one_of(operand, TypeTag::U32, TypeTag::F32)) {
        report_operand(c, code, e, "u32 or f32; subtract an i32 from zero");
      }
      return;
    case UnOp::LogicalNot:
      if (!is_one_of(operand, TypeTag::U32, TypeTag::Bool)) {
        report_operand(c, code, e, "u32 or bool");
      }
      return;
    case UnOp::BitNot:
    case UnOp::Popcount:
    case UnOp::Clz:
    case UnOp::Ctz:
    case UnOp::ReverseBits:
      if (!is_one_of(operand, TypeTag::U32, TypeTag::I32, TypeTag::U64)) {
        report_operand(c, code, e, "u32, i32 or u64");
      }
      return;
    case UnOp::Unpack4Low:
    case UnOp::Unpack4High:
    case UnOp::Unpack8Low:
    case UnOp::Unpack8High:
      if (operand.known()) report_operand(c, code, e, "packed values, which no type here has");
      return;
    case UnOp::Extension:
      return;  // V124
    default:
      if (!is_one_of(operand, TypeTag::F32)) report_operand(c, code, e, "f32");
      return;
  }
}

// ---- extensions

void report_extension(Checker& c, const char* code, const char* what, const Expr& e) {
  c.report(code,
           message("{} extension {} has no meaning here; replace it by operators of the language",
                   what, e.bits));
}

void binary_is_no_extension(Checker& c, const char* code, const Expr& e) {
  if (binary(e) == BinOp::Extension) report_extension(c, code, "binary operator", e);
}

void unary_is_no_extension(Checker& c, const char* code, const Expr& e) {
  if (unary(e) == UnOp::Extension) report_extension(c, code, "unary operator", e);
}

void atomic_is_no_extension(Checker& c, const char* code, const Expr& e) {
  if (static_cast<AtomicOp>(e.op) == AtomicOp::Extension) {
    report_extension(c, code, "atomic operator", e);
  }
}

constexpr ExprRule kOperatorRules[] = {
    {"V111", ExprTag::BinOp, arithmetic_operands},
    {"V112", ExprTag::BinOp, integer_operands},
    {"V113", ExprTag::BinOp, shift_operands},
    {"V114", ExprTag::BinOp, logical_operands},
    {"V115", ExprTag::BinOp, compared_operands},
    {"V116", ExprTag::BinOp, saturating_operands},
    {"V117", ExprTag::BinOp, difference_operands},
    {"V118", ExprTag::BinOp, operator_is_per_lane},
    {"V044", ExprTag::BinOp, divisor_is_not_zero},
    {"V119", ExprTag::UnOp, unary_operand},
    {"V124", ExprTag::BinOp, binary_is_no_extension},
    {"V124", ExprTag::UnOp, unary_is_no_extension},
    {"V124", ExprTag::Atomic, atomic_is_no_extension},
};

}  // namespace

std::span<const ExprRule> operator_rules() noexcept {
  return kOperatorRules;
}

}  // namespace vyre::vir
