#include "base/decimal.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace vyre {
namespace {

float value_of(const std::string& text) {
  float value = 77;
  EXPECT_EQ(read_f32(text, value), DecimalVerdict::number) << text;
  return value;
}

DecimalVerdict verdict_of(const std::string& text) {
  float value = 77;
  const DecimalVerdict verdict = read_f32(text, value);
  if (verdict != DecimalVerdict::number) {
    EXPECT_EQ(value, 77) << text;
  }
  return verdict;
}

TEST(Decimal, WhatIsBelowTheLeastFloatIsAZeroOfItsSign) {
  const std::string zeros(400, '0');
  for (const std::string& text :
       {std::string("1e-46"), std::string("1e-99"), std::string("7e-46"), "0." + zeros + "1",
        "0." + zeros + "1e300", std::string("1e-99999999999999999999999"), "9" + zeros + "e-999"}) {
    EXPECT_EQ(value_of(text), 0.0F) << text;
    EXPECT_FALSE(std::signbit(value_of(text))) << text;
    EXPECT_TRUE(std::signbit(value_of("-" + text))) << text;
  }
}

TEST(Decimal, SubnormalsAndTheirHalvesAreRoundedAndNotDropped) {
  constexpr float kLeast = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(value_of("1.4e-45"), kLeast);
  EXPECT_EQ(value_of("0.8e-45"), kLeast);
  EXPECT_EQ(value_of("-0.8e-45"), -kLeast);
  EXPECT_EQ(value_of("1e-40"), 1e-40F);
}

TEST(Decimal, WhatWouldBeInfinityIsRefused) {
  const std::string nines(60, '9');
  for (const std::string& text :
       {std::string("1e39"), std::string("-1e39"), std::string("3.4028236e38"), nines,
        "0.1" + nines + "e99", std::string("1e99999999999999999999999")}) {
    EXPECT_EQ(verdict_of(text), DecimalVerdict::beyond_f32) << text;
  }
  EXPECT_EQ(value_of("3.4028235e38"), std::numeric_limits<float>::max());
  EXPECT_EQ(value_of("0e99999"), 0.0F);
}

TEST(Decimal, InfinityAndNanAreSpelledOut) {
  EXPECT_TRUE(std::isinf(value_of("inf")));
  EXPECT_TRUE(std::isinf(value_of("-inf")));
  EXPECT_TRUE(std::isnan(value_of("nan")));
}

TEST(Decimal, AnythingElseIsNoNumber) {
  for (const char* const text : {"", "-", "+1", " 1", "1 ", "1e", "e5", "1.5f", "0x10", "1,5", "."})
    EXPECT_EQ(verdict_of(text), DecimalVerdict::malformed) << text;
}

}  // namespace
}  // namespace vyre
