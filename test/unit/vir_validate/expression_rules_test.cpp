// Rules about expressions: for each a program that breaks only it, and a neighbour that does not.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "verdict.hpp"

namespace vyre::test {
namespace {

TEST(ValidateExpressions, AnIdHasThreeAxes) {
  for (const std::uint8_t axis : {0, 1, 2}) {
    EXPECT_EQ(of_value([&](Stage& s) {
                return s.bin(BinOp::Add, s.gid(axis), s.bin(BinOp::Add, s.wid(axis), s.lid(axis)));
              }),
              "");
  }
  EXPECT_EQ(of_value([](Stage& s) { return s.gid(3); }), "V007");
  EXPECT_EQ(of_value([](Stage& s) { return s.wid(3); }), "V007");
  EXPECT_EQ(of_value([](Stage& s) { return s.lid(255); }), "V007");
}

// ---- atomics

std::string add_to(const char* name) {
  return of_value([&](Stage& s) { return s.atomic(AtomicOp::Add, name, s.u32(0), s.u32(1)); });
}

TEST(ValidateAtomics, WorkOnReadWriteU32StorageOnly) {
  EXPECT_EQ(add_to("out"), "");
  EXPECT_EQ(add_to("u"), "V009");
  EXPECT_EQ(add_to("uni"), "V009");
  EXPECT_EQ(add_to("wo"), "V009");
  EXPECT_EQ(add_to("wg"), "V025");
  EXPECT_EQ(add_to("out_i"), "V014");
  EXPECT_EQ(add_to("out_f"), "V014");
  EXPECT_EQ(add_to("out_b"), "V014");
  EXPECT_EQ(add_to("free"), "V014");
}

TEST(ValidateAtomics, DoNotWorkOnBytes) {
  EXPECT_EQ(of_value([](Stage& s) {
              s.buffer("raw", Access::ReadWrite, TypeTag::Bytes, 16);
              return s.atomic(AtomicOp::Add, "raw", s.u32(0), s.u32(1));
            }),
            "V013");
}

TEST(ValidateAtomics, TakeAU32Index) {
  EXPECT_EQ(of_value([](Stage& s) { return s.atomic(AtomicOp::Add, "out", s.i32(0), s.u32(1)); }),
            "V027");
}

TEST(ValidateAtomics, TakeU32Values) {
  EXPECT_EQ(of_value([](Stage& s) { return s.atomic(AtomicOp::Add, "out", s.u32(0), s.i32(1)); }),
            "V120");
  EXPECT_EQ(of_value([](Stage& s) {
              return s.atomic(AtomicOp::CompareExchange, "out", s.u32(0), s.u32(1), s.f32(1));
            }),
            "V120");
}

TEST(ValidateAtomics, OnlyCompareExchangeExpectsAValueAndItMust) {
  for (int op = 1; op <= static_cast<int>(AtomicOp::LruUpdate); ++op) {
    const bool compares = static_cast<AtomicOp>(op) == AtomicOp::CompareExchange;
    EXPECT_EQ(of_value([&](Stage& s) {
                return s.atomic(static_cast<AtomicOp>(op), "out", s.u32(0), s.u32(1));
              }),
              compares ? "V121" : "")
        << op;
    EXPECT_EQ(of_value([&](Stage& s) {
                return s.atomic(static_cast<AtomicOp>(op), "out", s.u32(0), s.u32(1), s.u32(2));
              }),
              compares ? "" : "V121")
        << op;
  }
}

TEST(ValidateAtomics, DoNotOrderTheGrid) {
  for (const Ordering ordering : {Ordering::Relaxed, Ordering::Acquire, Ordering::Release,
                                  Ordering::AcqRel, Ordering::SeqCst, Ordering::GridSync}) {
    EXPECT_EQ(of_value([&](Stage& s) {
                return s.atomic(AtomicOp::Or, "out", s.u32(0), s.u32(1), vir::kNone, ordering);
              }),
              ordering == Ordering::GridSync ? "V042" : "");
  }
}

// ---- values

TEST(ValidateExpressions, FmaIsOfThreeF32) {
  EXPECT_EQ(of_value([](Stage& s) { return s.fma(s.from("f"), s.f32(1), s.f32(2)); }), "");
  EXPECT_EQ(of_value([](Stage& s) { return s.fma(s.u32(1), s.f32(1), s.f32(2)); }), "V028");
  EXPECT_EQ(of_value([](Stage& s) { return s.fma(s.f32(1), s.i32(1), s.f32(2)); }), "V028");
  EXPECT_EQ(of_value([](Stage& s) { return s.fma(s.f32(1), s.f32(1), s.from("f64")); }), "V028");
}

TEST(ValidateExpressions, ArmsOfASelectHaveOneType) {
  EXPECT_EQ(of_value([](Stage& s) { return s.select(s.boolean(true), s.u32(1), s.i32(1)); }),
            "V029");
  EXPECT_EQ(of_value([](Stage& s) { return s.select(s.boolean(true), s.i32(1), s.i32(2)); }), "");
  EXPECT_EQ(of_value([](Stage& s) { return s.select(s.f32(1), s.f32(1), s.f32(2)); }), "");
}

TEST(ValidateExpressions, CastsAreThoseOfTheTableAndNoOthers) {
  using enum TypeTag;
  const std::map<TypeTag, const char*> sources{
      {U32, "u"}, {I32, "i"},   {F32, "f"},   {Bool, "b"},     {U64, "u64"},   {I64, "i64"},
      {U8, "u8"}, {F16, "f16"}, {F64, "f64"}, {Vec2U32, "v2"}, {Vec4U32, "v4"}};
  const std::set<TypeTag> integers{U8, U16, U32, U64, I8, I16, I32, I64, Bool};
  const std::map<TypeTag, std::set<TypeTag>> beyond_integers{
      {U32, {F32, Vec2U32, Vec4U32}},
      {I32, {F32, Vec2U32, Vec4U32}},
      {Bool, {F32, Vec2U32, Vec4U32}},
      {F32, {U32, I32, Bool}},
      {U64, {Vec2U32}},
      {Vec2U32, {U32, I32, U64, Bool}},
      {Vec4U32, {U32, I32, Vec2U32, Bool, U64}}};
  for (const auto& [from, name] : sources) {
    for (const TypeTag to : {U32, I32, U64, Vec2U32, Vec4U32, Bool, F16, BF16, F32, F64, U8, U16,
                             I8, I16, I64, F8E4M3, I4}) {
      const auto row = beyond_integers.find(from);
      const bool listed = from == to || (integers.contains(from) && integers.contains(to)) ||
                          (row != beyond_integers.end() && row->second.contains(to));
      EXPECT_EQ(of_value([&, n = name](Stage& s) { return s.cast(to, s.from(n)); }),
                listed ? "" : "V012")
          << static_cast<int>(from) << " to " << static_cast<int>(to);
    }
  }
}

TEST(ValidateExpressions, NothingButBytesIsCastToBytes) {
  EXPECT_EQ(of_value([](Stage& s) { return s.cast(TypeTag::Bytes, s.u32(1)); }), "V023");
  EXPECT_EQ(of_value([](Stage& s) { return s.cast(TypeTag::Bytes, s.from("free")); }), "");
}

TEST(ValidateExpressions, ParametrisedTypesAreEqualWhenTheirParametersAre) {
  const auto cast_between = [](std::uint32_t a, std::uint32_t b) {
    return of([&](Stage& s) {
      vir::DataType type;
      type.tag = TypeTag::Handle;
      type.a = a;
      const vir::TypeId first = s.program.add_type(type);
      type.a = b;
      const vir::TypeId second = s.program.add_type(type);
      s.buffer("h", Access::ReadOnly, first, 4);
      return Nodes{s.let("x", s.cast(second, s.from("h")))};
    });
  };
  EXPECT_EQ(cast_between(7, 7), "");
  EXPECT_EQ(cast_between(7, 8), "V012");
}

TEST(ValidateExpressions, CallsAreRefusedByName) {
  Stage s;
  s.body({s.let("x", s.call("math.op", {s.u32(1), s.var("unbound")}))});
  EXPECT_EQ(codes(s.program), "V006 V016");
  s.body({s.let("y", s.call("math.op", {s.u32(1)}))});
  EXPECT_EQ(codes(s.program), "V016");
  EXPECT_NE(vir::diagnose(s.program).front().message.find("math.op"), std::string::npos);
}

TEST(ValidateExpressions, OpaqueExpressionsAndBufferReferencesAreRefusedByName) {
  EXPECT_EQ(of_value([](Stage& s) { return s.named(ExprTag::Opaque, "vyre.literal.u64"); }),
            "V030");
  EXPECT_EQ(of_value([](Stage& s) { return s.named(ExprTag::BufferRef, "u"); }), "V125");
}

TEST(ValidateExpressions, SubgroupOperationsAreAccepted) {
  EXPECT_EQ(of([](Stage& s) {
              const ExprId add = s.subgroup(ExprTag::SubgroupAdd, {s.from("f")});
              const ExprId shuffle = s.subgroup(ExprTag::SubgroupShuffle, {s.from("i"), s.lid()});
              const ExprId ballot = s.subgroup(ExprTag::SubgroupBallot, {s.from("b")});
              return Nodes{s.store("out_f", s.u32(0), add), s.store("out_i", s.u32(0), shuffle),
                           s.store("out", s.u32(0), ballot),
                           s.store("out", s.u32(1), s.subgroup(ExprTag::SubgroupSize))};
            }),
            "");
}

}  // namespace
}  // namespace vyre::test
