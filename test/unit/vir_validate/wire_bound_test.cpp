// Form::wire_bytes is a bound: a program below the limit by it is never encoded to find out. So it
// must be at least what the encoder writes, whatever the program is made of.
#include <gtest/gtest.h>

#include "protocol/limits.hpp"
#include "support/random_program.hpp"
#include "unit/vir_text/random_program.hpp"
#include "vir/validate/form.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::test {
namespace {

using namespace vir;

/// Profiles that carry the program.
int expect_bounded(const Program& program, const std::string& what) {
  const Form form = check_form(program);
  if (!form.broken.empty()) return 0;
  int carried = 0;
  for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
    const auto blob = encode(program, profile);
    if (!blob) continue;
    ++carried;
    EXPECT_LE(blob->size(), form.wire_bytes) << what << " as " << profile_name(profile);
  }
  return carried;
}

TEST(WireBound, RandomProgramsEncodeToNoMore) {
  int carried = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    carried += expect_bounded(random_program(seed), "construct seed " + std::to_string(seed));
    Choice choice(seed);
    carried += expect_bounded(random_case(choice).program, "case seed " + std::to_string(seed));
  }
  EXPECT_GT(carried, 300) << "hardly any of them could be encoded";
}

TEST(WireBound, AnEmptyProgramEncodesToNoMore) {
  EXPECT_EQ(expect_bounded(Program{}, "empty"), 3);
}

TEST(WireBound, NamesEncodeToNoMoreWhereverTheWireRepeatsThem) {
  const std::string name(100'000, 'n');
  Program entry;
  entry.entry_op_id = name;
  EXPECT_EQ(expect_bounded(entry, "entry_op_id"), 3);
  Program opaque;
  Node node;
  node.tag = NodeTag::Opaque;
  node.name = opaque.intern(name);
  node.payload = opaque.add_payload(Bytes(1'000, 7));
  const NodeId nodes[]{opaque.add(node)};
  opaque.entry = opaque.add_list(nodes);
  EXPECT_EQ(expect_bounded(opaque, "opaque node"), 3);
}

/// All four values of the widest kind at its leaves, two children everywhere else.
ShapePredicate wide_predicate(std::uint32_t levels) {
  ShapePredicate predicate;
  predicate.tag = 6;
  predicate.values = {-1, -1, -1, -1};
  if (levels == 1) return predicate;
  predicate.tag = 7;
  predicate.children.assign(2, wide_predicate(levels - 1));
  return predicate;
}

TEST(WireBound, BuffersEncodeToNoMoreWithEveryFieldAtItsWidest) {
  Program program;
  DataType quantised;
  quantised.tag = TypeTag::Quantized;
  quantised.element = program.scalar(TypeTag::I8);
  quantised.scale = {2, ~0u};
  quantised.zero_point = {3, ~0u};
  const TypeId element = program.add_type(quantised);
  for (int i = 0; i < 300; ++i) {
    BufferDecl buffer;
    buffer.name = program.intern("b" + std::to_string(i));
    buffer.binding = buffer.count = ~0u;
    buffer.access = Access::ReadWrite;
    buffer.element = element;
    buffer.is_output = buffer.pipeline_live_out = true;
    buffer.output_byte_range = ByteRange{0, ~0u};
    buffer.hints.coalesce_axis = 255;
    buffer.hints.preferred_alignment = ~0u;
    if (i % 10 == 0) buffer.shape_predicate = wide_predicate(8);
    program.buffers.push_back(buffer);
  }
  EXPECT_EQ(expect_bounded(program, "buffers"), 3);
}

TEST(WireBound, EveryKindOfStatementAndCastEncodesToNoMoreInTheEntry) {
  // Many of one kind, so that a byte too few for one is seen.
  constexpr int kMany{1'000};
  const auto many = [&](const std::string& what, const auto& make) {
    Program program;
    std::vector<NodeId> nodes;
    for (int i = 0; i < kMany; ++i) nodes.push_back(program.add(make(program)));
    program.entry = program.add_list(nodes);
    EXPECT_GT(expect_bounded(program, what), 0) << what;
  };
  const auto one = [](Program& p) {
    Expr e;
    e.bits = ~0u;
    return p.add(e);
  };
#define VYRE_NODE(tag_name, value, text)        \
  many(text, [&](Program& p) {                  \
    Node n;                                     \
    n.tag = NodeTag::tag_name;                  \
    n.name = n.name2 = n.name3 = p.intern("x"); \
    n.e0 = one(p);                              \
    n.e1 = one(p);                              \
    n.offset = ~std::uint64_t{0};               \
    n.group = n.root = ~0u;                     \
    return n;                                   \
  });
#include "vir/program/vocabulary.def"
  const auto cast = [&](const std::string& what, const auto& type) {
    many(what, [&](Program& p) {
      Expr e;
      e.tag = ExprTag::Cast;
      e.bits = p.add_type(type(p));
      e.child[0] = one(p);
      Node n;
      n.tag = NodeTag::Let;
      n.name = p.intern("x");
      n.e0 = p.add(e);
      return n;
    });
  };
  const auto nested = [](Program& p, TypeTag tag) {
    DataType t;
    t.tag = tag;
    t.a = 4;
    t.element = p.scalar(TypeTag::I8);
    t.scale = {2, ~0u};
    t.zero_point = {3, ~0u};
    t.dims.assign(tag == TypeTag::TensorShaped || tag == TypeTag::DeviceMesh ? 16 : 0, ~0u);
    return t;
  };
  for (const TypeTag tag : {TypeTag::Array, TypeTag::Handle, TypeTag::Vec, TypeTag::TensorShaped,
                            TypeTag::SparseCsr, TypeTag::SparseCoo, TypeTag::SparseBsr,
                            TypeTag::DeviceMesh, TypeTag::Quantized, TypeTag::Opaque}) {
    cast("cast to type " + std::to_string(static_cast<int>(tag)),
         [&](Program& p) { return nested(p, tag); });
  }
  cast("cast to a type of many levels", [&](Program& p) {
    DataType t = nested(p, TypeTag::Vec);
    for (int i = 0; i < 40; ++i) {
      t.element = p.add_type(t);
      t.tag = i % 2 == 0 ? TypeTag::SparseBsr : TypeTag::Vec;
    }
    return t;
  });
}

TEST(WireBound, AProgramBeyondTheLimitByItsRepeatedNamesIsRefused) {
  // 33 names of 1 MiB, each twice on the wire.
  Program program;
  std::vector<NodeId> nodes;
  for (int i = 0; i < 33; ++i) {
    std::string name(kMaxStringBytes, 'n');
    name.replace(0, 2, std::to_string(10 + i));
    Node node;
    node.tag = NodeTag::Opaque;
    node.name = program.intern(name);
    nodes.push_back(program.add(node));
  }
  program.entry = program.add_list(nodes);
  const Form form = check_form(program);
  ASSERT_TRUE(form.broken.empty());
  const auto beyond = beyond_wire(program, form);
  ASSERT_TRUE(beyond.has_value());
  EXPECT_EQ(beyond->code, "V148");
}

}  // namespace
}  // namespace vyre::test
