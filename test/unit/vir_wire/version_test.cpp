// What differs between the two dialects of version 4 and versions 5 and 6.
#include <gtest/gtest.h>

#include "unit/vir_wire/build_program.hpp"

namespace vyre::vir {
namespace {
using namespace testing;

Program subgroup(ReduceOp op) {
  Program p;
  Expr e;
  e.tag = ExprTag::SubgroupAdd;
  e.op = static_cast<std::uint8_t>(op);
  e.child[0] = lit(p, 5);
  const ExprId sum = p.add(e);
  finish(p, {store(p, "out", lit(p, 0), sum)});
  return p;
}

TEST(Dialects, SubgroupAddHasAnOperatorByteOnlyFrom064On) {
  const Program p = subgroup(ReduceOp::Add);
  const Bytes old_form = encode(p, Profile::v4_0_6_3).value();
  const Bytes new_form = encode(p, Profile::v4_0_6_4).value();
  EXPECT_EQ(old_form.size() + 1, new_form.size());
  EXPECT_TRUE(same_program(p, decode(old_form, {Profile::v4_0_6_3}).value()));
  EXPECT_TRUE(same_program(p, decode(new_form, {Profile::v4_0_6_4}).value()));
  EXPECT_TRUE(same_program(p, decode(new_form, {Profile::v6}).value()));
  EXPECT_FALSE(decode(old_form, {Profile::v4_0_6_4}));
  EXPECT_FALSE(decode(new_form, {Profile::v4_0_6_3}));
}

TEST(Dialects, OtherSubgroupOperatorsCannotBeWrittenForThe063Dialect) {
  const Program p = subgroup(ReduceOp::Xor);
  EXPECT_EQ(encode(p, Profile::v4_0_6_3).error().code, Errc::unsupported);
  const auto back = decode(encode(p, Profile::v4_0_6_4).value(), {Profile::v4_0_6_4});
  ASSERT_TRUE(back);
  EXPECT_TRUE(same_program(p, *back));
}

TEST(Dialects, UnknownSubgroupOperatorsAreRefused) {
  for (int op = 0; op < 256; ++op) {
    const RawProgram p =
        let_program(Raw{}.u8(17).u8(static_cast<std::uint8_t>(op)).u8(0).u32(1).bytes);
    EXPECT_EQ(decode(p.blob(), {Profile::v4_0_6_4}).has_value(), op >= 1 && op <= 7) << op;
  }
}

TEST(Dialects, TypeDimensionsAreBoundedFrom064On) {
  const auto tensor = [](std::uint32_t rank) {
    Raw e;
    e.u8(13).u8(0x15).u8(1).u32(rank).raw(Bytes(std::size_t{rank} * 4)).u8(0).u32(1);
    return let_program(e.bytes).blob();
  };
  EXPECT_TRUE(decode(tensor(4'097), {Profile::v4_0_6_3}));
  EXPECT_TRUE(decode(tensor(4'096), {Profile::v4_0_6_4}));
  EXPECT_FALSE(decode(tensor(4'097), {Profile::v4_0_6_4}));
  const Program wide = decode(tensor(4'097)).value();
  EXPECT_TRUE(encode(wide, Profile::v4_0_6_3));
  EXPECT_EQ(encode(wide, Profile::v4_0_6_4).error().code, Errc::limit_exceeded);
}

TEST(Version6, CarriesWhatVersion4Loses) {
  Program p = store_program([](Program& q) { return lit(q, 1); });
  BufferDecl& b = p.buffers[0];
  b.linear_type = 1;
  b.bytes_extraction = true;
  ShapePredicate at_least{1, {8}, {}};
  ShapePredicate affine{6, {-1, 2, 3, -4}, {}};
  ShapePredicate modulo{5, {4, 1}, {}};
  ShapePredicate negation{9, {}, {modulo}};
  b.shape_predicate = {7, {}, {ShapePredicate{8, {}, {at_least, affine}}, negation}};

  const auto full = decode(encode(p, Profile::v6).value(), {Profile::v6});
  ASSERT_TRUE(full) << to_string(full.error());
  EXPECT_TRUE(same_program(p, *full));

  const auto lossy = decode(encode(p).value());
  ASSERT_TRUE(lossy);
  EXPECT_EQ(lossy->buffers[0].linear_type, 3);
  EXPECT_FALSE(lossy->buffers[0].bytes_extraction);
  EXPECT_EQ(lossy->buffers[0].shape_predicate, ShapePredicate{});
}

RawProgram version6(const Bytes& tail) {
  RawProgram p;
  p.version = 6;
  p.buffer_tail = tail;
  return p;
}

TEST(Version6, BufferTailIsChecked) {
  const auto accepted = [](const Bytes& tail) {
    return decode(version6(tail).blob(), {Profile::v6}).has_value();
  };
  EXPECT_TRUE(accepted({3, 0, 0}));
  EXPECT_TRUE(accepted({0, 1, 0}));
  EXPECT_FALSE(accepted({4, 0, 0})) << "linear type";
  EXPECT_FALSE(accepted({3, 2, 0})) << "bytes_extraction is strict";
  EXPECT_FALSE(accepted({3, 0, 10})) << "predicate tag";
  EXPECT_FALSE(accepted({3, 0, 9, 0})) << "a negation of nothing";
  EXPECT_FALSE(accepted({3, 0, 7, 1, 0, 0, 0, 0, 0})) << "half a conjunction";
  EXPECT_FALSE(accepted({3, 0})) << "missing predicate";
}

TEST(Version6, PredicatesNestAtMost32Levels) {
  const auto nested = [](std::size_t levels) {
    Raw tail;
    tail.u8(3).u8(0).raw(Bytes(levels - 1, 9)).u8(1).u32(7);
    return decode(version6(tail.bytes).blob(), {Profile::v6}).has_value();
  };
  EXPECT_TRUE(nested(32));
  EXPECT_FALSE(nested(33));
  EXPECT_FALSE(nested(100'000));
}

TEST(Version6, TypesShareTheDepthOfExpressions) {
  const auto cast = [](std::size_t levels, std::uint16_t version) {
    RawProgram p = let_program(Raw{}.u8(13).raw(Bytes(levels, 0x16)).u8(1).u8(0).u32(1).bytes);
    p.version = version;
    if (version == 6) p.buffer_tail = {3, 0, 0};
    return decode(p.blob(), {Profile::v6}).has_value();
  };
  EXPECT_TRUE(cast(61, 6));  // Let, Cast, 61 sparse levels and u32: 64
  EXPECT_FALSE(cast(62, 6));
  EXPECT_TRUE(cast(61, 4)) << "whatever version they read";
  EXPECT_FALSE(cast(62, 4));
}

TEST(Version5, HasBufferReferencesButNotTheLongerBuffers) {
  RawProgram p = let_program(Raw{}.u8(22).text("b").bytes);
  p.version = 5;
  const auto program = decode(p.blob(), {Profile::v6});
  ASSERT_TRUE(program) << to_string(program.error());
  EXPECT_EQ(program->exprs[0].tag, ExprTag::BufferRef);
  EXPECT_EQ(encode(*program, Profile::v4_0_6_4).error().code, Errc::unsupported);
  const auto back = decode(encode(*program, Profile::v6).value(), {Profile::v6});
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_TRUE(same_program(*program, *back));
  p.version = 4;
  EXPECT_FALSE(decode(p.blob(), {Profile::v6}));
}

}  // namespace
}  // namespace vyre::vir
