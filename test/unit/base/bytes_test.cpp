#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace vyre {
namespace {

TEST(Hex, RoundTripsEveryByteInBothCases) {
  Bytes all(256);
  for (int i = 0; i < 256; ++i) all[i] = static_cast<std::uint8_t>(i);
  const std::string text = to_hex(all);
  EXPECT_EQ(from_hex(text).value(), all);
  std::string upper = text;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(from_hex(upper).value(), all);
}

TEST(Hex, BadDigitIsRefusedWithItsOffset) {
  const auto bad = from_hex("00112g");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::malformed);
  EXPECT_EQ(bad.error().offset, 5u);
  EXPECT_FALSE(from_hex("0"));
}

}  // namespace
}  // namespace vyre
