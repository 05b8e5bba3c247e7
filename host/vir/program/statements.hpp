// Statements: the numbering of a program's nodes that diagnostics, faults and images share.
// A statement is the pre-order index of a node over the prepared program, from 0: a node comes
// before its body, the body before `otherwise`; what watches added is passed over. Host only, pure.
// Spec: docs/internals/vir0.md, "Validation".
#pragma once

#include <string_view>
#include <vector>

#include "vir/program/program.hpp"

namespace vyre::vir {

/// Of regions that write a watch's records, and what the names of the buffers begin with that hold
/// them (vir/lower/watch.hpp). Statements in such a region have no numbers of their own, and such
/// buffers and their atomics do not shape the grid: a program that is watched runs as it did.
inline constexpr std::string_view kWatchName{"vyre.watch"};
[[nodiscard]] bool is_watch_name(const Program& program, Symbol name) noexcept;

/// Nodes in pre-order: result[statement] is the node. Ids outside the pools and nodes met before
/// are skipped, so that a malformed program ends too; validate() refuses both.
[[nodiscard]] std::vector<NodeId> statements_in_order(const Program& program);

/// result[node] is its statement; kNone for nodes that the entry does not reach. What a watch added
/// has the number of the statement behind it.
[[nodiscard]] std::vector<std::uint32_t> statement_numbers(const Program& program);
/// result[statement] is the node with that number: statements_in_order() without what watches
/// added.
[[nodiscard]] std::vector<NodeId> numbered_statements(const Program& program);

/// The one or two statement lists of a node, in order; empty ranges where it has none.
struct ChildLists {
  Range first;
  Range second;
};
[[nodiscard]] constexpr ChildLists child_lists(const Node& node) noexcept {
  switch (node.tag) {
    case NodeTag::If:
      return {node.body, node.otherwise};
    case NodeTag::Loop:
    case NodeTag::Block:
    case NodeTag::Region:
      return {node.body, {}};
    default:
      return {};
  }
}

/// How many of e0, e1 a node uses (AsyncLoad and AsyncStore: offset, size).
[[nodiscard]] constexpr unsigned expression_count(NodeTag tag) noexcept {
  switch (tag) {
    case NodeTag::Let:
    case NodeTag::Assign:
    case NodeTag::If:
    case NodeTag::Trap:
      return 1;
    case NodeTag::Store:
    case NodeTag::Loop:
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      return 2;
    default:
      return 0;
  }
}

/// How many of Expr::child an expression uses; Atomic's third is optional and not counted here.
[[nodiscard]] constexpr unsigned child_count(ExprTag tag) noexcept {
  switch (tag) {
    case ExprTag::Load:
    case ExprTag::UnOp:
    case ExprTag::Cast:
    case ExprTag::SubgroupAdd:
    case ExprTag::SubgroupBallot:
      return 1;
    case ExprTag::BinOp:
    case ExprTag::Atomic:
    case ExprTag::SubgroupShuffle:
      return 2;
    case ExprTag::Select:
    case ExprTag::Fma:
      return 3;
    default:
      return 0;
  }
}

/// `visit(ExprId)` for every operand of an expression, in the order in which they are evaluated but
/// for an atomic's expected value, which comes last. Ranges must lie in their pools.
template <class Visit>
void for_each_operand(const Program& program, const Expr& expr, Visit visit) {
  const unsigned children = child_count(expr.tag);
  for (unsigned i = 0; i < children; ++i) visit(expr.child[i]);
  if (expr.tag == ExprTag::Atomic && expr.child[2] != kNone) visit(expr.child[2]);
  if (expr.tag == ExprTag::Call) {
    for (const ExprId id : program.args(expr.args)) visit(id);
  }
}

/// Whether a reachable expression satisfies `test(const Expr&)`; safe on malformed pools.
template <class Test>
[[nodiscard]] bool any_expression(const Program& program, Test test) {
  std::vector<bool> seen(program.exprs.size());
  std::vector<ExprId> pending;
  const auto push = [&](ExprId id) {
    if (id < seen.size() && !seen[id]) {
      seen[id] = true;
      pending.push_back(id);
    }
  };
  for (const NodeId id : statements_in_order(program)) {
    const Node& node = program.nodes[id];
    const unsigned count = expression_count(node.tag);
    if (count > 0) push(node.e0);
    if (count > 1) push(node.e1);
    while (!pending.empty()) {
      const Expr& expr = program.exprs[pending.back()];
      pending.pop_back();
      if (test(expr)) return true;
      const unsigned children = expr.tag == ExprTag::Atomic ? 3 : child_count(expr.tag);
      for (unsigned i = 0; i < children; ++i) push(expr.child[i]);
      if (expr.tag == ExprTag::Call) {
        const std::uint64_t end = std::uint64_t{expr.args.begin} + expr.args.count;
        for (std::uint64_t i = expr.args.begin; i < end && i < program.expr_lists.size(); ++i) {
          push(program.expr_lists[i]);
        }
      }
    }
  }
  return false;
}

}  // namespace vyre::vir
