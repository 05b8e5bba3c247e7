// while, break and continue: loops of the program run from one bound to another, so leaving one
// early is a flag that the rest of its passes look at. Spec: docs/vir0-text.md, "Loops that end
// early".
#include "base/message.hpp"
#include "parser.hpp"

namespace vyre::vir::text {

ExprId Parser::variable(Symbol symbol) {
  Expr expr;
  expr.tag = ExprTag::Var;
  expr.name = symbol;
  return add(expr);
}

NodeId Parser::set_flag(NodeTag tag, Symbol flag, bool value) {
  Node node;
  node.tag = tag;
  node.name = flag;
  node.e0 = leaf(ExprTag::LitBool, value ? 1 : 0);
  return program_.add(node);
}

/// `while condition limit passes { ... }`
NodeId Parser::while_node() {
  const SourcePlace place = here();
  take();
  Node node;
  node.tag = NodeTag::Loop;
  node.name = made_name("pass");
  const ExprId condition = [&] {
    const Into none(*this, nullptr);  // it is asked in every pass
    return widened(expr());
  }();
  if (!accept_word("limit")) {
    unexpected("'limit' and the most passes",
               "; every loop is bounded, as in while x > 1 limit 64 { ... }");
  }
  node.e0 = leaf(ExprTag::LitU32, 0);
  node.e1 = widened(expr());
  return loop(node, place, condition);
}

NodeId Parser::loop(Node node, SourcePlace place, ExprId condition) {
  Leaving leaving(*this);
  if (condition != kNone) leaving.going = made_name("going");
  narrow_.declare_variable(node.name, false);
  expect("{", "before the statements");
  std::vector<NodeId> body = statements();
  expect("}", "after the statements");
  if (!ok()) return 0;
  const auto flag = [&](NodeTag tag, Symbol name, bool value) {
    const NodeId id = set_flag(tag, name, value);
    mark(places_.nodes, id, place);
    return id;
  };
  const auto only_if = [&](ExprId test, Range then, Range otherwise = {}) {
    Node guard;
    guard.tag = NodeTag::If;
    guard.e0 = test;
    guard.body = then;
    guard.otherwise = otherwise;
    const NodeId id = program_.add(guard);
    mark(places_.nodes, id, place);
    return id;
  };
  if (leaving.rest != kNone) body.insert(body.begin(), flag(NodeTag::Let, leaving.rest, true));
  node.body = program_.add_list(body);
  if (condition != kNone) {
    const NodeId stop = flag(NodeTag::Assign, leaving.going, false);
    const NodeId test = only_if(condition, node.body, program_.add_list({&stop, 1}));
    node.body = program_.add_list({&test, 1});
  }
  if (leaving.going == kNone) return program_.add(node);
  const NodeId pass = only_if(variable(leaving.going), node.body);
  node.body = program_.add_list({&pass, 1});
  const NodeId both[]{flag(NodeTag::Let, leaving.going, true), program_.add(node)};
  mark(places_.nodes, both[1], place);
  Node block;
  block.tag = NodeTag::Block;
  block.body = program_.add_list(both);
  return program_.add(block);
}

/// `break;` and `continue;`
NodeId Parser::leave_node() {
  const Token word = take();
  const bool breaks = word.text == "break";
  expect(";", message("after '{}'", word.text));
  if (leaving_ == nullptr || !leaving_->in_loop()) {
    fail_at(word, message("'{}' stands in no loop", word.text));
    return 0;
  }
  if (ok() && !at("}")) {
    fail_at(now_,
            message("this statement can never run: it follows '{}' in the same list", word.text));
    return 0;
  }
  (breaks ? leaving_->broke : leaving_->continued) = true;
  Symbol& flag = breaks ? leaving_->going : leaving_->rest;
  if (flag == kNone) flag = made_name(breaks ? "going" : "rest");
  return set_flag(NodeTag::Assign, flag, false);
}

NodeId Parser::guarded_rest() {
  const SourcePlace place = here();
  const Depth depth(*this);
  const Level level(*this, levels_, kMaxDecodeDepth, kTooManyLevels);
  if (!ok()) return 0;
  Node guard;
  guard.tag = NodeTag::If;
  if (leaving_->broke) guard.e0 = variable(leaving_->going);
  if (leaving_->continued) {
    const ExprId rest = variable(leaving_->rest);
    guard.e0 = guard.e0 == kNone ? rest : binary(BinOp::And, guard.e0, rest);
  }
  guard.body = program_.add_list(statements());
  const NodeId id = program_.add(guard);
  mark(places_.nodes, id, place);
  return id;
}

}  // namespace vyre::vir::text
