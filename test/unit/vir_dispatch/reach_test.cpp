// How programs reach the bytes of their buffers: what decides whether a file has to be resident.
#include <gtest/gtest.h>

#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"

namespace vyre::vir {
namespace {

std::string reach_of_x(const std::string& body) {
  const auto program = assemble(
      "workgroup 1, 1, 1;\n"
      "buffer x: u32[] read_only;\n"
      "buffer y: u32[16] read_write output live_out;\n"
      "buffer w: u32[16] workgroup;\n"
      "region \"r\" { " +
      body + " }\n");
  if (!program) return to_string(program.error());
  const auto reach = buffer_reach(*program);
  if (reach.size() != 3) return "wrong size";
  return std::string(reach[0].plain ? "plain" : "") + (reach[0].copied_from ? " copied" : "");
}

TEST(BufferReach, ASourceOfCopiesWhoseLengthIsAskedIsNotReachedOtherwise) {
  EXPECT_EQ(reach_of_x("y[0] = 1;"), "");
  EXPECT_EQ(reach_of_x("y[0] = len(x);"), "");
  EXPECT_EQ(reach_of_x("async_load(x, w, 0, 16, \"t\"); async_wait(\"t\"); y[0] = w[0];"),
            " copied");
  EXPECT_EQ(reach_of_x("if gid.x < len(x) { async_load(x, w, 0, len(x), \"t\"); "
                       "async_wait(\"t\"); }"),
            " copied");
}

TEST(BufferReach, ALoadAnywhereIsPlain) {
  EXPECT_EQ(reach_of_x("y[0] = x[0];"), "plain");
  EXPECT_EQ(reach_of_x("y[x[0]] = 1;"), "plain");
  EXPECT_EQ(reach_of_x("if x[0] == 1 { y[0] = 1; }"), "plain");
  EXPECT_EQ(reach_of_x("if gid.x == 7 { for i in 0..4 { y[i] = w[i] + x[i]; } }"), "plain");
  EXPECT_EQ(reach_of_x("for i in 0..x[1] { y[0] = 1; }"), "plain");
  EXPECT_EQ(reach_of_x("let a = 1 + (2 * x[3]); y[0] = a;"), "plain");
}

TEST(BufferReach, ALoadThatFoldsAwayIsPlainAllTheSame) {
  EXPECT_EQ(reach_of_x("if 1 == 2 { y[0] = x[0]; }"), "plain");
}

TEST(BufferReach, ALoadInTheOffsetOrSizeOfItsOwnCopyIsBoth) {
  EXPECT_EQ(reach_of_x("async_load(x, w, x[0], 16, \"t\"); async_wait(\"t\");"), "plain copied");
}

TEST(BufferReach, DestinationsAndStoresArePlain) {
  const auto program = assemble(
      "workgroup 1, 1, 1;\n"
      "buffer a: u32[] read_only;\n"
      "buffer d: u32[16] read_write output live_out;\n"
      "buffer s: u32[16] read_write;\n"
      "buffer k: u32[16] read_write;\n"
      "region \"r\" { async_load(a, d, 0, 16, \"t\"); async_wait(\"t\"); s[0] = 1; "
      "k[0] = atomic_add(k[1], 2); }\n");
  if (!program) GTEST_FAIL() << to_string(program.error());
  const auto reach = buffer_reach(*program);
  ASSERT_EQ(reach.size(), 4u);
  EXPECT_FALSE(reach[0].plain);
  EXPECT_TRUE(reach[1].plain);
  EXPECT_FALSE(reach[1].copied_from);
  EXPECT_TRUE(reach[2].plain);
  EXPECT_TRUE(reach[3].plain);
}

}  // namespace
}  // namespace vyre::vir
