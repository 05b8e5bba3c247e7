// Canonical f32: the boundary cases where other definitions differ, and properties over many bit
// patterns.
#include "core/f32.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace vyre {
namespace {

namespace f32 = core::f32;

float bits(std::uint32_t b) {
  return f32::from_bits(b);
}
std::uint32_t of(float f) {
  return f32::to_bits(f);
}

/// A few hundred thousand patterns: every exponent with varied fractions, both signs.
template <class Use>
void for_patterns(Use use) {
  std::uint32_t noise = 0x9E3779B9u;
  for (std::uint32_t high = 0; high < 512; ++high) {
    for (std::uint32_t i = 0; i < 400; ++i) {
      noise = noise * 1664525u + 1013904223u;
      std::uint32_t fraction = noise >> 9;
      if (i == 0) fraction = 0;
      if (i == 1) fraction = 1;
      if (i == 2) fraction = 0x7FFFFFu;
      use(high << 23 | fraction);
    }
  }
}

TEST(CanonicalF32, HasOneNan) {
  EXPECT_EQ(of(f32::canonical(bits(0x7F800001u))), 0x7FC00000u);
  EXPECT_EQ(of(f32::canonical(bits(0xFFC12345u))), 0x7FC00000u);
  EXPECT_EQ(of(f32::canonical(bits(0x7F800000u))), 0x7F800000u);
  EXPECT_EQ(of(f32::canonical(bits(0xFF800000u))), 0xFF800000u);
}

TEST(CanonicalF32, FlushesSubnormalsToTheZeroOfTheirSign) {
  EXPECT_EQ(of(f32::canonical(bits(0x00000001u))), 0x00000000u);
  EXPECT_EQ(of(f32::canonical(bits(0x807FFFFFu))), 0x80000000u);
  EXPECT_EQ(of(f32::canonical(bits(0x00800000u))), 0x00800000u);
  EXPECT_EQ(of(f32::canonical(bits(0x80800000u))), 0x80800000u);
}

TEST(CanonicalF32, RoundsBeforeItFlushes) {
  EXPECT_EQ(of(f32::mul(bits(0x00FFFFFFu), 0.5f)), 0x00800000u);
  EXPECT_EQ(of(f32::mul(bits(0x00FFFFFEu), 0.5f)), 0x00000000u);
  EXPECT_EQ(of(f32::fma(bits(0x00FFFFFFu), 0.5f, 0.0f)), 0x00800000u);
  EXPECT_EQ(of(f32::sub(bits(0x00800001u), bits(0x00800000u))), 0u);
  EXPECT_EQ(of(f32::sub(bits(0x00800000u), bits(0x00800001u))), 0x80000000u);
}

TEST(CanonicalF32, DivisionByZeroIsInfinityOrNan) {
  EXPECT_EQ(of(f32::div(1.0f, 0.0f)), 0x7F800000u);
  EXPECT_EQ(of(f32::div(-1.0f, 0.0f)), 0xFF800000u);
  EXPECT_EQ(of(f32::div(0.0f, -0.0f)), 0x7FC00000u);
}

TEST(CanonicalF32, FusedMultiplyAddRoundsOnce) {
  const float x = bits(0x3F800001u);  // 1 + 2^-23; x * x - (1 + 2^-22) is 2^-46
  EXPECT_EQ(f32::fma(x, x, -bits(0x3F800002u)), 0x1p-46f);
  EXPECT_EQ(f32::sub(f32::mul(x, x), bits(0x3F800002u)), 0.0f);
}

TEST(CanonicalF32, MinAndMaxPreferNumbersToNan) {
  const float nan = bits(f32::kNanBits);
  EXPECT_EQ(f32::min(nan, 2.0f), 2.0f);
  EXPECT_EQ(f32::min(2.0f, nan), 2.0f);
  EXPECT_EQ(f32::max(nan, -2.0f), -2.0f);
  EXPECT_EQ(f32::max(-2.0f, nan), -2.0f);
  EXPECT_EQ(of(f32::min(nan, nan)), f32::kNanBits);
  EXPECT_EQ(of(f32::max(nan, nan)), f32::kNanBits);
  EXPECT_EQ(f32::min(-1.0f, bits(f32::kInfBits)), -1.0f);
  EXPECT_EQ(f32::max(-1.0f, bits(f32::kInfBits)), bits(f32::kInfBits));
}

TEST(CanonicalF32, MinAndMaxOfTheTwoZerosGiveTheLeftOne) {
  EXPECT_EQ(of(f32::min(0.0f, -0.0f)), 0x00000000u);
  EXPECT_EQ(of(f32::min(-0.0f, 0.0f)), 0x80000000u);
  EXPECT_EQ(of(f32::max(0.0f, -0.0f)), 0x00000000u);
  EXPECT_EQ(of(f32::max(-0.0f, 0.0f)), 0x80000000u);
}

TEST(CanonicalF32, SignOfZeroIsPlusZero) {
  EXPECT_EQ(of(f32::sign(-0.0f)), 0u);
  EXPECT_EQ(of(f32::sign(0.0f)), 0u);
  EXPECT_EQ(f32::sign(-3.5f), -1.0f);
  EXPECT_EQ(f32::sign(bits(f32::kInfBits)), 1.0f);
  EXPECT_EQ(of(f32::sign(bits(f32::kNanBits))), f32::kNanBits);
}

TEST(CanonicalF32, RoundsHalfAwayFromZero) {
  EXPECT_EQ(f32::round(2.5f), 3.0f);
  EXPECT_EQ(f32::round(-2.5f), -3.0f);
  EXPECT_EQ(f32::round(0.5f), 1.0f);
  EXPECT_EQ(of(f32::round(bits(0x3EFFFFFFu))), 0u);  // just below one half
  EXPECT_EQ(of(f32::round(-0.25f)), 0x80000000u);
  EXPECT_EQ(f32::round(8388609.0f), 8388609.0f);
}

TEST(CanonicalF32, RoundingAgreesWithTheCLibraryEverywhere) {
  for_patterns([](std::uint32_t b) {
    const float x = f32::canonical(bits(b));
    ASSERT_EQ(of(f32::trunc(x)), f32::canonical_bits(of(std::trunc(x)))) << std::hex << b;
    ASSERT_EQ(of(f32::floor(x)), f32::canonical_bits(of(std::floor(x)))) << std::hex << b;
    ASSERT_EQ(of(f32::ceil(x)), f32::canonical_bits(of(std::ceil(x)))) << std::hex << b;
    ASSERT_EQ(of(f32::round(x)), f32::canonical_bits(of(std::round(x)))) << std::hex << b;
    ASSERT_EQ(of(f32::sqrt(x)), f32::canonical_bits(of(std::sqrt(x)))) << std::hex << b;
  });
}

TEST(CanonicalF32, ResultsStayCanonical) {
  std::uint32_t previous = 0x3F800000u;
  for_patterns([&](std::uint32_t b) {
    const float x = f32::canonical(bits(b));
    const float y = f32::canonical(bits(previous));
    previous = b * 2654435761u;
    for (const float r : {f32::add(x, y), f32::sub(x, y), f32::mul(x, y), f32::div(x, y),
                          f32::fma(x, y, x), f32::negate(x), f32::abs(x), f32::min(x, y),
                          f32::max(x, y), f32::inverse_sqrt(x), f32::reciprocal(x)}) {
      ASSERT_EQ(of(r), f32::canonical_bits(of(r))) << std::hex << b;
    }
  });
}

TEST(CanonicalF32, ConversionToIntegersTruncatesAndSaturates) {
  EXPECT_EQ(f32::to_u32(bits(f32::kNanBits)), 0u);
  EXPECT_EQ(f32::to_u32(-1.0f), 0u);
  EXPECT_EQ(f32::to_u32(-0.0f), 0u);
  EXPECT_EQ(f32::to_u32(1.99f), 1u);
  EXPECT_EQ(f32::to_u32(4294967040.0f), 4294967040u);
  EXPECT_EQ(f32::to_u32(4294967296.0f), 0xFFFFFFFFu);
  EXPECT_EQ(f32::to_u32(bits(f32::kInfBits)), 0xFFFFFFFFu);
  EXPECT_EQ(f32::to_i32(bits(f32::kNanBits)), 0);
  EXPECT_EQ(f32::to_i32(-1.99f), -1);
  EXPECT_EQ(f32::to_i32(2147483520.0f), 2147483520);
  EXPECT_EQ(f32::to_i32(2147483648.0f), std::numeric_limits<std::int32_t>::max());
  EXPECT_EQ(f32::to_i32(-2147483648.0f), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(f32::to_i32(-3e9f), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(f32::to_i32(-bits(f32::kInfBits)), std::numeric_limits<std::int32_t>::min());
}

TEST(CanonicalF32, ConversionFromIntegersRoundsToNearestEven) {
  EXPECT_EQ(of(f32::from_u32(0xFFFFFFFFu)), 0x4F800000u);
  EXPECT_EQ(f32::from_u32(16777217u), 16777216.0f);
  EXPECT_EQ(f32::from_u32(16777219u), 16777220.0f);
  EXPECT_EQ(f32::from_i32(-16777217), -16777216.0f);
  // Halfway but for the last bit: a conversion by way of double would round twice.
  EXPECT_EQ(of(f32::from_u64(0x8000008000000001u)), 0x5F000001u);
  EXPECT_EQ(of(f32::from_u64(0x8000008000000000u)), 0x5F000000u);
}

}  // namespace
}  // namespace vyre
