#include "base/message.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace vyre {
namespace {

TEST(Message, ValuesStandWhereThePatternHasTheirPlaces) {
  const std::string name = "a.vir";
  EXPECT_EQ(message("'{}' has {} bytes", name, 7u), "'a.vir' has 7 bytes");
  EXPECT_EQ(message("{}{}", "a", std::string_view{"b"}), "ab");
  EXPECT_EQ(message("nothing"), "nothing");
}

TEST(Message, NumbersOfEveryWidthAreWholeAndSigned) {
  EXPECT_EQ(message("{} {}", std::uint8_t{200}, std::int8_t{-3}), "200 -3");
  EXPECT_EQ(message("{}", std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(message("{}", std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

TEST(Message, BracesInValuesAndDoubledBracesAreText) {
  EXPECT_EQ(message("{}: {}", "{}", 1), "{}: 1");
  EXPECT_EQ(message("{{}} {{{}}}", 1), "{} {1}");
}

}  // namespace
}  // namespace vyre
