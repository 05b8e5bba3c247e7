// Constants of the text: their values are computed here and stand in the program as literals. Spec:
// docs/vir0-text.md, "Constants".
#include <algorithm>
#include <bit>

#include "base/message.hpp"
#include "parser.hpp"

namespace vyre::vir::text {
namespace {

Expr literal(ExprTag tag, std::uint32_t bits) {
  Expr expr;
  expr.tag = tag;
  expr.bits = bits;
  return expr;
}

Expr truth(bool value) {
  return literal(ExprTag::LitBool, value ? 1 : 0);
}

/// What the executors make of a comparison.
template <class T>
std::optional<bool> compared(BinOp op, T a, T b) {
  switch (op) {
    case BinOp::Eq:
      return a == b;
    case BinOp::Ne:
      return a != b;
    case BinOp::Lt:
      return a < b;
    case BinOp::Le:
      return a <= b;
    case BinOp::Gt:
      return a > b;
    case BinOp::Ge:
      return a >= b;
    default:
      return std::nullopt;
  }
}

/// Of two u32 or two i32, whose bits are the same for all but division, shifts to the right and
/// order.
std::optional<std::uint32_t> computed(BinOp op, std::uint32_t a, std::uint32_t b, bool is_signed) {
  const auto i = std::bit_cast<std::int32_t>(a);
  const auto j = std::bit_cast<std::int32_t>(b);
  const bool has_quotient = b != 0 && !(is_signed && j == -1);
  switch (op) {
    case BinOp::Add:
      return a + b;
    case BinOp::Sub:
      return a - b;
    case BinOp::Mul:
      return a * b;
    case BinOp::Div:
      if (!has_quotient) return std::nullopt;
      return is_signed ? static_cast<std::uint32_t>(i / j) : a / b;
    case BinOp::Mod:
      if (!has_quotient) return std::nullopt;
      return is_signed ? static_cast<std::uint32_t>(i % j) : a % b;
    case BinOp::BitAnd:
      return a & b;
    case BinOp::BitOr:
      return a | b;
    case BinOp::BitXor:
      return a ^ b;
    case BinOp::Shl:  // of two u32 alone, as everywhere in the language
      return is_signed ? std::nullopt : std::optional(a << (b & 31));
    case BinOp::Shr:
      return is_signed ? std::nullopt : std::optional(a >> (b & 31));
    case BinOp::Min:
      return is_signed ? static_cast<std::uint32_t>(std::min(i, j)) : std::min(a, b);
    case BinOp::Max:
      return is_signed ? static_cast<std::uint32_t>(std::max(i, j)) : std::max(a, b);
    default:
      return std::nullopt;
  }
}

std::optional<Expr> binary_of(BinOp op, const Expr& a, const Expr& b) {
  if (a.tag != b.tag) return std::nullopt;
  if (a.tag == ExprTag::LitBool) {
    if (op == BinOp::And) return truth(a.bits != 0 && b.bits != 0);
    if (op == BinOp::Or) return truth(a.bits != 0 || b.bits != 0);
    if (op == BinOp::Eq || op == BinOp::Ne) return truth((a.bits == b.bits) == (op == BinOp::Eq));
    return std::nullopt;
  }
  if (a.tag != ExprTag::LitU32 && a.tag != ExprTag::LitI32) return std::nullopt;
  const bool is_signed = a.tag == ExprTag::LitI32;
  if (const auto value = computed(op, a.bits, b.bits, is_signed)) return literal(a.tag, *value);
  const auto is = is_signed ? compared(op, std::bit_cast<std::int32_t>(a.bits),
                                       std::bit_cast<std::int32_t>(b.bits))
                            : compared(op, a.bits, b.bits);
  if (is) return truth(*is);
  return std::nullopt;
}

std::optional<Expr> unary_of(UnOp op, const Expr& a) {
  const bool whole = a.tag == ExprTag::LitU32 || a.tag == ExprTag::LitI32;
  if (op == UnOp::LogicalNot && a.tag == ExprTag::LitBool) return truth(a.bits == 0);
  if (op == UnOp::BitNot && whole) return literal(a.tag, ~a.bits);
  if (op == UnOp::Negate && a.tag == ExprTag::LitU32) return literal(a.tag, ~a.bits + 1);
  return std::nullopt;
}

bool divides(BinOp op) noexcept {
  return op == BinOp::Div || op == BinOp::Mod;
}

std::optional<Expr> cast_of(TypeTag to, const Expr& a) {
  const bool whole = a.tag == ExprTag::LitU32 || a.tag == ExprTag::LitI32;
  if (!whole && a.tag != ExprTag::LitBool) return std::nullopt;
  if (to == TypeTag::U32) return literal(ExprTag::LitU32, a.bits);
  if (to == TypeTag::I32) return literal(ExprTag::LitI32, a.bits);
  return std::nullopt;
}

bool is_literal(ExprTag tag) noexcept {
  return tag == ExprTag::LitU32 || tag == ExprTag::LitI32 || tag == ExprTag::LitF32 ||
         tag == ExprTag::LitBool;
}

}  // namespace

/// `const NAME = value;`
void Parser::const_directive() {
  take();
  const Token word = now_;
  if (word.kind != TokenKind::word || is_reserved(word.text))
    return unexpected("the name of a const");
  if (const_of(word) != nullptr)
    return fail_at(word,
                   message("the const {} is declared twice; rename one of them", describe(word)));
  take();
  expect("=", "and the value of the const");
  const Token begin = now_;
  const auto first = static_cast<ExprId>(program_.exprs.size());
  const ExprId id = [&] {
    const Into none(*this, nullptr);
    return expr();
  }();
  expect(";", "after the value");
  if (!ok()) return;
  consts_.emplace(word.text, folded(id, begin));
  // The program has the value alone.
  program_.exprs.resize(first);
  heights_.resize(first);
  std::erase_if(raw_, [first](ExprId raw) { return raw >= first; });  // the numbers come again
  if (places_.exprs.size() > first) places_.exprs.resize(first);
}

const Expr* Parser::const_of(const Token& token) const {
  if (consts_.empty() || token.kind != TokenKind::word) return nullptr;
  const auto found = consts_.find(token.text);
  return found == consts_.end() ? nullptr : &found->second;
}

Expr Parser::folded(ExprId id, const Token& at) {
  const Expr expr = program_.exprs[id];
  if (!ok() || is_literal(expr.tag)) return expr;
  const auto operand = [&](std::size_t i) { return folded(expr.child[i], at); };
  std::optional<Expr> value;
  std::string why = "the operator is none of theirs";
  switch (expr.tag) {
    case ExprTag::BinOp: {
      const Expr a = operand(0);
      const Expr b = operand(1);
      value = binary_of(static_cast<BinOp>(expr.op), a, b);
      if (a.tag == ExprTag::LitF32 || b.tag == ExprTag::LitF32) {
        why = "f32 values are not computed here";
      } else if (a.tag != b.tag) {
        why = "the operands are of two types";
      } else if (divides(static_cast<BinOp>(expr.op))) {
        why = "it divides by 0, or the least i32 by -1";
      }
      break;
    }
    case ExprTag::UnOp:
      value = unary_of(static_cast<UnOp>(expr.op), operand(0));
      break;
    case ExprTag::Cast:
      value = cast_of(program_.types[expr.bits].tag, operand(0));
      break;
    case ExprTag::Var:
      why = message("'{}' is no const that was declared before", program_.names[expr.name]);
      break;
    default:
      why = "this is known when the program runs";
      break;
  }
  if (value) return *value;
  fail_at(at, message("a const is a literal, or computed from literals and consts of one type by "
                      "operators of u32, i32 and bool: {}",
                      why));
  return expr;
}

}  // namespace vyre::vir::text
