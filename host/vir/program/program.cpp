// The pools of a VIR0 program and the sizes of its element types. Host only, pure values.
// Comparison of two programs is in program_equality.cpp. Spec: docs/internals/vir0.md.
#include "vir/program/program.hpp"

#include <limits>

namespace vyre::vir {
namespace {

std::uint64_t saturating_mul(std::uint64_t a, std::uint64_t b) noexcept {
  constexpr std::uint64_t kMax{std::numeric_limits<std::uint64_t>::max()};
  return b != 0 && a > kMax / b ? kMax : a * b;
}

struct RowSize {
  std::uint64_t bytes;
  std::uint64_t bits;
};
RowSize row_size(TypeTag tag) noexcept {
  switch (tag) {
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) \
  case TypeTag::name:                                          \
    return {size, bits};
#include "vir/program/vocabulary.def"
  }
  return {0, 0};
}

// Walks Vec and Quantized down to the type that has a row of its own; `lanes` is the product on the
// way. Bounded by the pool: a chain longer than it would be a cycle.
const DataType* innermost(const Program& program, TypeId type, std::uint64_t& lanes) {
  lanes = 1;
  for (std::size_t steps = 0; steps <= program.types.size(); ++steps) {
    if (type >= program.types.size()) return nullptr;
    const DataType& t = program.types[type];
    if (t.tag == TypeTag::Vec) {
      lanes = saturating_mul(lanes, t.a);
    } else if (t.tag != TypeTag::Quantized) {
      return &t;
    }
    type = t.element;
  }
  return nullptr;
}

}  // namespace

bool has_parameters(TypeTag tag) noexcept {
  switch (tag) {
#define VYRE_DATATYPE(name, tag, text, size, bits, parameters) \
  case TypeTag::name:                                          \
    return parameters;
#include "vir/program/vocabulary.def"
  }
  return false;
}

Symbol Program::intern(std::string_view text) {
  if (const auto found = symbols_.find(text); found != symbols_.end()) return found->second;
  const auto symbol = static_cast<Symbol>(names.size());
  names.emplace_back(text);
  symbols_.emplace(std::string(text), symbol);
  return symbol;
}

Symbol Program::find_name(std::string_view text) const {
  const auto found = symbols_.find(text);
  return found == symbols_.end() ? kNone : found->second;
}

ExprId Program::add(const Expr& expr) {
  exprs.push_back(expr);
  return static_cast<ExprId>(exprs.size() - 1);
}

NodeId Program::add(const Node& node) {
  nodes.push_back(node);
  return static_cast<NodeId>(nodes.size() - 1);
}

TypeId Program::add_type(const DataType& type) {
  const auto tag = static_cast<std::size_t>(type.tag);
  const bool scalar = !has_parameters(type.tag) && tag < scalars_.size();
  if (scalar) {
    const TypeId known = scalars_[tag];
    if (known < types.size() && types[known].tag == type.tag) return known;
  }
  types.push_back(type);
  const auto id = static_cast<TypeId>(types.size() - 1);
  if (scalar) scalars_[tag] = id;
  return id;
}

Range Program::add_list(std::span<const NodeId> ids) {
  const Range range{static_cast<std::uint32_t>(node_lists.size()),
                    static_cast<std::uint32_t>(ids.size())};
  node_lists.insert(node_lists.end(), ids.begin(), ids.end());
  return range;
}

Range Program::add_args(std::span<const ExprId> ids) {
  const Range range{static_cast<std::uint32_t>(expr_lists.size()),
                    static_cast<std::uint32_t>(ids.size())};
  expr_lists.insert(expr_lists.end(), ids.begin(), ids.end());
  return range;
}

Range Program::add_payload(ByteSpan bytes) {
  const Range range{static_cast<std::uint32_t>(payloads.size()),
                    static_cast<std::uint32_t>(bytes.size())};
  payloads.insert(payloads.end(), bytes.begin(), bytes.end());
  return range;
}

bool has_size(const Program& program, TypeId type) {
  std::uint64_t lanes = 0;
  const DataType* inner = innermost(program, type, lanes);
  return inner != nullptr && (inner->tag == TypeTag::Array || row_size(inner->tag).bytes != 0);
}

std::uint64_t size_bytes(const Program& program, TypeId type) {
  std::uint64_t lanes = 0;
  const DataType* inner = innermost(program, type, lanes);
  if (inner == nullptr) return 0;
  const std::uint64_t bytes = inner->tag == TypeTag::Array
                                  ? std::uint64_t{inner->b} << 32 | inner->a
                                  : row_size(inner->tag).bytes;
  return saturating_mul(bytes, lanes);
}

std::optional<std::uint64_t> packed_bits(const Program& program, TypeId type) {
  std::uint64_t lanes = 0;
  const DataType* inner = innermost(program, type, lanes);
  if (inner == nullptr || row_size(inner->tag).bits == 0) return std::nullopt;
  return saturating_mul(row_size(inner->tag).bits, lanes);
}

void wrap_root(Program& program) {
  bool all_regions = program.entry.count != 0;
  for (const NodeId id : program.list(program.entry)) {
    all_regions = all_regions && program.nodes[id].tag == NodeTag::Region;
  }
  if (all_regions) return;
  Node root;
  root.tag = NodeTag::Region;
  root.name = program.intern("vyre.program.root");
  root.body = program.entry;
  const NodeId id = program.add(root);
  program.entry = program.add_list({&id, 1});
}

}  // namespace vyre::vir
