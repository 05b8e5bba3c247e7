// Builds programs for tests in a few lines: every method adds to one Program and returns an id.
// `ProgramBuilder b; b.read_write("out", u32, 4); b.body({b.store("out", b.u32(0), b.u32(1))});
// b.take()`
#pragma once

#include <bit>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "vir/program/program.hpp"

namespace vyre::test {

using vir::Access;
using vir::AtomicOp;
using vir::BinOp;
using vir::ExprId;
using vir::ExprTag;
using vir::NodeId;
using vir::NodeTag;
using vir::Ordering;
using vir::TypeTag;
using vir::UnOp;

class ProgramBuilder {
 public:
  using Nodes = std::initializer_list<NodeId>;

  vir::Program program;

  // ---- buffers; bindings count up
  vir::BufferDecl& buffer(std::string_view name, Access access, vir::TypeId element,
                          std::uint32_t count) {
    vir::BufferDecl decl;
    decl.name = program.intern(name);
    decl.binding = static_cast<std::uint32_t>(program.buffers.size());
    decl.access = access;
    decl.kind = access == Access::Workgroup ? vir::MemoryKind::Shared : vir::MemoryKind::Global;
    decl.element = element;
    decl.count = count;
    program.buffers.push_back(decl);
    return program.buffers.back();
  }
  vir::BufferDecl& buffer(std::string_view name, Access access, TypeTag element,
                          std::uint32_t count) {
    return buffer(name, access, program.scalar(element), count);
  }
  vir::BufferDecl& read_only(std::string_view name, TypeTag element, std::uint32_t count) {
    return buffer(name, Access::ReadOnly, element, count);
  }
  vir::BufferDecl& read_write(std::string_view name, TypeTag element, std::uint32_t count) {
    return buffer(name, Access::ReadWrite, element, count);
  }
  vir::BufferDecl& workgroup(std::string_view name, TypeTag element, std::uint32_t count) {
    return buffer(name, Access::Workgroup, element, count);
  }
  vir::BufferDecl& output(std::string_view name, TypeTag element, std::uint32_t count) {
    vir::BufferDecl& decl = read_write(name, element, count);
    decl.is_output = true;
    decl.pipeline_live_out = true;
    return decl;
  }

  // ---- expressions
  ExprId u32(std::uint32_t value) { return literal(ExprTag::LitU32, value); }
  ExprId i32(std::int32_t value) {
    return literal(ExprTag::LitI32, static_cast<std::uint32_t>(value));
  }
  ExprId f32(float value) { return literal(ExprTag::LitF32, std::bit_cast<std::uint32_t>(value)); }
  ExprId boolean(bool value) { return literal(ExprTag::LitBool, value ? 1 : 0); }
  ExprId literal(ExprTag tag, std::uint32_t bits) {
    vir::Expr e;
    e.tag = tag;
    e.bits = bits;
    return program.add(e);
  }
  ExprId var(std::string_view name) { return named(ExprTag::Var, name); }
  ExprId len(std::string_view name) { return named(ExprTag::BufLen, name); }
  ExprId load(std::string_view name, ExprId index) { return named(ExprTag::Load, name, index); }
  ExprId gid(std::uint8_t axis = 0) { return id(ExprTag::InvocationId, axis); }
  ExprId wid(std::uint8_t axis = 0) { return id(ExprTag::WorkgroupId, axis); }
  ExprId lid(std::uint8_t axis = 0) { return id(ExprTag::LocalId, axis); }
  ExprId bin(BinOp op, ExprId left, ExprId right) {
    return with_children(ExprTag::BinOp, static_cast<std::uint8_t>(op), {left, right});
  }
  ExprId un(UnOp op, ExprId operand) {
    return with_children(ExprTag::UnOp, static_cast<std::uint8_t>(op), {operand});
  }
  ExprId select(ExprId condition, ExprId yes, ExprId no) {
    return with_children(ExprTag::Select, 0, {condition, yes, no});
  }
  ExprId fma(ExprId a, ExprId b, ExprId c) { return with_children(ExprTag::Fma, 0, {a, b, c}); }
  ExprId cast(vir::TypeId to, ExprId value) {
    const ExprId made = with_children(ExprTag::Cast, 0, {value});
    program.exprs[made].bits = to;
    return made;
  }
  ExprId cast(TypeTag to, ExprId value) { return cast(program.scalar(to), value); }
  ExprId atomic(AtomicOp op, std::string_view name, ExprId index, ExprId value,
                ExprId expected = vir::kNone, Ordering ordering = Ordering::SeqCst) {
    const ExprId made =
        with_children(ExprTag::Atomic, static_cast<std::uint8_t>(op), {index, value, expected});
    program.exprs[made].name = program.intern(name);
    program.exprs[made].ordering = ordering;
    return made;
  }
  ExprId subgroup(ExprTag tag, std::initializer_list<ExprId> operands = {}) {
    const auto add = static_cast<std::uint8_t>(vir::ReduceOp::Add);
    return with_children(tag, tag == ExprTag::SubgroupAdd ? add : std::uint8_t{0}, operands);
  }
  ExprId call(std::string_view op_id, std::initializer_list<ExprId> arguments) {
    const ExprId made = named(ExprTag::Call, op_id);
    program.exprs[made].args = program.add_args(std::span(arguments.begin(), arguments.size()));
    return made;
  }
  ExprId named(ExprTag tag, std::string_view name, ExprId child = vir::kNone) {
    vir::Expr e;
    e.tag = tag;
    e.name = program.intern(name);
    e.child[0] = child;
    return program.add(e);
  }

  // ---- statements
  NodeId let(std::string_view name, ExprId value) { return node(NodeTag::Let, name, value); }
  NodeId assign(std::string_view name, ExprId value) { return node(NodeTag::Assign, name, value); }
  NodeId store(std::string_view name, ExprId index, ExprId value) {
    return node(NodeTag::Store, name, index, value);
  }
  NodeId if_(ExprId condition, Nodes then, Nodes otherwise = {}) {
    const NodeId made = node(NodeTag::If, {}, condition);
    program.nodes[made].body = list(then);
    program.nodes[made].otherwise = list(otherwise);
    return made;
  }
  NodeId loop(std::string_view name, ExprId from, ExprId to, Nodes body) {
    const NodeId made = node(NodeTag::Loop, name, from, to);
    program.nodes[made].body = list(body);
    return made;
  }
  NodeId block(Nodes body) {
    const NodeId made = node(NodeTag::Block, {});
    program.nodes[made].body = list(body);
    return made;
  }
  NodeId region(std::string_view generator, Nodes body) {
    const NodeId made = node(NodeTag::Region, generator);
    program.nodes[made].body = list(body);
    return made;
  }
  NodeId ret() { return node(NodeTag::Return, {}); }
  NodeId barrier(Ordering ordering = Ordering::SeqCst) {
    const NodeId made = node(NodeTag::Barrier, {});
    program.nodes[made].ordering = ordering;
    return made;
  }
  NodeId trap(ExprId address, std::string_view tag) {
    const NodeId made = node(NodeTag::Trap, {}, address);
    program.nodes[made].name3 = program.intern(tag);
    return made;
  }
  NodeId async_load(std::string_view from, std::string_view to, ExprId offset, ExprId size,
                    std::string_view tag) {
    return copy(NodeTag::AsyncLoad, from, to, offset, size, tag);
  }
  NodeId async_store(std::string_view from, std::string_view to, ExprId offset, ExprId size,
                     std::string_view tag) {
    return copy(NodeTag::AsyncStore, from, to, offset, size, tag);
  }
  NodeId async_wait(std::string_view tag) {
    const NodeId made = node(NodeTag::AsyncWait, {});
    program.nodes[made].name3 = program.intern(tag);
    return made;
  }
  /// A node with up to one name and two expressions; set what else it needs through `program`.
  NodeId node(NodeTag tag, std::string_view name, ExprId e0 = vir::kNone, ExprId e1 = vir::kNone) {
    vir::Node n;
    n.tag = tag;
    if (!name.empty()) n.name = program.intern(name);
    n.e0 = e0;
    n.e1 = e1;
    return program.add(n);
  }

  // ---- the whole
  void lanes(std::uint32_t x, std::uint32_t y = 1, std::uint32_t z = 1) {
    program.workgroup = {x, y, z};
  }
  /// Top-level statements as they are.
  void entry(Nodes nodes) { program.entry = list(nodes); }
  /// One root Region around the statements.
  void body(Nodes nodes) { entry({region("vyre.program.root", nodes)}); }
  void body(const std::vector<NodeId>& nodes) {
    const NodeId root = region("vyre.program.root", {});
    program.nodes[root].body = program.add_list(nodes);
    entry({root});
  }
  vir::Program take() { return std::move(program); }

 private:
  vir::Range list(Nodes nodes) { return program.add_list(std::span(nodes.begin(), nodes.size())); }
  ExprId id(ExprTag tag, std::uint8_t axis) {
    vir::Expr e;
    e.tag = tag;
    e.op = axis;
    return program.add(e);
  }
  ExprId with_children(ExprTag tag, std::uint8_t op, std::initializer_list<ExprId> children) {
    vir::Expr e;
    e.tag = tag;
    e.op = op;
    std::size_t i = 0;
    for (const ExprId child : children) e.child[i++] = child;
    return program.add(e);
  }
  NodeId copy(NodeTag tag, std::string_view from, std::string_view to, ExprId offset, ExprId size,
              std::string_view tag_name) {
    const NodeId made = node(tag, from, offset, size);
    program.nodes[made].name2 = program.intern(to);
    program.nodes[made].name3 = program.intern(tag_name);
    return made;
  }
};

}  // namespace vyre::test
