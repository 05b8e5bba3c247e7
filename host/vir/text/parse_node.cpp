// Statements of the text form. Spec: docs/vir0-text.md, "Statements".
#include <algorithm>

#include "advice.hpp"
#include "base/message.hpp"
#include "parser.hpp"

namespace vyre::vir::text {
namespace {

struct StatementRow {
  std::string_view text;
  NodeTag tag;
};
constexpr StatementRow kRows[]{
    {"barrier", NodeTag::Barrier},
    {"indirect_dispatch", NodeTag::IndirectDispatch},
    {"async_load", NodeTag::AsyncLoad},
    {"async_store", NodeTag::AsyncStore},
    {"async_wait", NodeTag::AsyncWait},
    {"resume", NodeTag::Resume},
    {"trap", NodeTag::Trap},
    {"all_reduce", NodeTag::AllReduce},
    {"all_gather", NodeTag::AllGather},
    {"reduce_scatter", NodeTag::ReduceScatter},
    {"broadcast", NodeTag::Broadcast},
    {"opaque", NodeTag::Opaque},
};

}  // namespace

bool Parser::is_statement_word(std::string_view word) {
  return word == "write" || std::any_of(std::begin(kRows), std::end(kRows),
                                        [&](const StatementRow& row) { return row.text == word; });
}

Range Parser::block() {
  expect("{", "before the statements");
  const std::vector<NodeId> nodes = statements();
  expect("}", "after the statements");
  return ok() ? program_.add_list(nodes) : Range{};
}

/// Up to the brace that closes them.
std::vector<NodeId> Parser::statements() {
  std::vector<NodeId> nodes;
  const std::size_t names = frame_ == nullptr ? 0 : frame_->names.size();
  const Into into(*this, &nodes);
  Leaving& leaving = *leaving_;
  bool broke = leaving.broke;
  bool continued = leaving.continued;
  const auto one_more = [&](NodeId id) {
    nodes.push_back(id);
    broke = broke || leaving.broke;
    continued = continued || leaving.continued;
  };
  while (ok() && !at("}") && now_.kind != TokenKind::end) {
    check_count(now_, nodes.size() + 1, kMaxNodes, "statements in one list");
    leaving.broke = leaving.continued = false;
    one_more(node());
    if (ok() && (leaving.broke || leaving.continued) && !at("}")) one_more(guarded_rest());
  }
  if (frame_ != nullptr) frame_->forget_from(names);
  leaving.broke = broke;
  leaving.continued = continued;
  return nodes;
}

NodeId Parser::node() {
  const SourcePlace place = here();
  const NodeId id = unmarked_node();
  mark(places_.nodes, id, place);
  return id;
}

NodeId Parser::unmarked_node() {
  const Depth depth(*this);
  const Level level(*this, levels_, kMaxDecodeDepth, kTooManyLevels);
  if (!ok()) return 0;
  if (at("{")) return block_node();
  if (now_.kind == TokenKind::string) return named_node();
  if (now_.kind != TokenKind::word) {
    unexpected("a statement");
    return 0;
  }
  if (now_.text == "let") return let_node();
  if (now_.text == "if") return if_node();
  if (now_.text == "for") return for_node();
  if (now_.text == "region") return region_node();
  if (now_.text == "while") return while_node();
  if (now_.text == "break" || now_.text == "continue") return leave_node();
  if (now_.text == "return") {
    if (frame_ != nullptr) {
      unexpected("another statement",
                 "; in a fn, return stands last and gives its value: return VALUE;");
      return 0;
    }
    take();
    if (!at(";")) {
      unexpected("';'",
                 "; outside of a fn, return ends the lane and gives nothing: store the value in a "
                 "buffer");
    }
    expect(";", "after 'return'");
    Node node;
    node.tag = NodeTag::Return;
    return program_.add(node);
  }
  if (now_.text == "buffer" || now_.text == "workgroup" || now_.text == "entry_op_id" ||
      now_.text == "non_composable" || now_.text == "const" || now_.text == "fn" ||
      now_.text == "include") {
    unexpected("a statement", "; declarations stand before the first statement");
    return 0;
  }
  if (now_.text.starts_with("atomic_") && ahead("(")) return atomic_node();
  if (at_word("write") && ahead("(")) return write_node();
  if (Function* function = ahead("(") ? function_of(now_.text) : nullptr) return fn_node(*function);
  if (ahead("(") || (now_.text == "barrier" && ahead(";"))) return statement_call();
  return named_node();
}

NodeId Parser::let_node() {
  take();
  Node node;
  node.tag = NodeTag::Let;
  if (at_word("mut") && next_.kind == TokenKind::word) {
    unexpected("the name of the variable", advice_for("mut"));
    return 0;
  }
  node.name = local_name("the name of the variable");
  if (at(":")) {
    unexpected("'=' and the value of the variable",
               "; a variable has the type of its value, as in let x = 1u; or let y = f32(x);");
  }
  expect("=", "and the value of the variable");
  node.e0 = expr();
  expect(";", "after the value");
  if (ok()) narrow_.declare_variable(node.name, narrow_.is_narrow(program_.exprs[node.e0]));
  return program_.add(node);
}

/// An atomic operation whose old value is not wanted.
NodeId Parser::atomic_node() {
  Node node;
  node.tag = NodeTag::Let;
  node.name = made_name("before");
  const SourcePlace place = here();
  node.e0 = function();
  mark(places_.exprs, node.e0, place);
  expect(";", "after the atomic operation");
  return program_.add(node);
}

NodeId Parser::if_node() {
  take();
  Node node;
  node.tag = NodeTag::If;
  node.e0 = widened(expr());
  node.body = block();
  if (accept_word("else")) {
    if (at_word("if")) {
      node.otherwise = chained();
    } else {
      node.otherwise = block();
    }
  }
  return program_.add(node);
}

/// The `if` behind an `else`, alone but for what its condition needs before it.
Range Parser::chained() {
  std::vector<NodeId> nodes;
  const Into into(*this, &nodes);
  const NodeId id = node();
  nodes.push_back(id);
  return ok() ? program_.add_list(nodes) : Range{};
}

NodeId Parser::for_node() {
  const SourcePlace place = here();
  take();
  Node node;
  node.tag = NodeTag::Loop;
  if (at("(")) unexpected("the name of the loop variable", "; write for i in 0..n { ... }");
  node.name = local_name("the name of the loop variable");
  if (!accept_word("in")) unexpected("'in' and the bounds of the loop");
  node.e0 = widened(expr());
  expect("..", "between the bounds of the loop");
  if (at("=")) unexpected("the end of the loop", "; it is never reached: write 0..n + 1");
  node.e1 = widened(expr());
  return loop(node, place);
}

NodeId Parser::region_node() {
  take();
  Node node;
  node.tag = NodeTag::Region;
  node.name = name("the name of the region");
  if (accept_word("from")) node.name2 = name("the name of the source region");
  node.body = block();
  return program_.add(node);
}

NodeId Parser::block_node() {
  Node node;
  node.tag = NodeTag::Block;
  node.body = block();
  return program_.add(node);
}

/// What a statement that begins with this word was meant to be.
std::string Parser::hint_of_statement(const Token& first) const {
  if (first.kind != TokenKind::word) return {};
  if (const std::string advice = advice_for(first.text); !advice.empty()) return advice;
  if (const std::string advice = advice_for(now_, next_); !advice.empty()) return advice;
  const auto is_type = find_word(Vocabulary::data_type, first.text);
  if (is_type && now_.kind == TokenKind::word)
    return message("; a variable is bound with let: let {} = ...;", now_.text);
  return did_you_mean(first.text, {"let", "if", "for", "while", "return", "region", "barrier",
                                   "break", "continue"});
}

/// A fn changes its own variables and the elements of buffers, nothing else.
bool Parser::may_assign() {
  if (frame_ == nullptr || ahead("[")) return true;
  const Bound* known = bound(now_);
  if (known != nullptr && known->kind == Bound::Kind::variable) return true;
  fail_at(now_,
          message("fn '{}' changes only variables of its own, and {} is none; bind one with let",
                  frame_->function->name.text, describe(now_)));
  return false;
}

NodeId Parser::named_node() {
  Node node;
  node.tag = NodeTag::Assign;
  const Token first = now_;
  const SourcePlace place = here();
  if (!may_assign()) return 0;
  node.name = new_name("a statement");
  if (accept("[")) {
    node.tag = NodeTag::Store;
    node.e0 = widened(expr());
    expect("]", "after the index");
    if (const auto op = assigning_operator()) {
      node.e1 = changed_element(node.name, node.e0, *op, first);
    } else {
      expect("=", "and the value to store");
      node.e1 = expr();
      if (const auto to = narrow_.stored_as(node.name)) node.e1 = as_number(node.e1, *to);
    }
  } else if (const auto op = assigning_operator()) {
    const ExprId old = variable(node.name);
    mark(places_.exprs, old, place);
    node.e0 = binary(*op, old, expr());
    mark(places_.exprs, node.e0, place);
  } else if (accept("=")) {
    node.e0 = expr();
  } else {
    unexpected("'=' or '['", hint_of_statement(first));
  }
  expect(";", "after the value");
  return program_.add(node);
}

void Parser::async_copy(Node& node) {
  node.name = name("the source buffer");
  expect(",", "and the destination buffer");
  node.name2 = name("the destination buffer");
  expect(",", "and the byte offset");
  node.e0 = expr();
  expect(",", "and the size in bytes");
  node.e1 = expr();
  expect(",", "and the tag");
  node.name3 = name("the tag");
}

void Parser::collective(Node& node) {
  const bool two_buffers = node.tag == NodeTag::AllGather || node.tag == NodeTag::ReduceScatter;
  node.name = name(two_buffers ? "the input buffer" : "the buffer");
  if (two_buffers) {
    expect(",", "and the output buffer");
    node.name2 = name("the output buffer");
  }
  if (node.tag == NodeTag::AllReduce || node.tag == NodeTag::ReduceScatter) {
    expect(",", "and the operator");
    node.collective = static_cast<CollectiveOp>(
        word(Vocabulary::collective_op, "sum, min, max, bit_and, bit_or or bit_xor"));
  }
  if (node.tag == NodeTag::Broadcast) {
    expect(",", "and the root rank");
    node.root = integer32("the root rank");
  }
  expect(",", "and the group");
  node.group = integer32("the group");
}

NodeId Parser::statement_call() {
  const Token word = take();
  const StatementRow* row = nullptr;
  for (const StatementRow& candidate : kRows) {
    if (candidate.text == word.text) row = &candidate;
  }
  if (row == nullptr) {
    std::vector<std::string_view> known;
    for (const StatementRow& candidate : kRows) known.push_back(candidate.text);
    for (const auto& [name, function] : functions_) known.push_back(name);
    fail_at(word, message("unknown statement {}{}", describe(word), hint_for(word.text, known)));
    return 0;
  }
  Node node;
  node.tag = row->tag;
  if (node.tag == NodeTag::Barrier && accept(";")) return program_.add(node);
  expect("(", "after the name of the statement");
  switch (node.tag) {
    case NodeTag::Barrier:
      node.ordering = static_cast<Ordering>(this->word(Vocabulary::ordering, "a memory ordering"));
      break;
    case NodeTag::IndirectDispatch:
      node.name = name("the buffer with the workgroup counts");
      expect(",", "and the byte offset of the counts");
      node.offset = integer("the byte offset of the counts", ~std::uint64_t{0});
      break;
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      async_copy(node);
      break;
    case NodeTag::AsyncWait:
    case NodeTag::Resume:
      node.name3 = name("the tag");
      break;
    case NodeTag::Trap:
      node.e0 = expr();
      expect(",", "and the tag");
      node.name3 = name("the tag");
      break;
    case NodeTag::Opaque:
      node.name = name("the kind");
      expect(",", "and the payload");
      node.payload = hex_payload();
      break;
    default:
      collective(node);
      break;
  }
  expect(")", "after the last parameter");
  expect(";", "after the statement");
  return program_.add(node);
}

}  // namespace vyre::vir::text
