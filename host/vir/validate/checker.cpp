// The walk: expressions bottom-up, then the rules of the statement, then its bodies in scopes of
// their own. Recursion is bounded: run() refuses deeper programs (V018, V033) before it walks.
#include "checker.hpp"

#include <algorithm>
#include <map>

#include "protocol/limits.hpp"
#include "vir/program/buffer_names.hpp"
#include "vir/program/given_up.hpp"
#include "vir/program/quote.hpp"
#include "vir/program/statements.hpp"

namespace vyre::vir {
namespace {

using TypeKey = std::vector<std::uint32_t>;

/// Equal parametrised types get one class, so that comparing types is comparing two numbers.
std::vector<StaticType> classes_of(const std::vector<DataType>& types) {
  constexpr std::uint32_t kFirstClass{0x100};  // above every scalar tag
  std::vector<StaticType> classes;
  std::vector<std::uint32_t> ids;
  std::map<TypeKey, std::uint32_t> known;
  classes.reserve(types.size());
  for (const DataType& type : types) {
    auto id = static_cast<std::uint32_t>(type.tag);
    if (has_parameters(type.tag)) {
      TypeKey key{id,
                  type.a,
                  type.b,
                  type.element < ids.size() ? ids[type.element] : kNone,
                  type.scale.tag,
                  type.scale.value,
                  type.zero_point.tag,
                  type.zero_point.value};
      key.insert(key.end(), type.dims.begin(), type.dims.end());
      const auto next = kFirstClass + static_cast<std::uint32_t>(known.size());
      id = known.emplace(std::move(key), next).first->second;
    }
    ids.push_back(id);
    classes.push_back(StaticType(type.tag, id));
  }
  return classes;
}

}  // namespace

std::string_view type_word(StaticType type) noexcept {
  if (!type.known()) return "unknown";
  switch (type.tag()) {
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) \
  case TypeTag::name:                                          \
    return text;
#include "vir/program/vocabulary.def"
  }
  return "unknown";
}

Checker::Checker(const Program& p, const Form& f, Interrupt* interrupt)
    : program(p),
      form(f),
      declared_(classes_of(p.types)),
      buffer_index_(buffers_by_name(p)),
      variables_(p.names.size()),
      types_(p.exprs.size()),
      uniform_(p.exprs.size()),
      passes_barrier_(p.nodes.size()),
      interrupt_(interrupt) {}

void Checker::report_at(const char* code, std::uint32_t statement, std::string message,
                        ExprId expr) {
  if (full()) return;
  const NodeId node = statement < form.order.size() ? form.order[statement] : kNone;
  found_.push_back({code, statement, std::move(message), node, expr});
}

void Checker::report_buffer(const char* code, std::size_t buffer, std::string message) {
  if (full()) return;
  const auto index = static_cast<std::uint32_t>(buffer);
  found_.push_back({code, kNone, std::move(message), kNone, kNone, index});
}

bool Checker::full() const noexcept {
  return found_.size() >= kMaxDiagnostics || is_over(interrupt_);
}

const BufferDecl* Checker::buffer(Symbol name) const {
  const std::uint32_t index = buffer_index_[name];
  return index == kNone ? nullptr : &program.buffers[index];
}

const Variable* Checker::variable(Symbol name) const {
  const Variable& found = variables_[name];
  return found.live ? &found : nullptr;
}

std::string Checker::name(Symbol symbol) const {
  return quote_symbol(program, symbol);
}

std::vector<Diagnostic> Checker::run() && {
  if (is_over(interrupt_)) return {};
  for (const ProgramRule& rule : program_rules()) rule.check(*this, rule.code);
  const bool walkable =
      form.nesting <= kMaxNesting && form.order.size() <= kMaxStatements &&
      std::all_of(form.expr_depth.begin(), form.expr_depth.end(),
                  [](std::uint32_t depth) { return depth <= kMaxExpressionDepth; });
  if (walkable) {
    find_barriers();
    walk_list(program.entry);
  }
  // Rules of a list report before its statements are walked; readers want program order.
  std::stable_sort(found_.begin(), found_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.statement + 1 < b.statement + 1;  // kNone, the whole program, first
  });
  return std::move(found_);
}

/// Children come after their parents in pre-order, so one pass backwards sees every child first.
void Checker::find_barriers() {
  for (auto it = form.order.rbegin(); it != form.order.rend(); ++it) {
    const Node& node = program.nodes[*it];
    bool passes = node.tag == NodeTag::Barrier;
    if (node.tag == NodeTag::Block || node.tag == NodeTag::Region) {
      for (const NodeId child : program.list(node.body)) passes = passes || passes_barrier_[child];
    }
    passes_barrier_[*it] = passes;
  }
}

void Checker::walk_list(Range range) {
  const std::uint32_t outer_list = list_;
  list_ = ++lists_;
  const std::size_t outer_scope = scope_.size();
  const auto list = program.list(range);
  for (const ListRule& rule : list_rules()) rule.check(*this, rule.code, list);
  for (const NodeId id : list) {
    if (full()) break;
    walk_node(id);
  }
  while (scope_.size() > outer_scope) {
    variables_[scope_.back()].live = false;
    scope_.pop_back();
  }
  list_ = outer_list;
}

void Checker::walk_node(NodeId id) {
  const Node& node = program.nodes[id];
  statement_ = form.statements[id];
  const unsigned expressions = expression_count(node.tag);
  if (expressions > 0) walk_expr(node.e0);
  if (expressions > 1) walk_expr(node.e1);
  for (const NodeRule& rule : node_rules()) {
    if (rule.tag == node.tag) rule.check(*this, rule.code, node);
  }
  switch (node.tag) {
    case NodeTag::Let:
      if (!variables_[node.name].live) {  // a second binding is reported; the first one stays
        declare(node.name, {type_of(node.e0), true, is_uniform(node.e0), false, list_});
      }
      break;
    case NodeTag::Assign: {
      Variable& target = variables_[node.name];
      if (target.live) target.uniform = target.uniform && is_uniform(node.e0) && flow_uniform_;
      break;
    }
    case NodeTag::If: {
      const bool uniform = flow_uniform_ && is_uniform(node.e0);
      walk_body(node.body, uniform);
      walk_body(node.otherwise, uniform);
      break;
    }
    case NodeTag::Loop: {
      const bool uniform_bounds = is_uniform(node.e0) && is_uniform(node.e1);
      walk_body(node.body, flow_uniform_ && uniform_bounds, node.name, uniform_bounds);
      break;
    }
    case NodeTag::Block:
    case NodeTag::Region:
      walk_body(node.body, flow_uniform_);
      break;
    default:
      break;
  }
}

void Checker::walk_body(Range list, bool uniform, Symbol loop_variable, bool loop_uniform) {
  const bool outer_flow = flow_uniform_;
  flow_uniform_ = uniform;
  const std::size_t outer_scope = scope_.size();
  if (loop_variable != kNone && !variables_[loop_variable].live) {
    declare(loop_variable, {TypeTag::U32, true, loop_uniform, true, list_});
  }
  walk_list(list);
  while (scope_.size() > outer_scope) {
    variables_[scope_.back()].live = false;
    scope_.pop_back();
  }
  flow_uniform_ = outer_flow;
}

void Checker::declare(Symbol name, Variable variable) {
  variables_[name] = variable;
  scope_.push_back(name);
}

void Checker::walk_expr(ExprId id) {
  if (step_is_over(interrupt_)) return;
  const Expr& e = expr(id);
  for_each_operand(program, e, [this](ExprId operand) { walk_expr(operand); });
  types_[id] = infer(e);
  uniform_[id] = infer_uniform(e);
  if (full()) return;
  expr_ = id;
  for (const auto rules : {value_rules(), operator_rules()}) {
    for (const ExprRule& rule : rules) {
      if (rule.tag == e.tag) rule.check(*this, rule.code, e);
    }
  }
  expr_ = kNone;
}

bool Checker::infer_uniform(const Expr& e) const {
  switch (e.tag) {
    case ExprTag::LitU32:
    case ExprTag::LitI32:
    case ExprTag::LitF32:
    case ExprTag::LitBool:
    case ExprTag::BufLen:
    case ExprTag::WorkgroupId:
      return true;
    case ExprTag::Var: {
      const Variable* known = variable(e.name);
      return known != nullptr && known->uniform;
    }
    case ExprTag::UnOp:
    case ExprTag::Cast:
    case ExprTag::BinOp:
    case ExprTag::Select:
    case ExprTag::Fma: {
      const unsigned children = child_count(e.tag);
      return std::all_of(e.child.begin(), e.child.begin() + children,
                         [&](ExprId child) { return is_uniform(child); });
    }
    default:
      return false;  // memory, lane ids, subgroups, calls
  }
}

}  // namespace vyre::vir
