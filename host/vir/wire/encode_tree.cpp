// Nodes, expressions and data types as bytes. Recursion is bounded by levels_. Spec:
// docs/internals/vir0.md, "Wire".
#include "base/message.hpp"
#include "encoder.hpp"
#include "protocol/limits.hpp"
#include "tables.hpp"

namespace vyre::vir {
namespace {

// The wire knows one NaN, no subnormals and no negative zero.
std::uint32_t canonical_f32(std::uint32_t bits) noexcept {
  const std::uint32_t magnitude = bits & 0x7FFF'FFFFu;
  if (magnitude > 0x7F80'0000u) return 0x7FC0'0000u;
  return magnitude < 0x0080'0000u ? 0u : bits;
}

}  // namespace

bool WireEncoder::descend() {
  if (!ok() || out_.size() >= enough_) return false;
  if (step_is_over(interrupt_)) {
    error_ = given_up("encoded").value();
    return false;
  }
  if (out_.size() > kMaxProgramBytes) {
    fail(Errc::limit_exceeded,
         message("program encodes to more than {} bytes, which no decoder accepts; split it",
                 kMaxProgramBytes));
    return false;
  }
  if (depth_ >= levels_) {
    fail(Errc::limit_exceeded,
         message("nodes and expressions nest deeper than {} levels", levels_));
    return false;
  }
  ++depth_;
  return true;
}

bool WireEncoder::descend_type() {
  if (profile_ == Profile::v6) return descend();
  if (!ok()) return false;
  if (type_depth_ >= levels_) {
    fail(Errc::limit_exceeded, message("data types nest deeper than {} levels", levels_));
    return false;
  }
  ++type_depth_;
  return true;
}

void WireEncoder::name(Symbol symbol) {
  if (symbol >= program_.names.size()) {
    fail(Errc::invalid_argument, "a node or expression has no name where the format needs one");
    return;
  }
  string(program_.names[symbol]);
}

void WireEncoder::op(bool known(std::uint8_t), std::uint8_t tag, std::uint32_t extension,
                     const char* what) {
  if (tag != tables::kExtensionTag && !known(tag)) {
    fail(Errc::invalid_argument, message("{} {} is unknown", what, tag));
  }
  u8(tag);
  if (tag == tables::kExtensionTag) u32(extension);  // bit 31 is the decoder's business
}

void WireEncoder::ordering(Ordering ordering) {
  const auto tag = static_cast<std::uint8_t>(ordering);
  if (!tables::is_ordering(tag)) {
    fail(Errc::invalid_argument, message("memory ordering {} is unknown", tag));
  }
  u8(tag);
}

void WireEncoder::collective(CollectiveOp op) {
  const auto tag = static_cast<std::uint8_t>(op);
  if (!tables::is_collective_op(tag)) {
    fail(Errc::invalid_argument, message("collective operator {} is unknown", tag));
  }
  u8(tag);
}

void WireEncoder::opaque(Symbol kind, Range payload) {
  name(kind);
  if (payload.count > kMaxOpaqueBytes) {
    fail(Errc::limit_exceeded,
         message("opaque payload has {} bytes, the limit is {}", payload.count, kMaxOpaqueBytes));
    return;
  }
  u32(payload.count);
  const ByteSpan bytes = program_.payload(payload);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void WireEncoder::node_list(Range list) {
  check_count(list.count, kMaxNodes, "nodes in one list");
  u32(list.count);
  for (const NodeId id : program_.list(list)) {
    if (!ok()) return;
    node(id);
  }
}

void WireEncoder::node(NodeId id) {
  if (!descend()) return;
  const Node& n = program_.nodes[id];
  u8(static_cast<std::uint8_t>(n.tag));
  node_fields(n);
  ascend();
}

void WireEncoder::node_fields(const Node& n) {
  switch (n.tag) {
    case NodeTag::Let:
    case NodeTag::Assign:
      name(n.name);
      expr(n.e0);
      return;
    case NodeTag::Store:
      name(n.name);
      expr(n.e0);
      expr(n.e1);
      return;
    case NodeTag::If:
      expr(n.e0);
      node_list(n.body);
      node_list(n.otherwise);
      return;
    case NodeTag::Loop:
      name(n.name);
      expr(n.e0);
      expr(n.e1);
      node_list(n.body);
      return;
    case NodeTag::Return:
      return;
    case NodeTag::Block:
      node_list(n.body);
      return;
    case NodeTag::Barrier:
      ordering(n.ordering);
      return;
    case NodeTag::IndirectDispatch:
      name(n.name);
      append_le(out_, n.offset);
      return;
    case NodeTag::AsyncLoad:
    case NodeTag::AsyncStore:
      name(n.name);
      name(n.name2);
      expr(n.e0);
      expr(n.e1);
      name(n.name3);
      return;
    case NodeTag::AsyncWait:
    case NodeTag::Resume:
      name(n.name3);
      return;
    case NodeTag::Region:
      name(n.name);
      u8(n.name2 != kNone ? 1 : 0);
      if (n.name2 != kNone) name(n.name2);
      node_list(n.body);
      return;
    case NodeTag::Trap:
      expr(n.e0);
      name(n.name3);
      return;
    case NodeTag::AllReduce:
      name(n.name);
      collective(n.collective);
      u32(n.group);
      return;
    case NodeTag::AllGather:
      name(n.name);
      name(n.name2);
      u32(n.group);
      return;
    case NodeTag::ReduceScatter:
      name(n.name);
      name(n.name2);
      collective(n.collective);
      u32(n.group);
      return;
    case NodeTag::Broadcast:
      name(n.name);
      u32(n.root);
      u32(n.group);
      return;
    case NodeTag::Opaque:
      opaque(n.name, n.payload);
      return;
  }
  fail(Errc::invalid_argument, message("node tag {} is unknown", static_cast<unsigned>(n.tag)));
}

void WireEncoder::expr(ExprId id) {
  if (!descend()) return;
  if (id >= program_.exprs.size()) {
    fail(Errc::invalid_argument, "a node or expression lacks an operand");
    return;
  }
  const Expr& e = program_.exprs[id];
  u8(static_cast<std::uint8_t>(e.tag));
  expr_fields(e);
  ascend();
}

void WireEncoder::expr_fields(const Expr& e) {
  switch (e.tag) {
    case ExprTag::LitU32:
    case ExprTag::LitI32:
      u32(e.bits);
      return;
    case ExprTag::LitF32:
      u32(canonical_f32(e.bits));
      return;
    case ExprTag::LitBool:
      u8(e.bits != 0 ? 1 : 0);
      return;
    case ExprTag::Var:
    case ExprTag::BufLen:
      name(e.name);
      return;
    case ExprTag::Load:
      name(e.name);
      expr(e.child[0]);
      return;
    case ExprTag::InvocationId:
    case ExprTag::WorkgroupId:
    case ExprTag::LocalId:
      u8(e.op);
      return;
    case ExprTag::BinOp:
      op(tables::is_bin_op, e.op, e.bits, "binary operator");
      expr(e.child[0]);
      expr(e.child[1]);
      return;
    case ExprTag::UnOp:
      op(tables::is_un_op, e.op, e.bits, "unary operator");
      expr(e.child[0]);
      return;
    case ExprTag::Call:
      name(e.name);
      check_count(e.args.count, kMaxArgs, "arguments in one call");
      u32(e.args.count);
      for (const ExprId id : program_.args(e.args)) {
        if (!ok()) return;
        expr(id);
      }
      return;
    case ExprTag::Select:
    case ExprTag::Fma:
      for (const ExprId child : e.child) expr(child);
      return;
    case ExprTag::Cast:
      data_type(e.bits);
      expr(e.child[0]);
      return;
    case ExprTag::Atomic:
      op(tables::is_atomic_op, e.op, e.bits, "atomic operator");
      ordering(e.ordering);
      name(e.name);
      expr(e.child[0]);
      u8(e.child[2] != kNone ? 1 : 0);
      if (e.child[2] != kNone) expr(e.child[2]);
      expr(e.child[1]);
      return;
    case ExprTag::SubgroupAdd:
      if (!tables::is_reduce_op(e.op)) {
        fail(Errc::invalid_argument, message("subgroup operator {} is unknown", e.op));
      } else if (profile_ != Profile::v4_0_6_3) {
        u8(e.op);
      } else if (e.op != static_cast<std::uint8_t>(ReduceOp::Add)) {
        fail(Errc::unsupported,
             "profile v4-0.6.3 has only the subgroup operator add; encode as v4-0.6.4 or v6");
      }
      expr(e.child[0]);
      return;
    case ExprTag::SubgroupShuffle:
      expr(e.child[0]);
      expr(e.child[1]);
      return;
    case ExprTag::SubgroupBallot:
      expr(e.child[0]);
      return;
    case ExprTag::SubgroupLocalId:
    case ExprTag::SubgroupSize:
      return;
    case ExprTag::BufferRef:
      if (profile_ != Profile::v6) {
        fail(Errc::unsupported, "buffer_ref expressions need wire version 5; encode as v6");
      }
      name(e.name);
      return;
    case ExprTag::Opaque:
      opaque(e.name, e.args);
      return;
  }
  fail(Errc::invalid_argument,
       message("expression tag {} is unknown", static_cast<unsigned>(e.tag)));
}

void WireEncoder::dims(const std::vector<std::uint32_t>& dims) {
  if (profile_ != Profile::v4_0_6_3 && dims.size() > kMaxTypeDims) {
    fail(Errc::limit_exceeded,
         message("a type has {} dimensions, the limit is {}", dims.size(), kMaxTypeDims));
    return;
  }
  u32(static_cast<std::uint32_t>(dims.size()));
  for (const std::uint32_t value : dims) u32(value);
}

void WireEncoder::quant_params(const DataType& type) {
  const TypeTag storage =
      type.element < program_.types.size() ? program_.types[type.element].tag : TypeTag::Opaque;
  if (!tables::is_quantized_storage(storage)) {
    fail(Errc::invalid_argument, message("data type {} cannot be the storage of a quantised type",
                                         static_cast<unsigned>(storage)));
  }
  if (type.scale.tag > 2 || type.zero_point.tag > 3) {
    fail(Errc::invalid_argument, message("quantisation scale {} or zero point {} is unknown",
                                         type.scale.tag, type.zero_point.tag));
  }
  if ((type.scale.tag == 2 && type.scale.value == 0) ||
      (type.zero_point.tag == 3 && type.zero_point.value == 0)) {
    fail(Errc::invalid_argument, "a quantisation group has size 0");
  }
}

void WireEncoder::data_type(TypeId id) {
  if (!descend_type()) return;
  if (id >= program_.types.size() ||
      !tables::is_type(static_cast<std::uint8_t>(program_.types[id].tag))) {
    fail(Errc::invalid_argument, "a cast or buffer has an unknown data type");
    return;
  }
  const DataType& t = program_.types[id];
  u8(static_cast<std::uint8_t>(t.tag));
  switch (t.tag) {
    case TypeTag::Array:
      if (t.b != 0) fail(Errc::limit_exceeded, "an array element size does not fit 32 bits");
      u32(t.a);
      break;
    case TypeTag::Handle:
    case TypeTag::Opaque:
      u32(t.a);
      break;
    case TypeTag::Vec:
      data_type(t.element);
      if (t.a > 0xFF) fail(Errc::limit_exceeded, "a vector has more than 255 lanes");
      u8(static_cast<std::uint8_t>(t.a));
      break;
    case TypeTag::TensorShaped:
      data_type(t.element);
      dims(t.dims);
      break;
    case TypeTag::SparseCsr:
    case TypeTag::SparseCoo:
      data_type(t.element);
      break;
    case TypeTag::SparseBsr:
      data_type(t.element);
      u32(t.a);
      u32(t.b);
      break;
    case TypeTag::DeviceMesh:
      dims(t.dims);
      break;
    case TypeTag::Quantized:
      quant_params(t);
      data_type(t.element);
      u8(t.scale.tag);
      u32(t.scale.value);
      u8(t.zero_point.tag);
      u32(t.zero_point.value);
      break;
    default:
      break;
  }
  ascend_type();
}

}  // namespace vyre::vir
