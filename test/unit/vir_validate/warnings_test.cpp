// What valid programs are warned of, and what they are not.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

std::string codes(const std::string& declarations, const std::string& body,
                  const std::string& workgroup = "64, 1, 1") {
  const auto program = vir::assemble("workgroup " + workgroup + "; " + declarations +
                                     " region \"r\" { " + body + " }");
  EXPECT_TRUE(program.has_value()) << to_string(program.error());
  if (!program) return "?";
  const auto valid = vir::validate(*program);
  EXPECT_TRUE(valid.has_value()) << body << ": " << to_string(valid.error());
  std::string all;
  for (const vir::Diagnostic& w : vir::warnings(*program)) {
    all += (all.empty() ? "" : " ") + w.code + "@" +
           (w.statement == vir::kNone ? "-" : std::to_string(w.statement));
  }
  return all;
}

const std::string kInOut =
    "buffer a: u32[] read_only; buffer o: u32[64] read_write output live_out;";

TEST(Warnings, BuffersThatTheRuntimeAllocatesWithoutElements) {
  EXPECT_EQ(codes("buffer a: u32[] read_only; buffer o: u32[] write_only;", "o[gid.x] = 1;"),
            "W001@-");
  EXPECT_EQ(codes("buffer a: u32[] read_only; buffer o: u32[] read_write;", "o[gid.x] = 1;"), "");
  EXPECT_EQ(codes(kInOut, "o[gid.x] = 1;"), "");
}

TEST(Warnings, OutputsThatNothingWrites) {
  const std::string two = "buffer p: u32[4] write_only; buffer q: u32[4] read_write live_out;";
  EXPECT_EQ(codes(two, "p[gid.x] = 1;"), "W004@-");
  EXPECT_EQ(codes(two, "p[gid.x] = 1; let x = atomic_add(q[0], 1);"), "");
  EXPECT_EQ(codes(two, "let x = gid.x;"), "W006@-") << "one warning says it all";
  EXPECT_EQ(codes("buffer a: u32[4] read_only; buffer w: u32[4] workgroup;", "w[lid.x] = a[0];"),
            "W006@-");
  EXPECT_EQ(codes("buffer a: u32[4] read_only;", "if a[0] == 1 { trap(0, \"bad\"); }"), "");
  EXPECT_EQ(codes("buffer a: u32[4] read_write; buffer b: u32[4] read_write;", "a[gid.x] = b[0];"),
            "")
      << "b is an input";
}

TEST(Warnings, LoopsBetweenLiteralsThatMakeNoPass) {
  EXPECT_EQ(codes(kInOut, "for i in 9..0 { o[gid.x] = i; }"), "W005@1");
  EXPECT_EQ(codes(kInOut, "for i in 4..4 { o[gid.x] = i; }"), "W005@1");
  EXPECT_EQ(codes(kInOut, "for i in 4..5 { o[gid.x] = i; }"), "");
  EXPECT_EQ(codes(kInOut, "for i in 4..len(a) { o[gid.x] = i; }"), "");
}

TEST(Warnings, MinimaAndConjunctionsOfZeros) {
  const std::string count = "buffer o: u32[64] read_write output live_out;";
  EXPECT_EQ(codes(count, "let x = atomic_min(o[0], gid.x);"), "W002@1");
  EXPECT_EQ(codes(count, "let x = atomic_and(o[0], gid.x); let y = atomic_min(o[1], gid.x);"),
            "W002@1")
      << "once a buffer";
  EXPECT_EQ(codes(count, "let x = 1 + atomic_and(o[0], gid.x);"), "W002@1");
  EXPECT_EQ(codes(count, "let x = atomic_max(o[0], gid.x);"), "");
  EXPECT_EQ(codes(count, "let x = atomic_or(o[1], gid.x); let y = atomic_and(o[1], gid.x);"), "");
  EXPECT_EQ(codes(count, "o[gid.x] = 4294967295; barrier; let x = atomic_min(o[0], gid.x);"), "");
  EXPECT_EQ(codes("buffer o: u32[64] read_write;", "let x = atomic_min(o[0], gid.x);"), "")
      << "the caller gives its first bytes";
}

TEST(Warnings, StoresOfEveryLaneToOneElement) {
  EXPECT_EQ(codes(kInOut, "o[0] = gid.x;"), "W003@1");
  EXPECT_EQ(codes(kInOut, "o[wid.x] = lid.x + 1;"), "W003@1");
  EXPECT_EQ(codes(kInOut, "o[len(a)] = a[gid.x];"), "W003@1");
  EXPECT_EQ(codes(kInOut, "let v = a[gid.x]; for i in 0..4 { o[i] = v; }"), "W003@3");
  EXPECT_EQ(
      codes("buffer w: u32[4] workgroup;" + kInOut, "w[1] = lid.x; barrier; o[gid.x] = w[1];"),
      "W003@1");
}

TEST(Warnings, AreNotGivenWhereOneLaneMayBeMeant) {
  EXPECT_EQ(codes(kInOut, "o[gid.x] = gid.x;"), "");
  EXPECT_EQ(codes(kInOut, "o[0] = 7;"), "") << "the same value from every lane is not evident";
  EXPECT_EQ(codes(kInOut, "o[0] = wid.x;"), "");
  EXPECT_EQ(codes(kInOut, "if lid.x == 0 { o[0] = gid.x; }"), "");
  EXPECT_EQ(codes(kInOut, "if lid.x != 0 { return; } o[0] = gid.x;"), "");
  EXPECT_EQ(codes(kInOut, "if len(a) == 3 { if lid.x != 0 { return; } } o[0] = gid.x;"), "");
  EXPECT_EQ(codes(kInOut, "for i in 0..a[lid.x] { o[0] = gid.x; }"), "");
  EXPECT_EQ(codes(kInOut, "if a[0] == 0 { o[0] = gid.x; }"), "") << "memory may differ by lane";
  EXPECT_EQ(codes(kInOut, "let i = 0; if a[0] == 0 { i = 1; } o[i] = gid.x;"), "");
  EXPECT_EQ(codes(kInOut, "o[0] = gid.x;", "1, 1, 1"), "");
  EXPECT_EQ(codes(kInOut, "if len(a) == 3 { o[0] = gid.x; }"), "W003@2")
      << "a condition that all lanes share guards nothing";
}

TEST(Warnings, SayNothingOfProgramsThatAreRefused) {
  const auto program = vir::assemble(
      "workgroup 64, 1, 1; buffer a: u32[4] read_only; region \"r\" { a[0] = gid.x; }");
  ASSERT_TRUE(program.has_value());
  ASSERT_FALSE(vir::validate(*program).has_value());
  EXPECT_TRUE(vir::warnings(*program).empty());
}

}  // namespace
}  // namespace vyre
