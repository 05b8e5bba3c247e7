// --bind takes numbers as their type takes them: rounded, in range, or refused with the range.
#include <gtest/gtest.h>

#include <string>

#include "process.hpp"

namespace vyre::test {
namespace {

/// Returns its input word for word.
std::string copy_of(const std::string& type) {
  return "workgroup 1, 1, 1; buffer a: " + type + "[] read_only; buffer o: " + type +
         "[1] read_write live_out; region \"r\" { o[0] = a[0]; }";
}

TEST(CliBind, FloatsBelowTheLeastAreZeros) {
  for (const char* const value :
       {"1e-46", "1e-60", "0.00000000000000000000000000000000000000000000001"}) {
    const Ran ran = vyre({"run", "-", "--bind", std::string("a=f32:") + value}, {copy_of("f32")});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.out, "0\n") << value;
  }
}

TEST(CliBind, NumbersBeyondTheirTypeAreRefusedWithItsRange) {
  for (const auto& [type, value, range] :
       {std::tuple("u32", "4294967296", "0 to 4294967295"),
        std::tuple("i32", "-2147483649", "-2147483648 to 2147483647"),
        std::tuple("f32", "1e39", "beyond f32")}) {
    const Ran ran =
        vyre({"run", "-", "--bind", std::string("a=") + type + ":1," + value}, {copy_of(type)});
    EXPECT_EQ(ran.exit_code, 2) << value;
    EXPECT_NE(ran.err.find(std::string("'") + value + "' is beyond"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find(range), std::string::npos) << ran.err;
  }
}

}  // namespace
}  // namespace vyre::test
