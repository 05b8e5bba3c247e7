// Which operand types each operator takes, as a table: every pair of types on every operator.
#include <gtest/gtest.h>

#include <set>

#include "verdict.hpp"

namespace vyre::test {
namespace {

constexpr const char* kSources[] = {"u", "i", "f", "b", "u64", "i64", "u8", "f16", "f64", "v2"};

std::string binary(BinOp op, const char* left, const char* right) {
  return of_value([&](Stage& s) { return s.bin(op, s.from(left), s.from(right)); });
}
std::string unary(UnOp op, const char* operand) {
  return of_value([&](Stage& s) { return s.un(op, s.from(operand)); });
}

/// Every pair: accepted where `accepts(left, right)`, refused with `code` elsewhere.
template <class Accepts>
void expect_pairs(std::initializer_list<BinOp> ops, const std::string& code, Accepts accepts) {
  for (const BinOp op : ops) {
    for (const char* left : kSources) {
      for (const char* right : kSources) {
        EXPECT_EQ(binary(op, left, right),
                  accepts(std::string(left), std::string(right)) ? "" : code)
            << static_cast<int>(op) << " of " << left << " and " << right;
      }
    }
  }
}

TEST(ValidateOperators, ArithmeticTakesTwoOfOneTypeAndNoBoolOr64Bits) {
  const std::set<std::string> types{"u", "i", "f", "f16", "f64"};
  expect_pairs(
      {BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::Div, BinOp::Min, BinOp::Max}, "V111",
      [&](const std::string& a, const std::string& b) { return a == b && types.contains(a); });
}

TEST(ValidateOperators, RemainderAndBitsTakeTwoU32OrTwoI32) {
  expect_pairs(
      {BinOp::Mod, BinOp::BitAnd, BinOp::BitOr, BinOp::BitXor}, "V112",
      [](const std::string& a, const std::string& b) { return a == b && (a == "u" || a == "i"); });
}

TEST(ValidateOperators, ShiftsAndRotatesTakeTwoU32) {
  expect_pairs({BinOp::Shl, BinOp::Shr, BinOp::RotateLeft, BinOp::RotateRight}, "V113",
               [](const std::string& a, const std::string& b) { return a == "u" && b == "u"; });
}

TEST(ValidateOperators, LogicTakesU32OrBoolOnEitherSide) {
  const std::set<std::string> types{"u", "b"};
  expect_pairs({BinOp::And, BinOp::Or}, "V114", [&](const std::string& a, const std::string& b) {
    return types.contains(a) && types.contains(b);
  });
}

TEST(ValidateOperators, ComparisonsTakeTwoOfOneType) {
  expect_pairs({BinOp::Eq, BinOp::Ne, BinOp::Lt, BinOp::Gt, BinOp::Le, BinOp::Ge}, "V115",
               [](const std::string& a, const std::string& b) { return a == b; });
}

TEST(ValidateOperators, SaturationTakesTwoU32) {
  expect_pairs({BinOp::SaturatingAdd, BinOp::SaturatingSub, BinOp::SaturatingMul}, "V116",
               [](const std::string& a, const std::string& b) { return a == "u" && b == "u"; });
}

TEST(ValidateOperators, AbsoluteDifferenceTakesTwoU32) {
  expect_pairs({BinOp::AbsDiff}, "V117",
               [](const std::string& a, const std::string& b) { return a == "u" && b == "u"; });
}

TEST(ValidateOperators, WrappingOperatorsAndMulHighAreNotTypedAtAll) {
  expect_pairs({BinOp::WrappingAdd, BinOp::WrappingSub, BinOp::MulHigh}, "never",
               [](const std::string&, const std::string&) { return true; });
}

TEST(ValidateOperators, WaveOperatorsAreNoBinaryOperators) {
  expect_pairs({BinOp::Shuffle, BinOp::Ballot, BinOp::WaveReduce, BinOp::WaveBroadcast}, "V118",
               [](const std::string&, const std::string&) { return false; });
}

TEST(ValidateOperators, UnaryOperatorsTakeWhatTheirTableSays) {
  using Types = std::set<std::string>;
  for (int number = 1; number <= static_cast<int>(UnOp::Reciprocal); ++number) {
    const auto op = static_cast<UnOp>(number);
    Types types{"f"};
    if (op == UnOp::Negate) types = {"u", "f"};
    if (op == UnOp::LogicalNot) types = {"u", "b"};
    if (op == UnOp::BitNot || op == UnOp::Popcount || op == UnOp::Clz || op == UnOp::Ctz ||
        op == UnOp::ReverseBits) {
      types = {"u", "i", "u64"};
    }
    if (op >= UnOp::Unpack4Low && op <= UnOp::Unpack8High) types = {};
    for (const char* source : kSources) {
      EXPECT_EQ(unary(op, source), types.contains(source) ? "" : "V119") << number << source;
    }
  }
}

TEST(ValidateOperators, ResultsHaveUpstreamsTypes) {
  const auto stored = [](const char* name, auto make) {
    return of([&](Stage& s) { return Nodes{s.store(name, s.u32(0), make(s))}; });
  };
  // The same type in as out.
  EXPECT_EQ(stored("out_i", [](Stage& s) { return s.bin(BinOp::Min, s.i32(1), s.i32(2)); }), "");
  EXPECT_EQ(stored("out_f", [](Stage& s) { return s.bin(BinOp::Div, s.f32(1), s.f32(2)); }), "");
  EXPECT_EQ(stored("out_i", [](Stage& s) { return s.un(UnOp::Popcount, s.i32(1)); }), "");
  EXPECT_EQ(stored("out_f", [](Stage& s) { return s.un(UnOp::Sqrt, s.f32(1)); }), "");
  // Quirk: u32 for i32 operands.
  for (const BinOp op : {BinOp::Mod, BinOp::BitXor, BinOp::WrappingAdd, BinOp::MulHigh}) {
    EXPECT_EQ(stored("out", [&](Stage& s) { return s.bin(op, s.i32(1), s.i32(2)); }), "");
    EXPECT_EQ(stored("out_i", [&](Stage& s) { return s.bin(op, s.i32(1), s.i32(2)); }), "V110");
  }
  // Truth is bool, and a bool is not a u32.
  for (const BinOp op : {BinOp::Lt, BinOp::And}) {
    EXPECT_EQ(stored("out_b", [&](Stage& s) { return s.bin(op, s.u32(1), s.u32(2)); }), "");
    EXPECT_EQ(stored("out", [&](Stage& s) { return s.bin(op, s.u32(1), s.u32(2)); }), "V110");
  }
  EXPECT_EQ(stored("out_b", [](Stage& s) { return s.un(UnOp::LogicalNot, s.u32(1)); }), "");
  EXPECT_EQ(stored("out_b", [](Stage& s) { return s.un(UnOp::IsNan, s.f32(1)); }), "");
  EXPECT_EQ(stored("out", [](Stage& s) { return s.from("b"); }), "V110");
}

TEST(ValidateOperators, ALiteralZeroDivisorIsRefusedThroughCasts) {
  const auto by = [](BinOp op, auto make) {
    return of_value([&](Stage& s) {
      const auto [left, right] = make(s);
      return s.bin(op, left, right);
    });
  };
  using Pair = std::pair<ExprId, ExprId>;
  for (const BinOp op : {BinOp::Div, BinOp::Mod}) {
    EXPECT_EQ(by(op, [](Stage& s) { return Pair{s.from("u"), s.u32(0)}; }), "V044");
    EXPECT_EQ(by(op, [](Stage& s) { return Pair{s.from("i"), s.i32(0)}; }), "V044");
    EXPECT_EQ(by(op, [](Stage& s) { return Pair{s.from("u"), s.u32(1)}; }), "");
    EXPECT_EQ(by(op, [](Stage& s) { return Pair{s.from("u"), s.from("u")}; }), "");
    EXPECT_EQ(by(op,
                 [](Stage& s) {
                   return Pair{s.from("u"), s.cast(TypeTag::U32, s.cast(TypeTag::I32, s.u32(0)))};
                 }),
              "V044");
    EXPECT_EQ(by(op, [](Stage& s) { return Pair{s.u32(0), s.u32(3)}; }), "");
  }
  EXPECT_EQ(by(BinOp::Div, [](Stage& s) { return Pair{s.from("f"), s.f32(0.0f)}; }), "V044");
  EXPECT_EQ(by(BinOp::Div, [](Stage& s) { return Pair{s.from("f"), s.f32(-0.0f)}; }), "V044");
  EXPECT_EQ(by(BinOp::Div, [](Stage& s) { return Pair{s.from("f"), s.f32(0.5f)}; }), "");
  EXPECT_EQ(by(BinOp::Mul, [](Stage& s) { return Pair{s.from("u"), s.u32(0)}; }), "");
}

TEST(ValidateOperators, ExtensionsAreRefusedByName) {
  EXPECT_EQ(of_value([](Stage& s) { return s.bin(BinOp::Extension, s.u32(1), s.i32(1)); }), "V124");
  EXPECT_EQ(of_value([](Stage& s) { return s.un(UnOp::Extension, s.from("i64")); }), "V124");
  EXPECT_EQ(
      of_value([](Stage& s) { return s.atomic(AtomicOp::Extension, "out", s.u32(0), s.u32(1)); }),
      "V124");
}

}  // namespace
}  // namespace vyre::test
