// Expressions of the text form. Spec: docs/vir0-text.md, "Expressions".
#include <algorithm>
#include <bit>
#include <charconv>

#include "advice.hpp"
#include "base/decimal.hpp"
#include "base/message.hpp"
#include "parser.hpp"
#include "vir/text/text.hpp"

namespace vyre::vir::text {
namespace {

std::string without_separators(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits.push_back(c);
  }
  return digits;
}

}  // namespace

ExprId Parser::add(const Expr& expr) {
  std::uint32_t height = 1;
  const auto reach = [&](ExprId child) {
    if (child < heights_.size()) height = std::max(height, heights_[child] + 1u);
  };
  for (const ExprId child : expr.child) reach(child);
  if (expr.tag == ExprTag::Call) {
    for (const ExprId child : program_.args(expr.args)) reach(child);
  }
  // Chains of infix operators deepen the tree without nesting the parser.
  check_count(now_, levels_ + height, kMaxDecodeDepth, kTooManyLevels);
  if (!ok()) return 0;
  heights_.push_back(static_cast<std::uint8_t>(height));
  return program_.add(expr);
}

ExprId Parser::leaf(ExprTag tag, std::uint32_t bits) {
  Expr expr;
  expr.tag = tag;
  expr.bits = bits;
  return add(expr);
}

/// `count` operands and the closing parenthesis of a function whose opening one is taken.
ExprId Parser::children(Expr expr, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) expect(",", message("between the operands ({} wanted)", count));
    expr.child[i] = this->expr();
  }
  expect(")", message("after {}{}", count, (count == 1 ? " operand" : " operands")));
  widen_operands(expr);
  return add(expr);
}

ExprId Parser::expr() {
  return infix(kLoosest);
}

ExprId Parser::infix(int loosest) {
  const SourcePlace place = here();
  ExprId left = prefix();
  while (ok() && now_.kind == TokenKind::punct) {
    const Infix* op = find_infix(now_.text);
    if (op == nullptr || op->precedence < loosest) break;
    take();
    left = binary(op->op, left, infix(op->precedence + 1));
    mark(places_.exprs, left, place);
    const Infix* after = now_.kind == TokenKind::punct ? find_infix(now_.text) : nullptr;
    if (!op->chains && after != nullptr && after->precedence == op->precedence) {
      fail_at(now_, "comparisons do not chain; put one of them in parentheses");
    }
  }
  return left;
}

ExprId Parser::prefix() {
  const SourcePlace place = here();
  const ExprId id = unmarked_prefix();
  mark(places_.exprs, id, place);
  return id;
}

ExprId Parser::unmarked_prefix() {
  const Depth depth(*this);
  if (!ok()) return 0;
  Expr expr;
  expr.tag = ExprTag::UnOp;
  if (at("-")) {
    if (next_.kind == TokenKind::number && next_.joined) {
      take();
      return number(true);
    }
    expr.op = static_cast<std::uint8_t>(UnOp::Negate);
  } else if (at("~")) {
    expr.op = static_cast<std::uint8_t>(UnOp::BitNot);
  } else if (at("!")) {
    expr.op = static_cast<std::uint8_t>(UnOp::LogicalNot);
  } else {
    return primary();
  }
  take();
  expr.child[0] = widened(prefix());
  return add(expr);
}

ExprId Parser::primary() {
  switch (now_.kind) {
    case TokenKind::number:
      return number(false);
    case TokenKind::punct:
      if (accept("(")) {
        const ExprId inner = expr();
        expect(")", "to close the parenthesis");
        return inner;
      }
      break;
    case TokenKind::character:
      return leaf(ExprTag::LitU32, static_cast<unsigned char>(take().value[0]));
    case TokenKind::word:
      if (const Expr* constant = const_of(now_)) {
        take();
        return leaf(constant->tag, constant->bits);
      }
      if (const Bound* known = bound(now_); known != nullptr && !ahead("[") && !ahead("(")) {
        if (known->kind == Bound::Kind::buffer) {
          fail_at(now_, message("the parameter {} is a buffer here, and a value is needed",
                                describe(now_)));
          return 0;
        }
        const Expr value = known->value;
        take();
        return add(value);
      }
      if (accept_word("true")) return leaf(ExprTag::LitBool, 1);
      if (accept_word("false")) return leaf(ExprTag::LitBool, 0);
      if (accept_word("gid")) return builtin_id(ExprTag::InvocationId);
      if (accept_word("wid")) return builtin_id(ExprTag::WorkgroupId);
      if (accept_word("lid")) return builtin_id(ExprTag::LocalId);
      if (accept_word("call")) return call();
      if (now_.text == "f32" && ahead(":")) return float_bits();
      if (ahead("(")) return function();
      [[fallthrough]];
    case TokenKind::string: {
      Expr expr;
      expr.tag = ExprTag::Var;
      if (next_.kind == TokenKind::word || next_.kind == TokenKind::number || ahead(".")) {
        // Two values in a row, or a part: the first is a word of another language, if it is known.
        if (std::string advice = advice_for(now_, next_); !advice.empty()) {
          unexpected("an expression", std::move(advice));
          return 0;
        }
      }
      if (frame_ != nullptr && !ahead("[")) {
        fail_at(now_, message("fn '{}' has no {}; a fn sees its parameters, its own variables, "
                              "constants and buffers",
                              frame_->function->name.text, describe(now_)));
        return 0;
      }
      expr.name = name("an expression");
      if (accept("[")) {
        expr.tag = ExprTag::Load;
        expr.child[0] = widened(this->expr());
        expect("]", "after the index");
      }
      return add(expr);
    }
    default:
      break;
  }
  unexpected("an expression");
  return 0;
}

ExprId Parser::number(bool negative) {
  const Token token = take();
  std::string digits = without_separators(token.text);
  const bool prefixed = digits.size() > 1 && digits[0] == '0';
  const bool hexadecimal = prefixed && (digits[1] == 'x' || digits[1] == 'X');
  const bool binary = prefixed && (digits[1] == 'b' || digits[1] == 'B');
  char suffix = digits.back();
  if (suffix != 'u' && suffix != 'i' && (suffix != 'f' || hexadecimal)) {
    suffix = hexadecimal || binary || digits.find_first_of(".eE") == std::string::npos ? 'u' : 'f';
  } else {
    digits.pop_back();
  }
  if (suffix == 'f') {
    float value = 0;
    switch (read_f32(digits, value)) {
      case DecimalVerdict::number:
        break;
      case DecimalVerdict::beyond_f32:
        fail_at(token, message("{} is beyond f32; infinity is f32:0x7f800000", describe(token)));
        break;
      case DecimalVerdict::malformed:
        fail_at(token,
                message("{} is not a number; an f32 looks like 1.5f, its bits like f32:0x3fc00000",
                        describe(token)));
        break;
    }
    return leaf(ExprTag::LitF32,
                std::bit_cast<std::uint32_t>(value) | (negative ? 0x8000'0000u : 0));
  }
  const int base = hexadecimal ? 16 : binary ? 2 : 10;
  const char* begin = digits.data() + (base == 10 ? 0 : 2);
  const char* end = digits.data() + digits.size();
  std::uint64_t value = 0;
  const auto [stop, code] = std::from_chars(begin, end, value, base);
  const std::uint64_t limit = suffix == 'u' ? 0xFFFF'FFFFu : 0x7FFF'FFFFu + std::uint64_t{negative};
  if (code == std::errc::invalid_argument || stop != end) {
    fail_at(token, message("{} is not a number; suffixes are u (u32), i (i32) and f (f32)",
                           describe(token)));
  } else if (negative && suffix == 'u') {
    fail_at(token, message("a u32 literal cannot be negative; write an i32 as -{}i, or negate({}u)",
                           digits, digits));
  } else if (code != std::errc() || value > limit) {
    fail_at(token, message("{} is beyond {}, whose limit is {}", describe(token),
                           (suffix == 'u' ? "u32" : "i32"), limit));
  }
  const auto bits = static_cast<std::uint32_t>(negative ? ~value + 1 : value);
  return leaf(suffix == 'u' ? ExprTag::LitU32 : ExprTag::LitI32, bits);
}

/// `f32:0x7fc00000`
ExprId Parser::float_bits() {
  take();
  take();
  return leaf(ExprTag::LitF32, integer32("the bits of an f32 as in f32:0x7fc00000"));
}

ExprId Parser::builtin_id(ExprTag tag) {
  Expr expr;
  expr.tag = tag;
  expect(".", "and the axis (x, y, z)");
  if (now_.kind == TokenKind::number) {
    expr.op = static_cast<std::uint8_t>(integer("the axis", 255));
  } else if (accept_word("y")) {
    expr.op = 1;
  } else if (accept_word("z")) {
    expr.op = 2;
  } else if (!accept_word("x")) {
    unexpected("the axis: x, y, z or its number");
  }
  return add(expr);
}

ExprId Parser::call() {
  Expr expr;
  expr.tag = ExprTag::Call;
  expr.name = name("the op id");
  expect("(", "and the arguments");
  std::vector<ExprId> args;
  while (ok() && !at(")")) {
    check_count(now_, args.size() + 1, kMaxArgs, "arguments of a call");
    args.push_back(this->expr());
    if (!accept(",")) break;
  }
  expect(")", "after the arguments");
  if (!ok()) return 0;
  expr.args = program_.add_args(args);
  return add(expr);
}

ExprId Parser::function() {
  const Token token = take();
  const std::string_view word = token.text;
  take();
  if (Function* known = function_of(word)) return fn_value(*known, token);
  Expr expr;
  if (const auto op = find_word(Vocabulary::bin_op, word)) {
    expr.tag = ExprTag::BinOp;
    expr.op = *op;
    return children(expr, 2);
  }
  if (const auto op = find_word(Vocabulary::un_op, word)) {
    expr.tag = ExprTag::UnOp;
    expr.op = *op;
    return children(expr, 1);
  }
  bool known = true;
  const ExprId special = special_function(word, known);
  if (known || !ok()) return special;
  const auto type = find_word(Vocabulary::data_type, word);
  if (type && !has_parameters(static_cast<TypeTag>(*type))) {
    expr.tag = ExprTag::Cast;
    expr.bits = program_.scalar(static_cast<TypeTag>(*type));
    return children(expr, 1);
  }
  fail_at(
      token,
      type ? message("a cast to the type {} is written cast(TYPE, value)", describe(token))
           : message("unknown function {}{}", describe(token), hint_for(word, function_words())));
  return 0;
}

ExprId Parser::special_function(std::string_view word, bool& known) {
  Expr expr;
  const auto extension = [&](ExprTag tag, std::size_t operands) {
    expr.tag = tag;
    expr.op = 0x80;
    expr.bits = integer32("the extension id");
    expect(",", "after the extension id");
    return children(expr, operands);
  };
  constexpr std::string_view kAtomic{"atomic_"};
  constexpr std::string_view kSubgroup{"subgroup_"};
  if (word == "len" || word == "buffer_ref") {
    expr.tag = word == "len" ? ExprTag::BufLen : ExprTag::BufferRef;
    expr.name = name("the name of a buffer");
    expect(")", "after the buffer");
    return add(expr);
  }
  if (word == "matches") return matches();
  if (word == "raw") return raw();
  if (word == "select" || word == "fma") {
    expr.tag = word == "fma" ? ExprTag::Fma : ExprTag::Select;
    return children(expr, 3);
  }
  if (word == "cast") {
    expr.tag = ExprTag::Cast;
    expr.bits = type();
    expect(",", "and the value to cast");
    return children(expr, 1);
  }
  if (word == "opaque") {
    expr.tag = ExprTag::Opaque;
    expr.name = name("the kind");
    expect(",", "and the payload");
    expr.args = hex_payload();
    expect(")", "after the payload");
    return add(expr);
  }
  if (word == "bin_op_ext") return extension(ExprTag::BinOp, 2);
  if (word == "un_op_ext") return extension(ExprTag::UnOp, 1);
  if (word == "subgroup_shuffle") return expr.tag = ExprTag::SubgroupShuffle, children(expr, 2);
  if (word == "subgroup_ballot") return expr.tag = ExprTag::SubgroupBallot, children(expr, 1);
  if (word == "subgroup_local_id") return expr.tag = ExprTag::SubgroupLocalId, children(expr, 0);
  if (word == "subgroup_size") return expr.tag = ExprTag::SubgroupSize, children(expr, 0);
  if (word == "atomic_ext") {
    const std::uint32_t id = integer32("the extension id");
    expect(",", "after the extension id");
    return atomic(0x80, id);
  }
  if (word.substr(0, kAtomic.size()) == kAtomic) {
    if (const auto op = find_word(Vocabulary::atomic_op, word.substr(kAtomic.size())))
      return atomic(*op, 0);
  }
  if (word.substr(0, kSubgroup.size()) == kSubgroup) {
    if (const auto op = find_word(Vocabulary::reduce_op, word.substr(kSubgroup.size()))) {
      expr.tag = ExprTag::SubgroupAdd;
      expr.op = *op;
      return children(expr, 1);
    }
  }
  known = false;
  return 0;
}

/// `buffer[index], value [, expected: e] [, order: word])`
ExprId Parser::atomic(std::uint8_t op, std::uint32_t extension) {
  Expr expr;
  expr.tag = ExprTag::Atomic;
  expr.op = op;
  expr.bits = extension;
  expr.name = name("the buffer");
  expect("[", "and the index of the atomic");
  expr.child[0] = widened(this->expr());
  expect("]", "after the index");
  expect(",", "and the value");
  expr.child[1] = this->expr();
  while (ok() && accept(",")) {
    if (at_word("expected") && expr.child[2] == kNone) {
      take();
      expect(":", "and the expected value");
      expr.child[2] = this->expr();
    } else if (accept_word("order")) {
      expect(":", "and the memory ordering");
      expr.ordering = static_cast<Ordering>(word(Vocabulary::ordering, "a memory ordering"));
    } else {
      unexpected("'expected:' or 'order:'");
    }
  }
  expect(")", "after the value");
  widen_operands(expr);
  return add(expr);
}

}  // namespace vyre::vir::text
