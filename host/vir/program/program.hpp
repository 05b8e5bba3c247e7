// The VIR0 program: a tree of nodes (statements) and expressions over named buffers, held in flat
// pools. Host only, plain values, no validation: what a decoder or assembler produced, as it
// stands. Spec: docs/internals/vir0.md.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"

namespace vyre::vir {

#define VYRE_BINOP(name, tag, text) name = tag,
enum class BinOp : std::uint8_t {
#include "vir/program/vocabulary.def"
  Extension = 0x80,  // Expr::extension holds the id (bit 31 set)
};
#define VYRE_UNOP(name, tag, text) name = tag,
enum class UnOp : std::uint8_t {
#include "vir/program/vocabulary.def"
  Extension = 0x80,
};
#define VYRE_ATOMICOP(name, tag, text) name = tag,
enum class AtomicOp : std::uint8_t {
#include "vir/program/vocabulary.def"
  Extension = 0x80,
};
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) name = tag,
enum class TypeTag : std::uint8_t {
#include "vir/program/vocabulary.def"
};
/// Types that have parameters beside their tag, such as `vec(f32, 4)`.
[[nodiscard]] bool has_parameters(TypeTag tag) noexcept;
#define VYRE_ORDERING(name, tag, text) name = tag,
enum class Ordering : std::uint8_t {
#include "vir/program/vocabulary.def"
};
#define VYRE_COLLECTIVEOP(name, tag, text) name = tag,
enum class CollectiveOp : std::uint8_t {
#include "vir/program/vocabulary.def"
};
#define VYRE_ACCESS(name, tag, text) name = tag,
enum class Access : std::uint8_t {
#include "vir/program/vocabulary.def"
};
#define VYRE_MEMORYKIND(name, tag, text) name = tag,
enum class MemoryKind : std::uint8_t {
#include "vir/program/vocabulary.def"
};
#define VYRE_LOCALITY(name, tag, text) name = tag,
enum class Locality : std::uint8_t {
#include "vir/program/vocabulary.def"
};
#define VYRE_REDUCEOP(name, tag, text) name = tag,
/// Operator of SubgroupReduce (profile v4-0.6.4 and later). Under v4-0.6.3 tag 17 is SubgroupAdd =
/// Add.
enum class ReduceOp : std::uint8_t {
#include "vir/program/vocabulary.def"
};
#define VYRE_NODE(name, tag, text) name = tag,
enum class NodeTag : std::uint8_t {
#include "vir/program/vocabulary.def"
  Opaque = 0x80,
};
#define VYRE_EXPR(name, tag, text) name = tag,
enum class ExprTag : std::uint8_t {
#include "vir/program/vocabulary.def"
  BufferRef = 0x16,  // wire version 5 and later
  Opaque = 0x80,
};

using Symbol = std::uint32_t;  // index into Program::names
using ExprId = std::uint32_t;  // index into Program::exprs
using NodeId = std::uint32_t;  // index into Program::nodes
using TypeId = std::uint32_t;  // index into Program::types
inline constexpr std::uint32_t kNone{0xFFFF'FFFFu};

/// A contiguous run of a pool.
struct Range {
  std::uint32_t begin{0};
  std::uint32_t count{0};
};

/// Scale or zero point of a Quantized type; tags as on the wire.
struct QuantParam {
  std::uint8_t tag{0};
  std::uint32_t value{0};
  friend auto operator<=>(const QuantParam&, const QuantParam&) = default;
};

/// `a`, `b` by tag: Array element_size; Handle type id; Opaque extension id; Vec lanes; SparseBsr
/// rows, cols. `element`: Vec, TensorShaped, Sparse*, Quantized (its storage).
struct DataType {
  TypeTag tag{TypeTag::U32};
  std::uint32_t a{0};
  std::uint32_t b{0};
  TypeId element{kNone};
  std::vector<std::uint32_t> dims;  // TensorShaped dims, DeviceMesh axes
  QuantParam scale;
  QuantParam zero_point;
};

struct MemoryHints {
  std::optional<std::uint8_t> coalesce_axis;
  std::uint32_t preferred_alignment{0};
  Locality locality{Locality::Temporal};
  friend bool operator==(const MemoryHints&, const MemoryHints&) = default;
};

struct ByteRange {
  std::uint64_t start{0};
  std::uint64_t end{0};
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// Wire version 6 only. Tags: 0 none, 1..4 one u32, 5 two u32, 6 four i64, 7/8 two children, 9 one
/// child.
struct ShapePredicate {
  std::uint8_t tag{0};
  std::array<std::int64_t, 4> values{};
  std::vector<ShapePredicate> children;
  friend bool operator==(const ShapePredicate&, const ShapePredicate&) = default;
};

struct BufferDecl {
  Symbol name{0};
  std::uint32_t binding{0};
  std::uint32_t count{0};  // elements; 0 = sized at run time
  Access access{Access::ReadOnly};
  MemoryKind kind{MemoryKind::Global};
  TypeId element{0};
  bool is_output{false};
  bool pipeline_live_out{false};
  std::optional<ByteRange> output_byte_range;
  MemoryHints hints;
  // Not on wire version 4; version 6 carries them.
  std::uint8_t linear_type{3};  // 0 Linear 1 Affine 2 Relevant 3 Unrestricted
  bool bytes_extraction{false};
  ShapePredicate shape_predicate;
};

/// Children by tag (docs/internals/vir0.md has the table):
///   Load{name,c0}  BinOp{op,c0,c1}  UnOp{op,c0}  Select{c0,c1,c2}  Cast{type,c0}  Fma{c0,c1,c2}
///   Atomic{op,ordering,name,index c0,value c1,expected c2 or kNone}  Subgroup*{c0[,c1]}
///   Call{name,args}
struct Expr {
  ExprTag tag{ExprTag::LitU32};
  std::uint8_t op{0};  // BinOp, UnOp, AtomicOp, ReduceOp by tag; axis of the id expressions
  Ordering ordering{Ordering::SeqCst};
  std::uint32_t bits{
      0};  // literal bit pattern (LitBool: 0 or 1), extension id of an op, or TypeId of Cast
  Symbol name{kNone};  // variable, buffer, call op id, opaque kind
  std::array<ExprId, 3> child{kNone, kNone, kNone};
  Range args;  // Call: run of Program::expr_lists; Opaque: byte run of Program::payloads
};

/// Fields by tag:
///   Let/Assign{name,e0}  Store{name,index e0,value e1}  If{e0,body,otherwise}  Loop{name,from
///   e0,to e1,body} Block{body}  Region{name=generator,name2=source or kNone,body}
///   Barrier{ordering} IndirectDispatch{name,offset}
///   AsyncLoad/AsyncStore{name=source,name2=destination,e0 offset,e1 size,name3=tag}
///   AsyncWait/Resume{name3}  Trap{e0,name3}  AllReduce{name,collective,group}
///   AllGather{name,name2,group} ReduceScatter{name,name2,collective,group}
///   Broadcast{name,root,group}  Opaque{name=kind,payload}
struct Node {
  NodeTag tag{NodeTag::Return};
  Ordering ordering{Ordering::SeqCst};
  CollectiveOp collective{CollectiveOp::Sum};
  Symbol name{kNone};
  Symbol name2{kNone};
  Symbol name3{kNone};
  ExprId e0{kNone};
  ExprId e1{kNone};
  Range body;  // runs of Program::node_lists
  Range otherwise;
  Range payload;  // Opaque: byte run of Program::payloads
  std::uint64_t offset{0};
  std::uint32_t group{0};
  std::uint32_t root{0};
};

class Program {
 public:
  std::optional<std::string> entry_op_id;
  std::array<std::uint32_t, 3> workgroup{1, 1, 1};
  bool non_composable_with_self{false};
  std::vector<BufferDecl> buffers;
  Range entry;  // top-level nodes: a run of node_lists

  // Pools.
  std::vector<Expr> exprs;
  std::vector<Node> nodes;
  std::vector<NodeId> node_lists;
  std::vector<ExprId> expr_lists;
  std::vector<DataType> types;
  std::vector<std::string> names;
  Bytes payloads;

  /// Index of `text` in names, added if new. Unique: equal strings have equal symbols.
  Symbol intern(std::string_view text);
  /// kNone if the program never names it.
  [[nodiscard]] Symbol find_name(std::string_view text) const;
  ExprId add(const Expr& expr);
  NodeId add(const Node& node);
  /// Adds (or finds) a scalar type; parametrised types are appended as they are.
  TypeId add_type(const DataType& type);
  TypeId scalar(TypeTag tag) { return add_type(DataType{tag, 0, 0, kNone, {}, {}, {}}); }
  Range add_list(std::span<const NodeId> ids);
  Range add_args(std::span<const ExprId> ids);
  Range add_payload(ByteSpan bytes);

  [[nodiscard]] std::span<const NodeId> list(Range r) const {
    return std::span<const NodeId>(node_lists).subspan(r.begin, r.count);
  }
  [[nodiscard]] std::span<const ExprId> args(Range r) const {
    return std::span<const ExprId>(expr_lists).subspan(r.begin, r.count);
  }
  [[nodiscard]] ByteSpan payload(Range r) const {
    return ByteSpan(payloads).subspan(r.begin, r.count);
  }
  [[nodiscard]] const std::string& name(Symbol s) const { return names[s]; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, Symbol, Hash, std::equal_to<>> symbols_;
  std::array<TypeId, 32> scalars_ =
      no_scalars();  // by tag: where a parameterless type lies in `types`
  static constexpr std::array<TypeId, 32> no_scalars() {
    std::array<TypeId, 32> none{};
    none.fill(kNone);
    return none;
  }
};

/// Bytes of one element in memory ("size_bytes" of the format; 0 = unsized). Vec and Quantized are
/// resolved.
[[nodiscard]] std::uint64_t size_bytes(const Program& program, TypeId type);
/// Packed bits of one element; nullopt where the format defines none.
[[nodiscard]] std::optional<std::uint64_t> packed_bits(const Program& program, TypeId type);
[[nodiscard]] bool has_size(const Program& program, TypeId type);

/// Structural equality: same trees, names, buffers and types, whatever the pools' order.
[[nodiscard]] bool same_program(const Program& a, const Program& b);

/// Upstream's `Program::wrapped`: if the entry is empty or any top-level node is not a Region, the
/// whole entry becomes the body of one Region "vyre.program.root".
void wrap_root(Program& program);

}  // namespace vyre::vir
