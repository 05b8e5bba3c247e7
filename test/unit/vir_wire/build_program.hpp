// Small programs built by hand, and raw blobs written byte by byte, for the wire tests.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "vir/wire/wire.hpp"

namespace vyre::vir::testing {

inline ExprId lit(Program& p, std::uint32_t value) {
  Expr e;
  e.tag = ExprTag::LitU32;
  e.bits = value;
  return p.add(e);
}

inline ExprId var(Program& p, std::string_view name) {
  Expr e;
  e.tag = ExprTag::Var;
  e.name = p.intern(name);
  return p.add(e);
}

inline ExprId binary(Program& p, BinOp op, ExprId left, ExprId right) {
  Expr e;
  e.tag = ExprTag::BinOp;
  e.op = static_cast<std::uint8_t>(op);
  e.child = {left, right, kNone};
  return p.add(e);
}

inline ExprId call(Program& p, std::string_view op_id, const std::vector<ExprId>& args) {
  Expr e;
  e.tag = ExprTag::Call;
  e.name = p.intern(op_id);
  e.args = p.add_args(args);
  return p.add(e);
}

inline NodeId named(Program& p, NodeTag tag, std::string_view name, ExprId e0, ExprId e1 = kNone) {
  Node n;
  n.tag = tag;
  n.name = p.intern(name);
  n.e0 = e0;
  n.e1 = e1;
  return p.add(n);
}

inline NodeId store(Program& p, std::string_view buffer, ExprId index, ExprId value) {
  return named(p, NodeTag::Store, buffer, index, value);
}

inline NodeId loop(Program& p, std::string_view name, ExprId from, ExprId to,
                   const std::vector<NodeId>& body) {
  Node n;
  n.tag = NodeTag::Loop;
  n.name = p.intern(name);
  n.e0 = from;
  n.e1 = to;
  n.body = p.add_list(body);
  return p.add(n);
}

inline NodeId list_node(Program& p, NodeTag tag, std::string_view name,
                        const std::vector<NodeId>& body) {
  Node n;
  n.tag = tag;
  if (!name.empty()) n.name = p.intern(name);
  n.body = p.add_list(body);
  return p.add(n);
}

/// A buffer as the known-answer programs declare it.
inline BufferDecl buffer(Program& p, std::string_view name, std::uint32_t binding = 0,
                         std::uint32_t count = 1, Access access = Access::ReadWrite,
                         TypeTag element = TypeTag::U32) {
  BufferDecl b;
  b.name = p.intern(name);
  b.binding = binding;
  b.count = count;
  b.access = access;
  b.element = p.scalar(element);
  return b;
}

/// One buffer `out`, the given top-level nodes as the entry.
inline void finish(Program& p, const std::vector<NodeId>& entry) {
  p.buffers.push_back(buffer(p, "out"));
  p.entry = p.add_list(entry);
}

/// out[0] = value, under the root Region.
inline Program store_program(ExprId (*value)(Program&)) {
  Program p;
  const ExprId v = value(p);
  finish(p, {store(p, "out", lit(p, 0), v)});
  wrap_root(p);
  return p;
}

/// Writes wire primitives; text() is a u32-length string, leb_text() a LEB-length one.
struct Raw {
  Bytes bytes;
  Raw& u8(std::uint8_t v) {
    bytes.push_back(v);
    return *this;
  }
  Raw& u32(std::uint32_t v) {
    append_le(bytes, v);
    return *this;
  }
  Raw& leb(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) u8(static_cast<std::uint8_t>(v | 0x80));
    return u8(static_cast<std::uint8_t>(v));
  }
  Raw& raw(const Bytes& b) {
    bytes.insert(bytes.end(), b.begin(), b.end());
    return *this;
  }
  Raw& chars(std::string_view t) {
    bytes.insert(bytes.end(), t.begin(), t.end());
    return *this;
  }
  Raw& text(std::string_view t) { return u32(static_cast<std::uint32_t>(t.size())).chars(t); }
  Raw& leb_text(std::string_view t) { return leb(t.size()).chars(t); }
  Raw& hex(std::string_view t) { return raw(from_hex(t).value()); }
};

/// Header with the right digest before a body.
inline Bytes sealed(const Bytes& body, std::uint16_t version = 4, std::uint16_t flags = 4) {
  Raw blob;
  blob.chars("VYRE");
  append_le(blob.bytes, version);
  append_le(blob.bytes, flags);
  const Digest digest = blake3(body);
  blob.bytes.insert(blob.bytes.end(), digest.bytes.begin(), digest.bytes.end());
  return blob.raw(body).bytes;
}

/// Puts the right digest over a body that a test has changed.
inline void rehash(Bytes& blob) {
  const Digest digest = blake3(ByteSpan(blob).subspan(40));
  std::memcpy(blob.data() + 8, digest.bytes.data(), 32);
}

/// The parts of a raw program; a test replaces the one it is about.
struct RawProgram {
  std::uint16_t version{4};
  Bytes buffer = Raw{}.text("b").u32(0).u32(4).u8(0).u8(0).u8(0).hex("000000000001").bytes;
  Bytes buffer_tail;  // version 6
  std::uint32_t buffers{1};
  Bytes metadata_head = Raw{}.chars("VYRE-META").u8(0).u32(1).u32(1).u32(1).u8(0).bytes;
  std::string op_id{"vyre.node.return"};
  Bytes node{5};
  Bytes region = Raw{}.hex("0000000100").hex("0104").hex("06000000000001").bytes;
  Bytes outputs{0};

  [[nodiscard]] Bytes body() const {
    Raw meta;
    meta.raw(metadata_head).leb(buffers);
    for (std::uint32_t i = 0; i < buffers; ++i) meta.raw(buffer).raw(buffer_tail);
    Raw body;
    body.leb(2).leb_text("vyre.program.metadata").leb(meta.bytes.size()).raw(meta.bytes).leb(0);
    body.leb_text(op_id).leb(node.size()).raw(node).leb(0);
    body.leb(buffers);
    for (std::uint32_t i = 0; i < buffers; ++i) body.raw(region);
    return body.raw(outputs).bytes;
  }
  [[nodiscard]] Bytes blob() const { return sealed(body(), version); }
  /// Where the node's payload starts in blob().
  [[nodiscard]] std::size_t node_offset() const {
    Raw meta;
    meta.raw(metadata_head).leb(buffers);
    for (std::uint32_t i = 0; i < buffers; ++i) meta.raw(buffer).raw(buffer_tail);
    Raw before;
    before.leb(2).leb_text("vyre.program.metadata").leb(meta.bytes.size()).raw(meta.bytes).leb(0);
    before.leb_text(op_id).leb(node.size());
    return 40 + before.bytes.size();
  }
};

/// A program whose only statement is `let x = <expression bytes>`.
inline RawProgram let_program(const Bytes& expression) {
  RawProgram p;
  p.op_id = "vyre.node.let";
  p.node = Raw{}.u8(0).text("x").raw(expression).bytes;
  return p;
}

}  // namespace vyre::vir::testing
