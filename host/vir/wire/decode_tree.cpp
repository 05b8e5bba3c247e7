// Nodes and expressions of one record. Recursion is bounded by kMaxDecodeDepth, list memory by what
// the payload really holds. Spec: docs/internals/vir0.md, "Wire".
#include "base/message.hpp"
#include "decoder.hpp"
#include "tables.hpp"

namespace vyre::vir {
namespace {
std::string unknown(const char* what, std::uint8_t tag) {
  return message("{} {} is unknown", what, tag);
}
}  // namespace

bool WireDecoder::descend(std::size_t offset) {
  if (step_is_over(interrupt_)) {
    const Error late = given_up("decoded").value();
    in_.fail(late.code, late.message, offset);
    return false;
  }
  if (depth_ >= kMaxDecodeDepth) {
    in_.fail(Errc::limit_exceeded,
             message("nodes and expressions nest deeper than {} levels", kMaxDecodeDepth), offset);
    return false;
  }
  ++depth_;
  return true;
}

Ordering WireDecoder::ordering() {
  const std::size_t offset = in_.at();
  const std::uint8_t tag = in_.u8("memory ordering");
  if (!tables::is_ordering(tag)) {
    in_.fail(Errc::malformed, unknown("memory ordering", tag), offset);
    return Ordering::SeqCst;
  }
  return static_cast<Ordering>(tag);
}

CollectiveOp WireDecoder::collective() {
  const std::size_t offset = in_.at();
  const std::uint8_t tag = in_.u8("collective operator");
  if (!tables::is_collective_op(tag)) {
    in_.fail(Errc::malformed, unknown("collective operator", tag), offset);
    return CollectiveOp::Sum;
  }
  return static_cast<CollectiveOp>(tag);
}

Range WireDecoder::node_list(const char* what) {
  const std::size_t offset = in_.at();
  const std::uint32_t count = in_.u32(what);
  if (count > kMaxNodes) {
    in_.fail(Errc::limit_exceeded,
             message("{} has {} nodes, the limit is {}", what, count, kMaxNodes), offset);
  }
  const std::size_t first = pending_.size();
  for (std::uint32_t i = 0; i < count && in_.ok(); ++i) {
    const NodeId id = node();
    pending_.push_back(id);
  }
  const Range range = program_.add_list(std::span<const NodeId>(pending_).subspan(first));
  pending_.resize(first);
  return range;
}

NodeId WireDecoder::node() {
  const std::size_t offset = in_.at();
  if (!descend(offset)) return kNone;
  const std::uint8_t tag = in_.u8("node tag");
  Node node;
  if (in_.ok()) node_fields(node, tag, offset);
  ascend();
  return in_.ok() ? program_.add(node) : kNone;
}

void WireDecoder::node_fields(Node& node, std::uint8_t tag, std::size_t offset) {
  node.tag = static_cast<NodeTag>(tag);
  switch (node.tag) {
    case NodeTag::Let:
    case NodeTag::Assign:
      node.name = name("variable name");
      node.e0 = expr();
      return;
    case NodeTag::Store:
      node.name = name("buffer name");
      node.e0 = expr();
      node.e1 = expr();
      return;
    case NodeTag::If:
      node.e0 = expr();
      node.body = node_list("then branch");
      node.otherwise = node_list("else branch");
      return;
    case NodeTag::Loop:
      node.name = name("loop variable name");
      node.e0 = expr();
      node.e1 = expr();
      node.body = node_list("loop body");
      return;
    case NodeTag::Return:
      return;
    case NodeTag::Block:
      node.body = node_list("block");
      return;
    case NodeTag::Barrier:
      node.ordering = ordering();
      return;
    case NodeTag::IndirectDispatch:
      node.name = name("count buffer name");
      node.offset = in_.u64("count offset");
      return;
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      node.name = name("source buffer name");
      node.name2 = name("destination buffer name");
      node.e0 = expr();
      node.e1 = expr();
      node.name3 = name("async tag");
      return;
    case NodeTag::AsyncWait:
    case NodeTag::Resume:
      node.name3 = name("tag");
      return;
    case NodeTag::Region:
      node.name = name("region generator");
      if (in_.strict("region source presence")) node.name2 = name("region source");
      node.body = node_list("region body");
      return;
    case NodeTag::Trap:
      node.e0 = expr();
      node.name3 = name("trap tag");
      return;
    case NodeTag::AllReduce:
      node.name = name("buffer name");
      node.collective = collective();
      node.group = in_.u32("collective group");
      return;
    case NodeTag::AllGather:
      node.name = name("input buffer name");
      node.name2 = name("output buffer name");
      node.group = in_.u32("collective group");
      return;
    case NodeTag::ReduceScatter:
      node.name = name("input buffer name");
      node.name2 = name("output buffer name");
      node.collective = collective();
      node.group = in_.u32("collective group");
      return;
    case NodeTag::Broadcast:
      node.name = name("buffer name");
      node.root = in_.u32("broadcast root");
      node.group = in_.u32("collective group");
      return;
    case NodeTag::Opaque: {
      const std::string kind(in_.string("opaque node kind"));
      in_.fail(Errc::unsupported,
               message("opaque node kind \"{}\" is not registered; no published kind exists", kind),
               offset);
      return;
    }
  }
  in_.fail(Errc::malformed, unknown("node tag", tag), offset);
}

ExprId WireDecoder::expr() {
  const std::size_t offset = in_.at();
  if (!in_.ok() || !descend(offset)) return kNone;
  const std::uint8_t tag = in_.u8("expression tag");
  Expr expr;
  if (in_.ok()) expr_fields(expr, tag, offset);
  ascend();
  return in_.ok() ? program_.add(expr) : kNone;
}

std::uint8_t WireDecoder::op_tag(bool known(std::uint8_t), const char* what,
                                 std::uint32_t& extension) {
  const std::size_t offset = in_.at();
  const std::uint8_t tag = in_.u8(what);
  if (tag == tables::kExtensionTag) {
    const std::size_t id_offset = in_.at();
    extension = extension_id(in_.u32("operator extension id"), id_offset, what);
  } else if (in_.ok() && !known(tag)) {
    in_.fail(Errc::malformed, unknown(what, tag), offset);
  }
  return tag;
}

void WireDecoder::expr_fields(Expr& e, std::uint8_t tag, std::size_t offset) {
  e.tag = static_cast<ExprTag>(tag);
  switch (e.tag) {
    case ExprTag::LitU32:
    case ExprTag::LitI32:
    case ExprTag::LitF32:
      e.bits = in_.u32("literal");
      return;
    case ExprTag::LitBool:
      e.bits = in_.lax("literal") ? 1 : 0;
      return;
    case ExprTag::Var:
      e.name = name("variable name");
      return;
    case ExprTag::Load:
      e.name = name("buffer name");
      e.child[0] = expr();
      return;
    case ExprTag::BufLen:
      e.name = name("buffer name");
      return;
    case ExprTag::InvocationId:
    case ExprTag::WorkgroupId:
    case ExprTag::LocalId:
      e.op = in_.u8("axis");
      return;
    case ExprTag::BinOp:
      e.op = op_tag(tables::is_bin_op, "binary operator", e.bits);
      e.child[0] = expr();
      e.child[1] = expr();
      return;
    case ExprTag::UnOp:
      e.op = op_tag(tables::is_un_op, "unary operator", e.bits);
      e.child[0] = expr();
      return;
    case ExprTag::Call:
      call(e);
      return;
    case ExprTag::Select:
    case ExprTag::Fma:
      for (ExprId& child : e.child) child = expr();
      return;
    case ExprTag::Cast:
      e.bits = data_type();
      e.child[0] = expr();
      return;
    case ExprTag::Atomic:
      atomic(e);
      return;
    case ExprTag::SubgroupAdd: {
      e.op = static_cast<std::uint8_t>(ReduceOp::Add);
      if (late()) {
        e.op = in_.u8("subgroup operator");
        if (!tables::is_reduce_op(e.op)) {
          in_.fail(Errc::malformed, unknown("subgroup operator", e.op), offset + 1);
        }
      }
      e.child[0] = expr();
      return;
    }
    case ExprTag::SubgroupShuffle:
      e.child[0] = expr();
      e.child[1] = expr();
      return;
    case ExprTag::SubgroupBallot:
      e.child[0] = expr();
      return;
    case ExprTag::SubgroupLocalId:
    case ExprTag::SubgroupSize:
      return;
    case ExprTag::BufferRef:
      if (version_ < 5) break;
      e.name = name("buffer name");
      return;
    case ExprTag::Opaque:
      opaque_expr(e, offset);
      return;
  }
  in_.fail(Errc::malformed, unknown("expression tag", tag), offset);
}

void WireDecoder::call(Expr& e) {
  e.name = name("called op id");
  const std::size_t offset = in_.at();
  const std::uint32_t count = in_.u32("argument count");
  if (count > kMaxArgs) {
    in_.fail(Errc::limit_exceeded,
             message("call has {} arguments, the limit is {}", count, kMaxArgs), offset);
  }
  const std::size_t first = pending_.size();
  for (std::uint32_t i = 0; i < count && in_.ok(); ++i) {
    const ExprId id = expr();
    pending_.push_back(id);
  }
  e.args = program_.add_args(std::span<const ExprId>(pending_).subspan(first));
  pending_.resize(first);
}

void WireDecoder::atomic(Expr& e) {
  e.op = op_tag(tables::is_atomic_op, "atomic operator", e.bits);
  e.ordering = ordering();
  e.name = name("buffer name");
  e.child[0] = expr();
  if (in_.lax("expected value presence")) e.child[2] = expr();
  e.child[1] = expr();
}

void WireDecoder::opaque_expr(Expr& e, std::size_t offset) {
  const std::string_view kind = in_.string("opaque expression kind");
  const std::size_t length_offset = in_.at();
  const std::uint32_t length = in_.u32("opaque payload length");
  if (length > kMaxOpaqueBytes) {
    in_.fail(Errc::limit_exceeded,
             message("opaque payload has {} bytes, the limit is {}", length, kMaxOpaqueBytes),
             length_offset);
  }
  const ByteSpan payload = in_.bytes(in_.ok() ? length : 0, "opaque payload");
  if (!in_.ok()) return;
  if (!tables::is_wide_literal(kind)) {
    in_.fail(Errc::unsupported,
             message("opaque expression kind \"{}\" is not registered; the built-in kinds are "
                     "vyre.literal.i64, .u64 and .f64",
                     kind),
             offset);
  } else if (payload.size() != 8) {
    in_.fail(Errc::malformed,
             message("{} has {} payload bytes, it must have 8", kind, payload.size()),
             length_offset);
  }
  if (!in_.ok()) return;
  e.name = program_.intern(kind);
  e.args = program_.add_payload(payload);
}

}  // namespace vyre::vir
