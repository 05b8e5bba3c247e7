// How outputs are compared: bytes, and f32 by units in the last place.
#include "conformance/compare.hpp"

#include <gtest/gtest.h>

#include "base/ulp.hpp"
#include "vir/program/transcendentals.hpp"

namespace vyre::conformance {
namespace {

Bytes words(std::initializer_list<std::uint32_t> values) {
  Bytes bytes;
  for (const std::uint32_t v : values) append_le(bytes, v);
  return bytes;
}

TEST(UlpDistance, CountsStepsOnTheSignMagnitudeOrder) {
  EXPECT_EQ(ulp_distance(0x3F80'0000u, 0x3F80'0000u), 0u);
  EXPECT_EQ(ulp_distance(0x3F80'0000u, 0x3F80'0003u), 3u);
  EXPECT_EQ(ulp_distance(0xBF80'0003u, 0xBF80'0000u), 3u);
  EXPECT_EQ(ulp_distance(0x8000'0000u, 0x0000'0000u), 1u) << "the two zeros are neighbours";
  EXPECT_EQ(ulp_distance(0x8000'0002u, 0x0000'0001u), 4u);
  EXPECT_EQ(ulp_distance(0x7F7F'FFFFu, 0x7F80'0000u), 1u) << "infinity follows the largest number";
}

TEST(UlpDistance, NanIsNearNothingButItsOwnBits) {
  EXPECT_EQ(ulp_distance(0x7FC0'0000u, 0x7FC0'0000u), 0u);
  EXPECT_EQ(ulp_distance(0x7FC0'0000u, 0x7FC0'0001u), ~std::uint64_t{0});
  EXPECT_EQ(ulp_distance(0x7F80'0000u, 0x7F80'0001u), ~std::uint64_t{0});
}

TEST(FirstDifference, ToleranceIsForFloatsOnly) {
  const Bytes a = words({0x3F80'0000u, 0x4000'0000u});
  const Bytes b = words({0x3F80'0002u, 0x4000'0000u});
  EXPECT_FALSE(first_difference(a, b, true, 2));
  EXPECT_TRUE(first_difference(a, b, true, 1));
  EXPECT_TRUE(first_difference(a, b, false, 2));
  EXPECT_FALSE(first_difference(a, a, false, 0));
}

TEST(FirstDifference, SaysWhereAndBothValues) {
  const auto why = first_difference(words({1, 2, 3}), words({1, 7, 3}), false, 0);
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("byte 4"), std::string::npos) << *why;
  EXPECT_NE(why->find("02000000"), std::string::npos) << *why;
  EXPECT_NE(why->find("07000000"), std::string::npos) << *why;
}

TEST(FirstDifference, LengthsAndTrailingBytesCount) {
  EXPECT_TRUE(first_difference(words({1}), words({1, 2}), false, 0));
  Bytes a = words({0x3F80'0000u});
  Bytes b = a;
  a.push_back(1);
  b.push_back(2);
  EXPECT_TRUE(first_difference(a, b, true, 1'000)) << "half an element is compared as bytes";
}

TEST(Transcendentals, AreOnlyTheFunctionsThatLibrariesComputeDifferently) {
  const auto with = [](vir::UnOp op) {
    vir::Program p;
    vir::Expr e;
    e.tag = vir::ExprTag::UnOp;
    e.op = static_cast<std::uint8_t>(op);
    p.add(e);
    return vir::uses_transcendentals(p);
  };
  EXPECT_TRUE(with(vir::UnOp::Sin));
  EXPECT_TRUE(with(vir::UnOp::Log2));
  EXPECT_FALSE(with(vir::UnOp::Sqrt));
  EXPECT_FALSE(with(vir::UnOp::InverseSqrt));
  EXPECT_FALSE(with(vir::UnOp::Reciprocal));
}

}  // namespace
}  // namespace vyre::conformance
