// same_program: structural equality of two programs whatever the order of their pools.
// Host only. Walks pairs with an explicit stack, so depth costs memory and never the call stack.
#include <algorithm>
#include <utility>

#include "vir/program/program.hpp"

namespace vyre::vir {
namespace {

class Comparer {
 public:
  Comparer(const Program& a, const Program& b) : a_(a), b_(b) {}

  bool run() {
    if (a_.entry_op_id != b_.entry_op_id || a_.workgroup != b_.workgroup ||
        a_.non_composable_with_self != b_.non_composable_with_self ||
        a_.buffers.size() != b_.buffers.size()) {
      return false;
    }
    for (std::size_t i = 0; i < a_.buffers.size(); ++i) {
      if (!same(a_.buffers[i], b_.buffers[i])) return false;
    }
    if (!push(a_.entry, b_.entry)) return false;
    while (!nodes_.empty()) {
      const auto [x, y] = nodes_.back();
      nodes_.pop_back();
      if (!same(a_.nodes[x], b_.nodes[y])) return false;
      while (!exprs_.empty()) {
        const auto [e, f] = exprs_.back();
        exprs_.pop_back();
        if (!same(a_.exprs[e], b_.exprs[f])) return false;
      }
    }
    return true;
  }

 private:
  bool same_name(Symbol x, Symbol y) const {
    if (x == kNone || y == kNone) return x == y;
    return a_.name(x) == b_.name(y);
  }

  bool same_bytes(Range x, Range y) const {
    const ByteSpan p = a_.payload(x);
    const ByteSpan q = b_.payload(y);
    return std::equal(p.begin(), p.end(), q.begin(), q.end());
  }

  bool same_type(TypeId x, TypeId y) const {
    for (;;) {
      if (x == kNone || y == kNone) return x == y;
      const DataType& s = a_.types[x];
      const DataType& t = b_.types[y];
      if (s.tag != t.tag || s.a != t.a || s.b != t.b || s.dims != t.dims || s.scale != t.scale ||
          s.zero_point != t.zero_point) {
        return false;
      }
      x = s.element;
      y = t.element;
    }
  }

  bool same(const BufferDecl& x, const BufferDecl& y) const {
    return same_name(x.name, y.name) && x.binding == y.binding && x.count == y.count &&
           x.access == y.access && x.kind == y.kind && same_type(x.element, y.element) &&
           x.is_output == y.is_output && x.pipeline_live_out == y.pipeline_live_out &&
           x.output_byte_range == y.output_byte_range && x.hints == y.hints &&
           x.linear_type == y.linear_type && x.bytes_extraction == y.bytes_extraction &&
           x.shape_predicate == y.shape_predicate;
  }

  bool push(ExprId x, ExprId y) {
    if (x == kNone || y == kNone) return x == y;
    exprs_.emplace_back(x, y);
    return true;
  }

  bool push(Range x, Range y) {
    if (x.count != y.count) return false;
    const auto p = a_.list(x);
    const auto q = b_.list(y);
    for (std::size_t i = 0; i < p.size(); ++i) nodes_.emplace_back(p[i], q[i]);
    return true;
  }

  // Fields that a tag does not use are left out: a builder may leave anything in them.
  bool same(const Node& x, const Node& y) {
    if (x.tag != y.tag) return false;
    switch (x.tag) {
      case NodeTag::Let:
      case NodeTag::Assign:
        return same_name(x.name, y.name) && push(x.e0, y.e0);
      case NodeTag::Store:
        return same_name(x.name, y.name) && push(x.e0, y.e0) && push(x.e1, y.e1);
      case NodeTag::If:
        return push(x.e0, y.e0) && push(x.body, y.body) && push(x.otherwise, y.otherwise);
      case NodeTag::Loop:
        return same_name(x.name, y.name) && push(x.e0, y.e0) && push(x.e1, y.e1) &&
               push(x.body, y.body);
      case NodeTag::Return:
        return true;
      case NodeTag::Block:
        return push(x.body, y.body);
      case NodeTag::Barrier:
        return x.ordering == y.ordering;
      case NodeTag::IndirectDispatch:
        return same_name(x.name, y.name) && x.offset == y.offset;
      case NodeTag::AsyncLoad:
      case NodeTag::AsyncStore:
        return same_name(x.name, y.name) && same_name(x.name2, y.name2) &&
               same_name(x.name3, y.name3) && push(x.e0, y.e0) && push(x.e1, y.e1);
      case NodeTag::AsyncWait:
      case NodeTag::Resume:
        return same_name(x.name3, y.name3);
      case NodeTag::Trap:
        return same_name(x.name3, y.name3) && push(x.e0, y.e0);
      case NodeTag::Region:
        return same_name(x.name, y.name) && same_name(x.name2, y.name2) && push(x.body, y.body);
      case NodeTag::AllReduce:
        return same_name(x.name, y.name) && x.collective == y.collective && x.group == y.group;
      case NodeTag::AllGather:
        return same_name(x.name, y.name) && same_name(x.name2, y.name2) && x.group == y.group;
      case NodeTag::ReduceScatter:
        return same_name(x.name, y.name) && same_name(x.name2, y.name2) &&
               x.collective == y.collective && x.group == y.group;
      case NodeTag::Broadcast:
        return same_name(x.name, y.name) && x.root == y.root && x.group == y.group;
      case NodeTag::Opaque:
        return same_name(x.name, y.name) && same_bytes(x.payload, y.payload);
    }
    return false;
  }

  bool same_op(const Expr& x, const Expr& y) const {
    return x.op == y.op && (x.op != 0x80 || x.bits == y.bits);
  }

  bool same(const Expr& x, const Expr& y) {
    if (x.tag != y.tag) return false;
    switch (x.tag) {
      case ExprTag::LitU32:
      case ExprTag::LitI32:
      case ExprTag::LitF32:
      case ExprTag::LitBool:
        return x.bits == y.bits;
      case ExprTag::Var:
      case ExprTag::BufLen:
      case ExprTag::BufferRef:
        return same_name(x.name, y.name);
      case ExprTag::Load:
        return same_name(x.name, y.name) && push(x.child[0], y.child[0]);
      case ExprTag::InvocationId:
      case ExprTag::WorkgroupId:
      case ExprTag::LocalId:
        return x.op == y.op;
      case ExprTag::BinOp:
        return same_op(x, y) && push(x.child[0], y.child[0]) && push(x.child[1], y.child[1]);
      case ExprTag::UnOp:
        return same_op(x, y) && push(x.child[0], y.child[0]);
      case ExprTag::Call: {
        if (!same_name(x.name, y.name) || x.args.count != y.args.count) return false;
        const auto p = a_.args(x.args);
        const auto q = b_.args(y.args);
        for (std::size_t i = 0; i < p.size(); ++i) exprs_.emplace_back(p[i], q[i]);
        return true;
      }
      case ExprTag::Select:
      case ExprTag::Fma:
        return push(x.child[0], y.child[0]) && push(x.child[1], y.child[1]) &&
               push(x.child[2], y.child[2]);
      case ExprTag::Cast:
        return same_type(x.bits, y.bits) && push(x.child[0], y.child[0]);
      case ExprTag::Atomic:
        return same_op(x, y) && x.ordering == y.ordering && same_name(x.name, y.name) &&
               push(x.child[0], y.child[0]) && push(x.child[1], y.child[1]) &&
               push(x.child[2], y.child[2]);
      case ExprTag::SubgroupAdd:
        return x.op == y.op && push(x.child[0], y.child[0]);
      case ExprTag::SubgroupShuffle:
        return push(x.child[0], y.child[0]) && push(x.child[1], y.child[1]);
      case ExprTag::SubgroupBallot:
        return push(x.child[0], y.child[0]);
      case ExprTag::SubgroupLocalId:
      case ExprTag::SubgroupSize:
        return true;
      case ExprTag::Opaque:
        return same_name(x.name, y.name) && same_bytes(x.args, y.args);
    }
    return false;
  }

  const Program& a_;
  const Program& b_;
  std::vector<std::pair<NodeId, NodeId>> nodes_;
  std::vector<std::pair<ExprId, ExprId>> exprs_;
};

}  // namespace

bool same_program(const Program& a, const Program& b) {
  return Comparer(a, b).run();
}

}  // namespace vyre::vir
