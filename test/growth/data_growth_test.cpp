// What is read beside programs: JSON, pattern sets. Four times the data takes at most six times as
// long.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "builtin/literals.hpp"
#include "protocol/limits.hpp"
#include "report/json_guard.hpp"
#include "report/report.hpp"
#include "support/growth.hpp"

namespace vyre::report {
namespace {

std::string numbered(std::size_t n, const char* before, const char* after) {
  std::string text;
  for (std::size_t k = 0; k < n; ++k) {
    text += (k != 0 ? "," : "") + (before + std::to_string(k)) + after;
  }
  return text;
}

void judge_json(const std::string& small, const std::string& large) {
  const auto refused = [](const std::string& text) {
    EXPECT_FALSE(from_json(text).has_value());  // it is no report, which is seen after parsing
  };
  test::expect_near_linear(
      "json", [&] { refused(small); }, [&] { refused(large); });
}

TEST(DataGrowth, ManyKeysOfAnObjectTakeNoLongerEachThanFew) {
  const auto keys = [](std::size_t n) { return "{" + numbered(n, "\"k", "\":1") + "}"; };
  judge_json(keys(10'000), keys(40'000));
}

TEST(DataGrowth, OneKeyGivenOftenTakesNoLongerEachTime) {
  const auto keys = [](std::size_t n) {
    std::string text = "{\"k\":0";
    for (std::size_t k = 0; k < n; ++k) text += ",\"k\":1";
    return text + "}";
  };
  judge_json(keys(20'000), keys(80'000));
}

TEST(DataGrowth, ManyElementsOfAnArrayTakeNoLongerEachThanFew) {
  const auto array = [](std::size_t n) { return "{\"a\":[" + numbered(n, "", "") + "]}"; };
  judge_json(array(20'000), array(80'000));
}

TEST(DataGrowth, NestedObjectsTakeNoLongerThanFlatOnes) {
  const auto nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t d = 0; d < depth; ++d)
      text += "{\"b\":{" + numbered(500, "\"k", "\":1") + "},\"a\":";
    return text + "1" + std::string(depth, '}');
  };
  judge_json(nested(15), nested(60));
}

TEST(DataGrowth, AJsonTreeThatWouldNotFitItsBudgetIsRefusedBeforeItIsMade) {
  const std::string few = "[" + std::string(2 * 1'000, ',') + "]";
  EXPECT_EQ(json_shape(few).values, 2'001u);
  std::string many = "{\"a\":[0";
  for (std::uint32_t k = 0; k <= kMaxJsonValues; ++k) many += ",0";
  many += "]}";
  const auto refused = from_json(many);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
  EXPECT_NE(refused.error().message.find(std::to_string(kMaxJsonValues)), std::string::npos);
}

TEST(DataGrowth, WhatAParserSaysOfALongTokenFitsALine) {
  const auto refused = from_json("{\"a\": " + std::string(1 << 20, 'x') + "}");
  ASSERT_FALSE(refused.has_value());
  EXPECT_LT(refused.error().message.size(), 400u);
}

TEST(DataGrowth, ManyPatternsTakeNoLongerEachThanFew) {
  const auto set_of = [](std::size_t n) {
    std::vector<std::string> patterns;
    for (std::size_t k = 0; k < n; ++k) patterns.push_back("p" + std::to_string(k * 7'919) + "q");
    return patterns;
  };
  const auto compile = [](const std::vector<std::string>& patterns) {
    std::vector<ByteSpan> spans;
    for (const std::string& p : patterns)
      spans.emplace_back(reinterpret_cast<const std::uint8_t*>(p.data()), p.size());
    EXPECT_TRUE(builtin::compile_literals(spans, {}).has_value());
  };
  const auto small = set_of(3'000);
  const auto large = set_of(12'000);
  test::expect_near_linear(
      "literals", [&] { compile(small); }, [&] { compile(large); });
}

}  // namespace
}  // namespace vyre::report
