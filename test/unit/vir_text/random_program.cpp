#include "random_program.hpp"

#include <vector>

namespace vyre::test {
namespace {

using namespace vyre::vir;

// SplitMix64: the standard library's distributions differ between implementations.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(next() % n); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  std::uint32_t word() {
    static constexpr std::uint32_t kEdges[]{0,          1,          2,          0x7FFFFFFF,
                                            0x80000000, 0xFFFFFFFF, 0x7FC00000, 0x7FA00001,
                                            0xFF800000, 0x00000001, 0x3F800000};
    return chance(50) ? kEdges[below(std::size(kEdges))]
                      : static_cast<std::uint32_t>(next() >> below(33));
  }

 private:
  std::uint64_t state_;
};

#define VYRE_BINOP(name, tag, text) tag,
constexpr std::uint8_t kBinOps[]{
#include "vir/program/vocabulary.def"
};
#define VYRE_UNOP(name, tag, text) tag,
constexpr std::uint8_t kUnOps[]{
#include "vir/program/vocabulary.def"
};
#define VYRE_ATOMICOP(name, tag, text) tag,
constexpr std::uint8_t kAtomicOps[]{
#include "vir/program/vocabulary.def"
};
#define VYRE_REDUCEOP(name, tag, text) tag,
constexpr std::uint8_t kReduceOps[]{
#include "vir/program/vocabulary.def"
};
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) TypeTag::name,
constexpr TypeTag kTypes[]{
#include "vir/program/vocabulary.def"
};
#define VYRE_EXPR(name, tag, text) ExprTag::name,
constexpr ExprTag kExprs[]{
#include "vir/program/vocabulary.def"
    ExprTag::BufferRef, ExprTag::Opaque};
#define VYRE_NODE(name, tag, text) NodeTag::name,
constexpr NodeTag kNodes[]{
#include "vir/program/vocabulary.def"
    NodeTag::Opaque};

class Builder {
 public:
  explicit Builder(std::uint64_t seed) : r_(seed) {}

  Program build() {
    if (r_.chance(50)) p_.entry_op_id = text();
    for (auto& size : p_.workgroup) size = r_.word();
    p_.non_composable_with_self = r_.chance(20);
    for (std::uint32_t i = r_.below(4); i != 0; --i) p_.buffers.push_back(buffer());
    p_.entry = list(3);
    return std::move(p_);
  }

 private:
  std::string text() {
    static const std::string kTexts[]{"",
                                      "x",
                                      "acc_1",
                                      "if",
                                      "gid",
                                      "hex",
                                      "f32",
                                      "9lives",
                                      "a b",
                                      "quote\"back\\slash",
                                      "line\nend",
                                      "\t",
                                      std::string("nul\0x", 5),
                                      "λ→𝔘",
                                      "\xE2\x80\xAE rtl",
                                      "\xC2\x85",
                                      "barrier",
                                      "expected",
                                      "vyre.program.root",
                                      "trap",
                                      "\xFF\xC0",
                                      "\x7F",
                                      "true",
                                      "workgroup"};
    return kTexts[r_.below(std::size(kTexts))];
  }
  Symbol name() { return p_.intern(text()); }
  Symbol maybe_name() { return r_.chance(50) ? name() : kNone; }

  Range payload() {
    Bytes bytes(r_.below(10));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(r_.next());
    return p_.add_payload(bytes);
  }

  template <std::size_t N>
  std::uint8_t op(const std::uint8_t (&table)[N], std::uint32_t& extension) {
    if (!r_.chance(5)) return table[r_.below(N)];
    extension = 0x80000000u | r_.word();
    return 0x80;
  }

  TypeId type(int depth) {
    DataType t;
    do {
      t.tag = kTypes[r_.below(std::size(kTypes))];
    } while (depth == 0 && (t.tag == TypeTag::Vec || t.tag == TypeTag::TensorShaped ||
                            t.tag == TypeTag::Quantized || t.tag == TypeTag::SparseCsr ||
                            t.tag == TypeTag::SparseCoo || t.tag == TypeTag::SparseBsr));
    switch (t.tag) {
      case TypeTag::Array:
        t.a = r_.word(), t.b = r_.chance(20) ? r_.word() : 0;
        break;
      case TypeTag::Handle:
      case TypeTag::Opaque:
        t.a = r_.word();
        break;
      case TypeTag::DeviceMesh:
        dims(t);
        break;
      case TypeTag::Vec:
        t.element = type(depth - 1), t.a = r_.below(256);
        break;
      case TypeTag::TensorShaped:
        t.element = type(depth - 1), dims(t);
        break;
      case TypeTag::SparseCsr:
      case TypeTag::SparseCoo:
        t.element = type(depth - 1);
        break;
      case TypeTag::SparseBsr:
        t.element = type(depth - 1), t.a = r_.word(), t.b = r_.word();
        break;
      case TypeTag::Quantized:
        t.element = type(depth - 1);
        t.scale = {static_cast<std::uint8_t>(r_.below(4)), r_.word()};
        t.zero_point = {static_cast<std::uint8_t>(r_.below(5)), r_.word()};
        break;
      default:
        break;
    }
    return p_.add_type(t);
  }
  void dims(DataType& t) {
    for (std::uint32_t i = r_.below(4); i != 0; --i) t.dims.push_back(r_.word());
  }

  ShapePredicate predicate(int depth) {
    ShapePredicate s;
    s.tag = static_cast<std::uint8_t>(1 + r_.below(depth == 0 ? 6 : 9));
    const auto integer = [&] { return static_cast<std::int64_t>(r_.word()); };
    if (s.tag <= 5) s.values[0] = integer();
    if (s.tag == 5) s.values[1] = integer();
    if (s.tag == 6) {
      for (auto& v : s.values) v = static_cast<std::int64_t>(r_.next());
      s.values[3] = r_.chance(50) ? std::int64_t{-1} - 0x7FFFFFFFFFFFFFFF : s.values[3];
    }
    if (s.tag == 7 || s.tag == 8) s.children = {predicate(depth - 1), predicate(depth - 1)};
    if (s.tag == 9) s.children = {predicate(depth - 1)};
    return s;
  }

  BufferDecl buffer() {
    BufferDecl b;
    b.name = name();
    b.binding = r_.word();
    b.count = r_.chance(30) ? 0 : r_.word();
    b.access = static_cast<Access>(r_.below(5));
    b.kind = static_cast<MemoryKind>(r_.below(7));
    b.element = type(2);
    b.is_output = r_.chance(30);
    b.pipeline_live_out = r_.chance(30);
    if (r_.chance(30)) b.output_byte_range = ByteRange{r_.next(), r_.next()};
    if (r_.chance(30)) b.hints.coalesce_axis = static_cast<std::uint8_t>(r_.below(256));
    if (r_.chance(30)) b.hints.preferred_alignment = r_.word();
    b.hints.locality = static_cast<Locality>(r_.below(3));
    b.linear_type = static_cast<std::uint8_t>(r_.below(4));
    b.bytes_extraction = r_.chance(20);
    if (r_.chance(30)) b.shape_predicate = predicate(2);
    return b;
  }

  ExprId expr(int depth) {
    Expr e;
    do {
      e.tag = kExprs[r_.below(std::size(kExprs))];
    } while (depth == 0 &&
             (e.tag != ExprTag::LitU32 && e.tag != ExprTag::LitI32 && e.tag != ExprTag::LitF32 &&
              e.tag != ExprTag::LitBool && e.tag != ExprTag::Var));
    const auto child = [&](std::size_t i) { e.child[i] = expr(depth - 1); };
    switch (e.tag) {
      case ExprTag::LitU32:
      case ExprTag::LitI32:
      case ExprTag::LitF32:
        e.bits = r_.word();
        break;
      case ExprTag::LitBool:
        e.bits = r_.below(2);
        break;
      case ExprTag::Var:
      case ExprTag::BufLen:
      case ExprTag::BufferRef:
        e.name = name();
        break;
      case ExprTag::Load:
        e.name = name(), child(0);
        break;
      case ExprTag::InvocationId:
      case ExprTag::WorkgroupId:
      case ExprTag::LocalId:
        e.op = static_cast<std::uint8_t>(r_.chance(80) ? r_.below(3) : r_.below(256));
        break;
      case ExprTag::BinOp:
        e.op = op(kBinOps, e.bits), child(0), child(1);
        break;
      case ExprTag::UnOp:
        e.op = op(kUnOps, e.bits), child(0);
        break;
      case ExprTag::Call: {
        e.name = name();
        std::vector<ExprId> args;
        for (std::uint32_t i = r_.below(4); i != 0; --i) args.push_back(expr(depth - 1));
        e.args = p_.add_args(args);
        break;
      }
      case ExprTag::Select:
      case ExprTag::Fma:
        child(0), child(1), child(2);
        break;
      case ExprTag::Cast:
        e.bits = type(2), child(0);
        break;
      case ExprTag::Atomic:
        e.op = op(kAtomicOps, e.bits);
        e.ordering = static_cast<Ordering>(r_.below(6));
        e.name = name();
        child(0), child(1);
        if (r_.chance(40)) child(2);
        break;
      case ExprTag::SubgroupAdd:
        e.op = kReduceOps[r_.below(std::size(kReduceOps))], child(0);
        break;
      case ExprTag::SubgroupShuffle:
        child(0), child(1);
        break;
      case ExprTag::SubgroupBallot:
        child(0);
        break;
      case ExprTag::SubgroupLocalId:
      case ExprTag::SubgroupSize:
        break;
      case ExprTag::Opaque:
        e.name = name(), e.args = payload();
        break;
    }
    return p_.add(e);
  }

  Range list(int depth) {
    std::vector<NodeId> ids;
    for (std::uint32_t i = r_.below(4); i != 0; --i) ids.push_back(node(depth));
    return p_.add_list(ids);
  }

  NodeId node(int depth) {
    Node n;
    do {
      n.tag = kNodes[r_.below(std::size(kNodes))];
    } while (depth == 0 && (n.tag == NodeTag::If || n.tag == NodeTag::Loop ||
                            n.tag == NodeTag::Block || n.tag == NodeTag::Region));
    switch (n.tag) {
      case NodeTag::Let:
      case NodeTag::Assign:
        n.name = name(), n.e0 = expr(4);
        break;
      case NodeTag::Store:
        n.name = name(), n.e0 = expr(3), n.e1 = expr(4);
        break;
      case NodeTag::If:
        n.e0 = expr(3), n.body = list(depth - 1), n.otherwise = list(depth - 1);
        break;
      case NodeTag::Loop:
        n.name = name(), n.e0 = expr(2), n.e1 = expr(2), n.body = list(depth - 1);
        break;
      case NodeTag::Return:
        break;
      case NodeTag::Block:
        n.body = list(depth - 1);
        break;
      case NodeTag::Region:
        n.name = name(), n.name2 = maybe_name(), n.body = list(depth - 1);
        break;
      case NodeTag::Barrier:
        n.ordering = static_cast<Ordering>(r_.below(6));
        break;
      case NodeTag::IndirectDispatch:
        n.name = name(), n.offset = r_.next();
        break;
      case NodeTag::AsyncLoad:
      case NodeTag::AsyncStore:
        n.name = name(), n.name2 = name(), n.name3 = name(), n.e0 = expr(2), n.e1 = expr(2);
        break;
      case NodeTag::AsyncWait:
      case NodeTag::Resume:
        n.name3 = name();
        break;
      case NodeTag::Trap:
        n.name3 = name(), n.e0 = expr(2);
        break;
      case NodeTag::AllReduce:
      case NodeTag::AllGather:
      case NodeTag::ReduceScatter:
      case NodeTag::Broadcast:
        n.name = name(), n.name2 = name(), n.group = r_.word(), n.root = r_.word();
        n.collective = static_cast<CollectiveOp>(1 + r_.below(6));
        break;
      case NodeTag::Opaque:
        n.name = name(), n.payload = payload();
        break;
    }
    return p_.add(n);
  }

  Random r_;
  Program p_;
};

}  // namespace

vir::Program random_program(std::uint64_t seed) {
  return Builder(seed).build();
}

}  // namespace vyre::test
