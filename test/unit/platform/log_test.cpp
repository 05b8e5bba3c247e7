#include "platform/log.hpp"

#include <gtest/gtest.h>

namespace vyre::platform {
namespace {

TEST(Log, UnknownLevelIsRefusedByNameAndChangesNothing) {
  ASSERT_TRUE(set_log_level("error"));
  const auto refused = set_log_level("loud");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("'loud'"), std::string::npos);
  EXPECT_EQ(log().level(), spdlog::level::err);
  ASSERT_TRUE(set_log_level("warn"));
  EXPECT_EQ(log().level(), spdlog::level::warn);
}

}  // namespace
}  // namespace vyre::platform
