// Kinds of variables: walks the program until they settle. Linear a pass; passes are bounded.
#include <algorithm>

#include "kinds.hpp"
#include "protocol/limits.hpp"
#include "vir/program/buffer_names.hpp"
#include "vir/program/given_up.hpp"
#include "vir/program/statements.hpp"

namespace vyre::vir::lowering {
namespace {

/// A kind can only climb never -> one kind -> f64 or word -> conflict, and a pass settles every
/// chain that runs forward; only chains carried round a loop backwards need one pass a link, up to
/// kMaxKindPasses.
class Walk {
 public:
  Walk(const Program& program, Interrupt* interrupt)
      : program_(program),
        interrupt_(interrupt),
        bound_(program.names.size(), kNone),
        buffer_(buffers_by_name(program)) {}

  Inference run() {
    for (std::uint32_t pass = 0; pass < kMaxKindPasses; ++pass) {
      changed_ = false;
      next_ = 0;
      list(program_.entry);
      if (!changed_ || is_over(interrupt_)) return std::move(out_);
    }
    out_.settled = false;
    return std::move(out_);
  }

 private:
  std::uint32_t declare(Symbol name) {
    const std::uint32_t v = next_++;
    if (v == out_.variables.size()) out_.variables.emplace_back();
    undo_.push_back({name, bound_[name]});
    bound_[name] = v;
    return v;
  }

  void give(std::uint32_t v, Kind kind) {
    Variable& variable = out_.variables[v];
    const Kind joined = join(variable.kind, kind);
    if (!(joined == variable.kind)) {
      variable.kind = joined;
      changed_ = true;
    }
  }

  void list(Range range) {
    const std::size_t keep = undo_.size();
    for (const NodeId id : program_.list(range)) node(program_.nodes[id]);
    while (undo_.size() > keep) {
      bound_[undo_.back().name] = undo_.back().before;
      undo_.pop_back();
    }
  }

  void node(const Node& n) {
    switch (n.tag) {
      case NodeTag::Let: {
        const Kind kind = expr(n.e0);
        give(declare(n.name), kind);
        return;
      }
      case NodeTag::Assign: {
        const Kind kind = expr(n.e0);
        if (bound_[n.name] == kNone) return;
        out_.variables[bound_[n.name]].assigned = true;
        give(bound_[n.name], kind);
        return;
      }
      case NodeTag::Loop: {
        expr(n.e0);
        expr(n.e1);
        const std::size_t keep = undo_.size();
        give(declare(n.name), kU32);
        list(n.body);
        bound_[undo_[keep].name] = undo_[keep].before;
        undo_.resize(keep);
        return;
      }
      case NodeTag::Barrier:
        out_.uses_workgroup = true;
        return;
      case NodeTag::AsyncLoad:
      case NodeTag::AsyncStore:
      case NodeTag::AsyncWait:
        out_.uses_async = true;
        break;
      default:
        break;
    }
    const unsigned count = expression_count(n.tag);
    if (count > 0) expr(n.e0);
    if (count > 1) expr(n.e1);
    const ChildLists lists = child_lists(n);
    list(lists.first);
    list(lists.second);
  }

  Kind variable(Symbol name) {
    const std::uint32_t v = bound_[name];
    if (v == kNone) return kNever;
    Variable& var = out_.variables[v];
    var.read = true;
    return var.kind;
  }

  Kind expr(ExprId id) {
    if (step_is_over(interrupt_)) return kNever;
    const Expr& e = program_.exprs[id];
    switch (e.tag) {
      case ExprTag::LitU32:
        return kU32;
      case ExprTag::LitI32:
        return kI32;
      case ExprTag::LitBool:
        return kBool;
      case ExprTag::LitF32:
        return kF32;
      case ExprTag::Var:
        return variable(e.name);
      case ExprTag::BufLen:
      case ExprTag::InvocationId:
      case ExprTag::WorkgroupId:
      case ExprTag::LocalId:
      case ExprTag::SubgroupSize:
        return kU32;
      case ExprTag::SubgroupLocalId:
        out_.uses_groups = true;
        return kU32;
      case ExprTag::Load: {
        expr(e.child[0]);
        const std::uint32_t buffer = buffer_[e.name];
        return buffer == kNone ? kNever : element_kind(program_, program_.buffers[buffer].element);
      }
      case ExprTag::BinOp: {
        const Kind a = expr(e.child[0]);
        const Kind b = expr(e.child[1]);
        return binary_kind(static_cast<BinOp>(e.op), a, b);
      }
      case ExprTag::UnOp:
        return unary_kind(static_cast<UnOp>(e.op), expr(e.child[0]));
      case ExprTag::Select: {
        expr(e.child[0]);
        const Kind a = expr(e.child[1]);
        return join(a, expr(e.child[2]));
      }
      case ExprTag::Cast:
        return cast_kind(program_.types[e.bits].tag, expr(e.child[0]));
      case ExprTag::Fma: {
        bool fits = true;
        for (const ExprId child : e.child) {
          const Kind kind = expr(child);
          fits = fits && (kind.is_float() || kind == kU32);
        }
        return fits ? kF32 : kNever;
      }
      case ExprTag::Atomic:
        for (const ExprId child : e.child) {
          if (child != kNone) expr(child);
        }
        return kU32;
      case ExprTag::SubgroupAdd:
      case ExprTag::SubgroupShuffle:
      case ExprTag::SubgroupBallot: {
        out_.uses_groups = true;
        const Kind kind = expr(e.child[0]);
        if (e.tag == ExprTag::SubgroupShuffle) expr(e.child[1]);
        if (e.tag == ExprTag::SubgroupBallot) return kU32;
        if (kind == kU32) return kU32;
        if (!kind.is_float()) return kNever;
        return e.tag == ExprTag::SubgroupShuffle ? kind : kF32;
      }
      default:
        return kNever;
    }
  }

  struct Undo {
    Symbol name;
    std::uint32_t before;
  };
  const Program& program_;
  Interrupt* interrupt_;
  std::vector<std::uint32_t> bound_;   // symbol -> variable
  std::vector<std::uint32_t> buffer_;  // symbol -> declaration index
  std::vector<Undo> undo_;
  std::uint32_t next_{0};
  bool changed_{false};
  Inference out_;
};

}  // namespace

Inference infer(const Program& program, Interrupt* interrupt) {
  Inference result = Walk(program, interrupt).run();
  result.uses_workgroup =
      result.uses_workgroup ||
      std::any_of(program.buffers.begin(), program.buffers.end(),
                  [](const BufferDecl& b) { return b.access == Access::Workgroup; });
  return result;
}

}  // namespace vyre::vir::lowering
