// fn: statements and values under a name, which stand anew at each call. The parser reads the body
// again there, with what the parameters are bound to. Spec: docs/vir0-forms.md, "Functions".
#include <algorithm>

#include "base/message.hpp"
#include "parser.hpp"

namespace vyre::vir::text {
namespace {

/// Values that are the same wherever they stand in the body, and as short as a name.
bool is_leaf(ExprTag tag) noexcept {
  switch (tag) {
    case ExprTag::LitU32:
    case ExprTag::LitI32:
    case ExprTag::LitF32:
    case ExprTag::LitBool:
    case ExprTag::Var:
    case ExprTag::BufLen:
    case ExprTag::InvocationId:
    case ExprTag::WorkgroupId:
    case ExprTag::LocalId:
      return true;
    default:
      return false;
  }
}

}  // namespace

/// `fn name(parameter, ...) { statements return value; }`
void Parser::fn_directive() {
  take();
  const Token word = now_;
  const auto known = function_words();
  if (word.kind != TokenKind::word || is_reserved(word.text))
    return unexpected("the name of the fn");
  if (std::find(known.begin(), known.end(), word.text) != known.end() ||
      is_statement_word(word.text) || word.text.starts_with("atomic_") ||
      word.text.starts_with("subgroup_")) {
    return fail_at(
        word, message("{} is a function of the language; choose another name", describe(word)));
  }
  if (functions_.contains(word.text))
    return fail_at(word,
                   message("the fn {} is declared twice; rename one of them", describe(word)));
  take();
  Function made{word, {}, {}, 0, false};
  expect("(", "before the parameters");
  while (ok() && !at(")")) {
    const Token parameter = now_;
    const std::string text(parameter.text);
    if (parameter.kind != TokenKind::word || is_reserved(text))
      return unexpected("the name of a parameter");
    if (const_of(parameter) != nullptr ||
        std::count(made.parameters.begin(), made.parameters.end(), text) != 0)
      return fail_at(parameter, message("{} is a const or another parameter; choose another name",
                                        describe(parameter)));
    check_count(parameter, made.parameters.size() + 1, kMaxArgs, "parameters of a fn");
    take();
    made.parameters.push_back(text);
    if (at(":"))
      return unexpected("',' or ')'", "; a fn names no types: write fn name(a, b) { ... }");
    if (!accept(",")) break;
  }
  expect(")", "after the parameters");
  made.body = {lexer_, now_, next_};
  expect("{", "before the statements of the fn");
  for (std::uint32_t open = 1; ok() && open != 0; take()) {
    if (now_.kind == TokenKind::end) return unexpected("'}' after the statements of the fn");
    if (at("{")) ++open;
    if (at("}")) --open;
  }
  functions_.emplace(word.text, std::move(made));
}

Parser::Function* Parser::function_of(std::string_view word) {
  if (functions_.empty()) return nullptr;
  const auto found = functions_.find(word);
  return found == functions_.end() ? nullptr : &found->second;
}

void Parser::Frame::bind(Bound bound) {
  places[bound.name].push_back(names.size());
  names.push_back(std::move(bound));
}

void Parser::Frame::forget_from(std::size_t count) {
  for (; names.size() > count; names.pop_back()) places[names.back().name].pop_back();
}

const Parser::Bound* Parser::Frame::find(std::string_view name) const {
  const auto found = places.find(std::string(name));
  return found == places.end() || found->second.empty() ? nullptr : &names[found->second.back()];
}

Parser::Frame Parser::called(const Function& function, const Token& call) {
  SourcePlace at = place_of(call);
  at.call = call_of(frame_);
  places_.calls.push_back({std::string(function.name.text), at});
  return {&function, call, static_cast<std::uint32_t>(places_.calls.size()), frame_};
}

const Parser::Bound* Parser::bound(const Token& token) const {
  if (frame_ == nullptr || (token.kind != TokenKind::word && token.kind != TokenKind::string))
    return nullptr;
  return frame_->find(token.kind == TokenKind::word ? token.text : token.value);
}

/// A name that is declared in the body of a fn, made new for this call.
Symbol Parser::local_name(std::string_view what) {
  if (frame_ == nullptr || now_.kind != TokenKind::word || is_reserved(now_.text) ||
      const_of(now_) != nullptr) {
    return new_name(what);
  }
  const Symbol symbol = made_name(now_.text);
  Expr value;
  value.tag = ExprTag::Var;
  value.name = symbol;
  frame_->bind({std::string(now_.text), Bound::Kind::variable, value});
  take();
  return symbol;
}

bool Parser::names_buffer(const Token& token) const {
  if (const Bound* known = bound(token))
    return known->kind == Bound::Kind::buffer || known->kind == Bound::Kind::either;
  const std::string_view text = token.kind == TokenKind::word ? token.text : token.value;
  return narrow_.is_buffer(program_.find_name(text));
}

/// What a parameter is bound to; a value that is no leaf is given a name before the statement.
Parser::Bound Parser::argument(const std::string& parameter) {
  const SourcePlace place = here();
  const bool alone = (now_.kind == TokenKind::word || now_.kind == TokenKind::string) &&
                     (ahead(",") || ahead(")"));
  Expr value;
  value.tag = ExprTag::Var;
  // Of a body that is read for its mistakes alone: what it is bound to, the next one may be, too.
  if (const Bound* known = alone ? bound(now_) : nullptr;
      known != nullptr && known->kind == Bound::Kind::either) {
    value = known->value;
    take();
    return {parameter, Bound::Kind::either, value};
  }
  if (alone && names_buffer(now_)) {
    value.name = name("a buffer");
    return {parameter, Bound::Kind::buffer, value};
  }
  const ExprId id = expr();
  if (!ok()) return {parameter, Bound::Kind::value, value};
  if (is_leaf(program_.exprs[id].tag)) return {parameter, Bound::Kind::value, program_.exprs[id]};
  value.name = kept(parameter, id, place);
  return {parameter, Bound::Kind::value, value};
}

/// `let like = value` before the statement that is parsed, with a name of its own.
Symbol Parser::kept(std::string_view like, ExprId value, SourcePlace place) {
  Node let;
  let.tag = NodeTag::Let;
  let.name = made_name(like);
  let.e0 = value;
  narrow_.declare_variable(let.name, narrow_.is_narrow(program_.exprs[value]));
  const NodeId id = program_.add(let);
  mark(places_.nodes, id, place);
  list_->push_back(id);
  return let.name;
}

/// A call whose name and opening parenthesis are taken. Gives kNone where the fn gives no value.
ExprId Parser::expand(Function& function, const Token& call) {
  const std::string name(function.name.text);
  if (list_ == nullptr) {
    fail_at(call,
            message("a fn is called by statements, not in the condition of a while or the value "
                    "of a const; write what {} does there",
                    describe(call)));
    return 0;
  }
  if (function.active) {
    std::string chain;
    for (const Frame* f = frame_; f != nullptr; f = f->outer)
      chain = message("{} -> {}", f->function->name.text, chain);
    fail_at(call, message("fn calls itself, and a fn is written out at each call: {}{}; use a loop",
                          chain, name));
    return 0;
  }
  ++function.calls;
  Frame frame = called(function, call);
  for (std::size_t i = 0; i < function.parameters.size() && ok(); ++i) {
    if (i != 0) expect(",", message("between the arguments of {}", name));
    frame.bind(argument(function.parameters[i]));
  }
  expect(")", message("after {} argument(s) of {}", function.parameters.size(), name));
  if (!ok()) return 0;
  return body_of(function, frame);
}

ExprId Parser::body_of(Function& function, Frame& frame) {
  const Depth depth(*this);
  const Leaving no_loop(*this, false);
  const Cursor caller{lexer_, now_, next_};
  const std::uint32_t levels = std::exchange(levels_, list_levels_);
  function.active = true;
  frame_ = &frame;
  move_to(function.body);
  expect("{", "before the statements of the fn");
  ExprId value = kNone;
  bool one_return = true;
  while (ok() && value == kNone && !at("}")) {
    if (at_word("return")) {
      const SourcePlace place = here();
      take();
      value = expr();
      expect(";", "after the value");
      if (!at("}")) unexpected("'}'", "; return stands last in its fn");
      if (ok() && !one_return && !is_leaf(program_.exprs[value].tag))
        value = variable(kept(function.name.text, value, place));
      break;
    }
    one_return = false;
    const NodeId id = node();
    list_->push_back(id);
  }
  function.active = false;
  frame_ = frame.outer;
  levels_ = levels;
  if (ok()) move_to(caller);
  return value;
}

/// `name(arguments);`
NodeId Parser::fn_node(Function& function) {
  const Token call = take();
  take();
  std::vector<NodeId> nodes;
  const Into into(*this, &nodes);
  const ExprId value = expand(function, call);
  if (ok() && value != kNone) {
    fail_at(call, message("{} gives a value; use it, as in let x = {}(...);", describe(call),
                          function.name.text));
  }
  expect(";", "after the call");
  if (!ok()) return 0;
  Node block;
  block.tag = NodeTag::Block;
  block.body = program_.add_list(nodes);
  return program_.add(block);
}

/// The value of `name(arguments)`, whose parenthesis is taken.
ExprId Parser::fn_value(Function& function, const Token& call) {
  const ExprId value = expand(function, call);
  if (ok() && value == kNone) {
    fail_at(call,
            message("{} gives no value; it ends with return VALUE; where it does, or is called "
                    "as a statement",
                    describe(call)));
  }
  return ok() ? value : 0;
}

/// Bodies that no call has read are read once, for their mistakes alone.
void Parser::check_uncalled() {
  const bool all_called = std::all_of(functions_.begin(), functions_.end(),
                                      [](const auto& known) { return known.second.calls != 0; });
  if (!ok() || all_called) return;
  Program kept_program = program_;
  const std::size_t made = made_names_.size();
  const std::size_t calls = places_.calls.size();
  for (auto& [name, function] : functions_) {
    if (function.calls != 0) continue;
    std::vector<NodeId> nodes;
    list_ = &nodes;
    Frame frame = called(function, function.name);
    for (const std::string& parameter : function.parameters) {
      Expr value;
      value.tag = ExprTag::Var;
      value.name = made_name(parameter);
      frame.bind({parameter, Bound::Kind::either, value});
    }
    (void)body_of(function, frame);
    list_ = nullptr;
    if (!ok()) return;
  }
  program_ = std::move(kept_program);
  made_names_.resize(made);
  places_.calls.resize(calls);
  heights_.resize(program_.exprs.size());
  if (places_.exprs.size() > program_.exprs.size()) places_.exprs.resize(program_.exprs.size());
  if (places_.nodes.size() > program_.nodes.size()) places_.nodes.resize(program_.nodes.size());
}

}  // namespace vyre::vir::text
