// Forms of the text that stand for others, and the names and copies that they need. Spec:
// docs/vir0-text.md, "Shorter forms".
#include <unordered_map>

#include "base/message.hpp"
#include "parser.hpp"
#include "vir/program/statements.hpp"

namespace vyre::vir::text {
namespace {

bool has_effect(const Expr& expr) noexcept {
  return expr.tag == ExprTag::Atomic || expr.tag == ExprTag::Call || expr.tag == ExprTag::Opaque;
}

}  // namespace

Symbol Parser::made_name(std::string_view like) {
  made_names_.emplace_back(like);
  return kFirstMadeName + static_cast<Symbol>(made_names_.size() - 1);
}

void Parser::settle_names() {
  if (made_names_.empty()) return;
  std::vector<Symbol> settled;
  std::unordered_map<std::string_view, std::uint32_t> tried;
  for (const std::string& like : made_names_) {
    std::uint32_t& number = tried[like];
    std::string name;
    do {
      ++number;
      name = number == 1 ? like : message("{}_{}", like, number);
    } while (program_.find_name(name) != kNone);
    settled.push_back(program_.intern(name));
  }
  const auto settle = [&](Symbol& symbol) {
    if (symbol >= kFirstMadeName && symbol != kNone) symbol = settled[symbol - kFirstMadeName];
  };
  for (Node& node : program_.nodes) settle(node.name);
  for (Expr& expr : program_.exprs) settle(expr.name);
}

std::optional<BinOp> Parser::assigning_operator() {
  if (now_.kind != TokenKind::punct || now_.text.size() < 2 || now_.text.back() != '=') return {};
  const Infix* op = find_infix(now_.text.substr(0, now_.text.size() - 1));
  if (op == nullptr || !op->chains) return {};  // <= and >= are no assignments
  take();
  return op->op;
}

ExprId Parser::binary(BinOp op, ExprId left, ExprId right) {
  Expr expr;
  expr.tag = ExprTag::BinOp;
  expr.op = static_cast<std::uint8_t>(op);
  expr.child = {left, right, kNone};
  widen_operands(expr);
  return add(expr);
}

ExprId Parser::changed_element(Symbol buffer, ExprId index, BinOp op, const Token& at) {
  Expr load;
  load.tag = ExprTag::Load;
  load.name = buffer;
  load.child[0] = copy(index, at, "the index is evaluated for the load and for the store");
  const ExprId old = ok() ? add(load) : 0;
  mark(places_.exprs, old, place_of(at));
  ExprId value = binary(op, old, expr());
  if (const auto narrow = narrow_.type_of_buffer(buffer)) {
    value = cast(*narrow, value);
  }
  mark(places_.exprs, value, place_of(at));
  return value;
}

/// `buffer, index, "bytes")` of a function whose opening parenthesis is taken.
Parser::TextLiteral Parser::text_literal(std::string_view function) {
  TextLiteral found;
  found.where = now_;
  found.buffer = name("the name of a buffer");
  expect(",", "and the index of the first byte");
  found.at = widened(expr());
  expect(",", "and the bytes");
  const Token quote = now_;
  found.bytes = quoted("the bytes");
  expect(")", "after the bytes");
  if (!ok()) return found;
  const Bound* const known = bound(found.where);
  const bool any = known != nullptr && known->kind == Bound::Kind::either;  // no call has named it
  if (!any && narrow_.type_of_buffer(found.buffer) != TypeTag::U8) {
    fail_at(found.where, message("{} takes the bytes of a u8 buffer, and {} is none", function,
                                 describe(found.where)));
  } else if (found.bytes.empty() || found.bytes.size() > kMaxTextLiteral) {
    fail_at(quote, message("{} takes 1 to {} bytes, here are {}", function, kMaxTextLiteral,
                           found.bytes.size()));
  }
  return found;
}

/// `matches(text, at, "GET ")`: the bytes of a u8 buffer from an index on, each compared, joined by
/// && as a tree that is no deeper than it has to be.
ExprId Parser::matches() {
  const TextLiteral text = text_literal("matches");
  std::vector<ExprId> terms;
  for (std::size_t i = 0; i < text.bytes.size() && ok(); ++i) {
    Expr load;
    load.tag = ExprTag::Load;
    load.name = text.buffer;
    load.child[0] = index_of_byte(text.at, i, text.where);
    if (!ok()) return 0;
    const auto byte = static_cast<unsigned char>(text.bytes[i]);
    terms.push_back(binary(BinOp::Eq, add(load), leaf(ExprTag::LitU32, byte)));
  }
  while (terms.size() > 1 && ok()) {
    std::vector<ExprId> joined;
    for (std::size_t i = 0; i + 1 < terms.size(); i += 2)
      joined.push_back(binary(BinOp::And, terms[i], terms[i + 1]));
    if (terms.size() % 2 != 0) joined.push_back(terms.back());
    terms = std::move(joined);
  }
  return ok() ? terms.front() : 0;
}

/// `at + i`, the index of a byte of a text.
ExprId Parser::index_of_byte(ExprId at, std::size_t i, const Token& where) {
  const ExprId id = i == 0 ? at : copy(at, where, "the index is evaluated for each byte");
  if (!ok() || i == 0) return id;
  const auto offset = static_cast<std::uint32_t>(i);
  Expr& index = program_.exprs[id];
  if (index.tag != ExprTag::LitU32) return binary(BinOp::Add, id, leaf(ExprTag::LitU32, offset));
  index.bits += offset;
  return id;
}

/// `write(bytes, at, "text");`: a store for each byte to a u8 buffer, in a block.
NodeId Parser::write_node() {
  take();
  take();
  const SourcePlace place = here();
  const TextLiteral text = text_literal("write");
  expect(";", "after the statement");
  std::vector<NodeId> stores;
  for (std::size_t i = 0; i < text.bytes.size() && ok(); ++i) {
    const ExprId byte = leaf(ExprTag::LitU32, static_cast<unsigned char>(text.bytes[i]));
    Node store;
    store.tag = NodeTag::Store;
    store.name = text.buffer;
    store.e0 = index_of_byte(text.at, i, text.where);
    store.e1 = cast(TypeTag::U8, byte);
    stores.push_back(program_.add(store));
    mark(places_.nodes, stores.back(), place);
  }
  if (!ok()) return 0;
  Node block;
  block.tag = NodeTag::Block;
  block.body = program_.add_list(stores);
  return program_.add(block);
}

ExprId Parser::copy(ExprId id, const Token& at, std::string_view why) {
  if (!ok()) return 0;
  Expr expr = program_.exprs[id];
  if (has_effect(expr)) {
    fail_at(at, message("{}, and it has an effect; give it a name with let before", why));
    return 0;
  }
  for (ExprId& child : expr.child) {
    if (child != kNone) child = copy(child, at, why);
  }
  const ExprId copied = add(expr);
  if (id < places_.exprs.size()) mark(places_.exprs, copied, places_.exprs[id]);
  return copied;
}

ExprId Parser::widened(ExprId id, ExprId other) {
  TypeTag to = TypeTag::U32;
  if (ok() && other != kNone) {
    const Expr& beside = program_.exprs[other];
    const bool casts_to_i32 =
        beside.tag == ExprTag::Cast && program_.types[beside.bits].tag == TypeTag::I32;
    if (beside.tag == ExprTag::LitI32 || casts_to_i32) to = TypeTag::I32;
  }
  return as_number(id, to);
}

ExprId Parser::cast(TypeTag to, ExprId value) {
  Expr expr;
  expr.tag = ExprTag::Cast;
  expr.child[0] = value;
  expr.bits = program_.scalar(to);
  return add(expr);
}

ExprId Parser::as_number(ExprId id, TypeTag to) {
  if (!ok() || raw_.contains(id) || !narrow_.is_narrow(program_.exprs[id])) return id;
  const ExprId wide = cast(to, id);
  if (id < places_.exprs.size()) mark(places_.exprs, wide, places_.exprs[id]);
  return wide;
}

void Parser::widen_operands(Expr& expr) {
  const unsigned operands = widened_operands(expr.tag);
  const bool pair = expr.tag == ExprTag::BinOp;
  const std::array<ExprId, 3> given = expr.child;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if ((operands >> i & 1u) == 0 || given[i] == kNone) continue;
    expr.child[i] = widened(given[i], pair ? given[1 - i] : kNone);
  }
}

/// `raw(value)`: a narrow value where else it would become a number.
ExprId Parser::raw() {
  const ExprId id = expr();
  expect(")", "after the value");
  raw_.insert(id);
  return id;
}

}  // namespace vyre::vir::text
