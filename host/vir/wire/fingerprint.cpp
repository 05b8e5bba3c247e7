// The canonical form of a program and its fingerprint: buffers in key order, scope-free blocks
// spliced into their lists, operands of commutative operators in a fixed order. Host only. Spec:
// docs/internals/vir0.md, "Wire".
#include <algorithm>
#include <numeric>
#include <string_view>

#include "encoder.hpp"
#include "tables.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::vir {
namespace {

bool is_literal(const Expr& e) noexcept {
  return e.tag == ExprTag::LitU32 || e.tag == ExprTag::LitI32 || e.tag == ExprTag::LitF32 ||
         e.tag == ExprTag::LitBool;
}

bool is_commutative(std::uint8_t op) noexcept {
  switch (static_cast<BinOp>(op)) {
    case BinOp::Add:
    case BinOp::WrappingAdd:
    case BinOp::SaturatingAdd:
    case BinOp::Mul:
    case BinOp::SaturatingMul:
    case BinOp::BitAnd:
    case BinOp::BitOr:
    case BinOp::BitXor:
    case BinOp::Eq:
    case BinOp::Ne:
    case BinOp::And:
    case BinOp::Or:
    case BinOp::Min:
    case BinOp::Max:
    case BinOp::AbsDiff:
      return true;
    default:
      return false;
  }
}

// Add, Mul, Min and Max may be floating point, where upstream keeps two non-literal operands as
// written.
bool orders_any_operands(std::uint8_t op) noexcept {
  switch (static_cast<BinOp>(op)) {
    case BinOp::Add:
    case BinOp::Mul:
    case BinOp::Min:
    case BinOp::Max:
      return false;
    default:
      return is_commutative(op);
  }
}

/// Every construct has a form in version 6.
Bytes expr_bytes(const Program& program, ExprId id, std::size_t enough) {
  WireEncoder encoder(program, Profile::v6);
  encoder.expr_prefix(id, enough);
  return encoder.bytes();
}

/// Whether the bytes of `a` come behind those of `b`. `sizes`: expressions that each stands for.
/// The smaller one is written out, and of the other no more than decides: over a whole program that
/// is little, however deep its expressions are.
bool is_behind(const Program& program, ExprId a, ExprId b,
               const std::vector<std::uint64_t>& sizes) {
  constexpr std::size_t kAll{~std::size_t{0}};
  if (sizes[a] <= sizes[b]) {
    const Bytes whole = expr_bytes(program, a, kAll);
    return whole > expr_bytes(program, b, whole.size() + 1);
  }
  const Bytes whole = expr_bytes(program, b, kAll);
  return expr_bytes(program, a, whole.size() + 1) > whole;
}

bool should_swap(const Program& program, const Expr& e, const std::vector<std::uint64_t>& sizes) {
  if (e.tag != ExprTag::BinOp || !is_commutative(e.op)) return false;
  if (e.child[0] >= program.exprs.size() || e.child[1] >= program.exprs.size()) return false;
  const bool left = is_literal(program.exprs[e.child[0]]);
  const bool right = is_literal(program.exprs[e.child[1]]);
  if (left != right) return left;
  if (!left && !orders_any_operands(e.op)) return false;
  return e.child[0] != e.child[1] && is_behind(program, e.child[0], e.child[1], sizes);
}

// Calls `visit` for every expression or node reachable from `roots`, children first. Explicit
// stack: a program built by hand may be deeper than the call stack allows.
template <class Children, class Visit>
void post_order(std::size_t pool_size, std::span<const std::uint32_t> roots, Children children,
                Visit visit) {
  enum : std::uint8_t { kNew, kOpen, kDone };
  std::vector<std::uint8_t> state(pool_size, kNew);
  std::vector<std::uint32_t> stack(roots.rbegin(), roots.rend());
  while (!stack.empty()) {
    const std::uint32_t id = stack.back();
    if (state[id] == kNew) {
      state[id] = kOpen;
      children(id, [&](std::uint32_t child) {
        if (child < pool_size && state[child] == kNew) stack.push_back(child);
      });
      continue;
    }
    stack.pop_back();
    if (state[id] == kOpen) {
      state[id] = kDone;
      visit(id);
    }
  }
}

void order_operands(Program& program, Interrupt* interrupt) {
  std::vector<std::uint64_t> sizes(program.exprs.size(), 0);
  std::vector<std::uint32_t> roots;
  for (const Node& node : program.nodes) {
    if (node.e0 < program.exprs.size()) roots.push_back(node.e0);
    if (node.e1 < program.exprs.size()) roots.push_back(node.e1);
  }
  post_order(
      program.exprs.size(), roots,
      [&](std::uint32_t id, auto&& push) {
        const Expr& e = program.exprs[id];
        for (const ExprId child : e.child) push(child);
        if (e.tag == ExprTag::Call) {
          for (const ExprId arg : program.args(e.args)) push(arg);
        }
      },
      [&](std::uint32_t id) {
        if (step_is_over(interrupt)) return;
        Expr& e = program.exprs[id];
        sizes[id] = 1;
        const auto add = [&](ExprId of) { sizes[id] += of < sizes.size() ? sizes[of] : 0; };
        for (const ExprId child : e.child) add(child);
        if (e.tag == ExprTag::Call) {
          for (const ExprId arg : program.args(e.args)) add(arg);
        }
        if (should_swap(program, e, sizes)) std::swap(e.child[0], e.child[1]);
      });
}

bool opens_no_scope(const Program& program, NodeId id) {
  const Node& node = program.nodes[id];
  if (node.tag != NodeTag::Block) return false;
  for (const NodeId child : program.list(node.body)) {
    if (program.nodes[child].tag == NodeTag::Let) return false;
  }
  return true;
}

/// The list with the statements of scope-free blocks, at any depth, in their blocks' places.
Range spliced(Program& program, Range list) {
  const auto opened = [&](NodeId id) { return opens_no_scope(program, id); };
  const auto before = program.list(list);
  if (std::none_of(before.begin(), before.end(), opened)) return list;
  std::vector<NodeId> ids;
  std::vector<Range> rest{list};  // of lists that are open, innermost last
  while (!rest.empty() && rest.size() <= program.nodes.size()) {
    Range& innermost = rest.back();
    if (innermost.count == 0) {
      rest.pop_back();
      continue;
    }
    const NodeId id = program.node_lists[innermost.begin];
    ++innermost.begin;
    --innermost.count;
    if (opened(id)) {
      rest.push_back(program.nodes[id].body);
    } else {
      ids.push_back(id);
    }
  }
  return program.add_list(ids);
}

void splice_blocks(Program& program) {
  program.entry = spliced(program, program.entry);
  std::vector<bool> seen(program.nodes.size());
  std::vector<NodeId> pending;
  const auto push = [&](Range list) {
    const auto ids = program.list(list);
    pending.insert(pending.end(), ids.begin(), ids.end());
  };
  push(program.entry);
  while (!pending.empty()) {
    const NodeId id = pending.back();
    pending.pop_back();
    if (seen[id]) continue;
    seen[id] = true;
    const Range body = spliced(program, program.nodes[id].body);
    program.nodes[id].body = body;
    const Range otherwise = spliced(program, program.nodes[id].otherwise);
    program.nodes[id].otherwise = otherwise;
    push(body);
    push(otherwise);
  }
}

Bytes buffer_key(const Program& program, const BufferDecl& buffer) {
  Bytes key;
  const std::string& name = program.name(buffer.name);
  append_le(key, static_cast<std::uint32_t>(name.size()));
  key.insert(key.end(), name.begin(), name.end());
  append_le(key, buffer.binding);
  key.push_back(static_cast<std::uint8_t>(buffer.access));
  // In memory upstream numbers Persistent before Push; on the wire it is the other way round.
  auto kind = static_cast<std::uint8_t>(buffer.kind);
  if (buffer.kind == MemoryKind::Persistent) kind = 5;
  if (buffer.kind == MemoryKind::Push) kind = 6;
  key.push_back(kind);
  WireEncoder type(program, Profile::v6);
  type.data_type(buffer.element);
  key.insert(key.end(), type.bytes().begin(), type.bytes().end());
  append_le(key, buffer.count);
  key.push_back(buffer.is_output ? 1 : 0);
  key.push_back(buffer.pipeline_live_out ? 1 : 0);
  key.push_back(buffer.output_byte_range ? 1 : 0);
  if (buffer.output_byte_range) {
    append_le(key, static_cast<std::uint32_t>(buffer.output_byte_range->start));
    append_le(key, static_cast<std::uint32_t>(buffer.output_byte_range->end));
  }
  key.push_back(buffer.hints.coalesce_axis ? 1 : 0);
  if (buffer.hints.coalesce_axis) key.push_back(*buffer.hints.coalesce_axis);
  append_le(key, buffer.hints.preferred_alignment);
  key.push_back(static_cast<std::uint8_t>(buffer.hints.locality));
  key.push_back(buffer.bytes_extraction ? 1 : 0);
  return key;
}

/// Compares as the bytes do. g++ 12 warns of the comparison of two vectors of bytes.
std::string_view as_text(const Bytes& bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void sort_buffers(Program& program) {
  std::vector<Bytes> keys;
  keys.reserve(program.buffers.size());
  for (const BufferDecl& buffer : program.buffers) keys.push_back(buffer_key(program, buffer));
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&keys](std::size_t a, std::size_t b) {
    return as_text(keys[a]) < as_text(keys[b]);
  });
  std::vector<BufferDecl> sorted;
  sorted.reserve(order.size());
  for (const std::size_t index : order) sorted.push_back(program.buffers[index]);
  program.buffers = std::move(sorted);
}

Program in_canonical_form(const Program& program, Interrupt* interrupt) {
  Program canonical = program;
  sort_buffers(canonical);
  splice_blocks(canonical);
  order_operands(canonical, interrupt);
  return canonical;
}

}  // namespace

Program canonicalised(const Program& program) {
  return in_canonical_form(program, nullptr);
}

Result<Digest> fingerprint(const Program& program, Profile profile, Interrupt* interrupt) {
  const Program canonical = in_canonical_form(program, interrupt);
  if (is_over(interrupt)) return given_up("fingerprinted");
  VYRE_ASSIGN(const Bytes blob, encode(canonical, profile, interrupt));
  return blake3(blob);
}

}  // namespace vyre::vir
