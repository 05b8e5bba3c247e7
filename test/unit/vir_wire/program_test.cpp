// The pools: names are unique, sizes follow the table, equality looks at meaning and not at pool
// order.
#include <gtest/gtest.h>

#include "unit/vir_wire/build_program.hpp"

namespace vyre::vir {
namespace {
using namespace testing;

TEST(Program, EqualNamesHaveOneSymbol) {
  Program p;
  const Symbol a = p.intern("a");
  EXPECT_NE(a, p.intern("b"));
  EXPECT_EQ(a, p.intern(std::string("a")));
  EXPECT_EQ(p.find_name("a"), a);
  EXPECT_EQ(p.find_name("c"), kNone);
  EXPECT_EQ(p.names.size(), 2u);
}

TEST(Program, ScalarTypesAreSharedAndParametrisedOnesAppended) {
  Program p;
  EXPECT_EQ(p.scalar(TypeTag::F32), p.scalar(TypeTag::F32));
  DataType array;
  array.tag = TypeTag::Array;
  array.a = 3;
  EXPECT_NE(p.add_type(array), p.add_type(array));
}

TEST(Program, SizesOfEveryScalarAreTheTables) {
  Program p;
  EXPECT_EQ(size_bytes(p, p.scalar(TypeTag::Vec4U32)), 16u);
  EXPECT_EQ(packed_bits(p, p.scalar(TypeTag::I4)), std::uint64_t{4});
  EXPECT_EQ(size_bytes(p, p.scalar(TypeTag::I4)), 1u);
  EXPECT_FALSE(has_size(p, p.scalar(TypeTag::Tensor)));
  EXPECT_FALSE(packed_bits(p, p.scalar(TypeTag::Tensor)));
}

TEST(Program, ArrayHasAByteSizeButNoBits) {
  Program p;
  DataType array;
  array.tag = TypeTag::Array;
  const TypeId empty = p.add_type(array);
  EXPECT_TRUE(has_size(p, empty));
  EXPECT_EQ(size_bytes(p, empty), 0u);
  EXPECT_FALSE(packed_bits(p, empty));
}

TEST(Program, NestedVectorsMultiplyAndNeverWrap) {
  Program p;
  TypeId id = p.scalar(TypeTag::U16);
  for (int i = 0; i < 2; ++i) {
    DataType vec;
    vec.tag = TypeTag::Vec;
    vec.element = id;
    vec.a = 3;
    id = p.add_type(vec);
  }
  EXPECT_EQ(size_bytes(p, id), 18u);
  EXPECT_EQ(packed_bits(p, id), std::uint64_t{144});
  for (int i = 0; i < 40; ++i) {
    DataType vec;
    vec.tag = TypeTag::Vec;
    vec.element = id;
    vec.a = 255;
    id = p.add_type(vec);
  }
  EXPECT_EQ(size_bytes(p, id), ~std::uint64_t{0});
}

TEST(Program, QuantisedElementsHaveTheSizeOfTheirStorage) {
  Program p;
  DataType q;
  q.tag = TypeTag::Quantized;
  q.element = p.scalar(TypeTag::I16);
  const TypeId id = p.add_type(q);
  EXPECT_EQ(size_bytes(p, id), 2u);
  EXPECT_EQ(packed_bits(p, id), std::uint64_t{16});
}

TEST(Program, RootIsWrappedOnlyWhenItMustBe) {
  Program p;
  wrap_root(p);
  ASSERT_EQ(p.entry.count, 1u);
  const Node& root = p.nodes[p.list(p.entry)[0]];
  EXPECT_EQ(root.tag, NodeTag::Region);
  EXPECT_EQ(p.name(root.name), "vyre.program.root");
  const std::size_t nodes = p.nodes.size();
  wrap_root(p);
  EXPECT_EQ(p.nodes.size(), nodes) << "a program of Regions stays as it is";
}

TEST(SameProgram, PoolOrderDoesNotMatter) {
  Program a;
  const ExprId x = lit(a, 1);
  const ExprId y = lit(a, 2);
  finish(a, {store(a, "out", x, y)});
  Program b;
  b.intern("unused");
  const ExprId y2 = lit(b, 2);
  lit(b, 99);
  const ExprId x2 = lit(b, 1);
  finish(b, {store(b, "out", x2, y2)});
  EXPECT_TRUE(same_program(a, b));
  EXPECT_TRUE(same_program(b, a));
}

TEST(SameProgram, EveryDifferenceThatHasAMeaningIsSeen) {
  const Program base = store_program([](Program& p) { return lit(p, 1); });
  const auto differs = [&](void (*change)(Program&)) {
    Program p = base;
    EXPECT_TRUE(same_program(base, p));
    change(p);
    return !same_program(base, p) && !same_program(p, base);
  };
  EXPECT_TRUE(differs([](Program& p) { p.exprs[0].bits = 2; }));
  EXPECT_TRUE(differs([](Program& p) { p.exprs[0].tag = ExprTag::LitI32; }));
  EXPECT_TRUE(differs([](Program& p) { p.nodes[0].name = p.intern("other"); }));
  EXPECT_TRUE(differs([](Program& p) { p.nodes[1].name2 = p.intern("source"); }));
  EXPECT_TRUE(differs([](Program& p) { p.workgroup[2] = 2; }));
  EXPECT_TRUE(differs([](Program& p) { p.entry_op_id = ""; }));
  EXPECT_TRUE(differs([](Program& p) { p.buffers[0].binding = 1; }));
  EXPECT_TRUE(differs([](Program& p) { p.buffers[0].element = p.scalar(TypeTag::F32); }));
  EXPECT_TRUE(differs([](Program& p) { p.buffers[0].output_byte_range = ByteRange{0, 4}; }));
  EXPECT_TRUE(differs([](Program& p) { p.buffers[0].hints.coalesce_axis = 0; }));
  EXPECT_TRUE(differs([](Program& p) { p.buffers.push_back(p.buffers[0]); }));
  EXPECT_TRUE(differs([](Program& p) { p.nodes[1].body.count = 0; }));
  EXPECT_FALSE(differs([](Program& p) { p.exprs[0].op = 7; })) << "a literal has no operator";
}

}  // namespace
}  // namespace vyre::vir
