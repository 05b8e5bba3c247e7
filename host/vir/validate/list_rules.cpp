// Rules about a statement list: what may follow what. Each is one function and one row.
#include <unordered_set>

#include "base/message.hpp"
#include "checker.hpp"
#include "vir/program/statements.hpp"

namespace vyre::vir {
namespace {

void return_is_last(Checker& c, const char* code, std::span<const NodeId> list) {
  for (std::size_t i = 0; i + 1 < list.size(); ++i) {
    if (c.program.nodes[list[i]].tag != NodeTag::Return) continue;
    return c.report_at(code, c.form.statements[list[i + 1]],
                       "this statement can never run: it follows a Return in the same list; "
                       "remove it or move the Return");
  }
}

/// Buffers that statements of one list touch, plainly and by atomics, since the last barrier.
struct Accesses {
  std::unordered_set<Symbol> plain;
  std::unordered_set<Symbol> atomic;
};

void collect(const Checker& c, ExprId id, Accesses& found) {
  const Expr& e = c.expr(id);
  if (e.tag == ExprTag::Load) found.plain.insert(e.name);
  if (e.tag == ExprTag::Atomic) found.atomic.insert(e.name);
  for_each_operand(c.program, e, [&](ExprId operand) { collect(c, operand, found); });
}

Accesses accesses_of(const Checker& c, const Node& node) {
  Accesses found;
  switch (node.tag) {
    case NodeTag::Store:
      found.plain.insert(node.name);
      collect(c, node.e1, found);
      [[fallthrough]];
    case NodeTag::Let:
    case NodeTag::Assign:
    case NodeTag::Trap:
      collect(c, node.e0, found);
      break;
    default:
      break;  // what nested statements touch belongs to their own lists
  }
  return found;
}

/// A buffer that `here` accesses one way and that was or is accessed the other way; looks at what
/// is new only, so that a list is checked in linear time.
Symbol first_clash(const Accesses& since, const Accesses& here) {
  for (const Symbol name : here.atomic) {
    if (here.plain.contains(name) || since.plain.contains(name)) return name;
  }
  for (const Symbol name : here.plain) {
    if (since.atomic.contains(name)) return name;
  }
  return kNone;
}

/// Fusing statements may reorder a plain access against an atomic on the same buffer unless a
/// barrier stands between them.
void plain_and_atomic_are_separated(Checker& c, const char* code, std::span<const NodeId> list) {
  Accesses since;
  for (const NodeId id : list) {
    const Node& node = c.program.nodes[id];
    if (c.passes_barrier(id)) {
      since = {};
      continue;
    }
    Accesses here = accesses_of(c, node);
    if (const Symbol name = first_clash(since, here); name != kNone) {
      c.report_at(code, c.form.statements[id],
                  message("buffer {} is accessed both plainly and by an atomic in one statement "
                          "list; put a barrier between them",
                          c.name(name)));
      since = {};
      continue;
    }
    since.plain.merge(here.plain);
    since.atomic.merge(here.atomic);
  }
}

constexpr ListRule kListRules[] = {
    {"V107", return_is_last},
    {"V122", plain_and_atomic_are_separated},
};

}  // namespace

std::span<const ListRule> list_rules() noexcept {
  return kListRules;
}

}  // namespace vyre::vir
