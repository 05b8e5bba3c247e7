// Forms of the text that stand for others: each gives the program that a person would write without
// them, byte for byte, and says where it cannot.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/message.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre {
namespace {

const std::string kBuffers =
    "buffer text: u8[] read_only;\n"
    "buffer wide: u16[] read_only;\n"
    "buffer out: u32[64] read_write output live_out;\n"
    "buffer bytes: u8[64] read_write;\n";

vir::Program parsed(const std::string& statements) {
  const auto program = vir::assemble(kBuffers + "region \"r\" {\n" + statements + "\n}");
  EXPECT_TRUE(program.has_value()) << statements << ": " << to_string(program.error());
  return program.value_or(vir::Program());
}

/// Both give one program, in its tree, in its wire form and in its printed form.
void expect_same(const std::string& shorter, const std::string& longer) {
  const vir::Program a = parsed(shorter);
  const vir::Program b = parsed(longer);
  EXPECT_TRUE(vir::same_program(a, b)) << shorter << "\n" << vir::disassemble(a);
  EXPECT_EQ(vir::encode(a, vir::Profile::v4_0_6_3).value(),
            vir::encode(b, vir::Profile::v4_0_6_3).value())
      << shorter;
  EXPECT_EQ(vir::disassemble(a), vir::disassemble(b)) << shorter;
}

std::string complaint_of(const std::string& statements) {
  const auto program = vir::assemble(kBuffers + "region \"r\" {\n" + statements + "\n}");
  if (program) return "accepted";
  return message("{}:{} {}", program.error().line, program.error().column, program.error().message);
}

void expect_error(const std::string& statements, const std::string& part) {
  const std::string error = complaint_of(statements);
  EXPECT_NE(error.find(part), std::string::npos) << statements << "\n" << error;
}

TEST(TextSugar, WhatAConstKeepsRawIsForgottenWithIt) {
  const std::string body = "region \"r\" { out[0] = text[0] + 1; }";
  const auto with = vir::assemble("const X = 1 + raw(3);\n" + kBuffers + body);
  ASSERT_TRUE(with.has_value()) << to_string(with.error());
  EXPECT_TRUE(vir::same_program(*with, *vir::assemble(kBuffers + body)));
}

TEST(TextSugar, AnAssignmentWithAnOperatorReadsWhatItWrites) {
  expect_same("let x = 1; x += 2; x -= 3 * x; x <<= 1; x %= 5; x ^= x | 1;",
              "let x = 1; x = x + 2; x = x - 3 * x; x = x << 1; x = x % 5; x = x ^ (x | 1);");
  expect_same("out[gid.x + 1] += 2; out[0] |= out[1];",
              "out[gid.x + 1] = out[gid.x + 1] + 2; out[0] = out[0] | out[1];");
  expect_same("bytes[gid.x] += 1;", "bytes[gid.x] = u8(u32(bytes[gid.x]) + 1);");
  expect_error("out[atomic_add(out[0], 1)] += 1;",
               "6:1 the index is evaluated for the load and for the store, and it has an effect");
  EXPECT_EQ(complaint_of("let x = 1; x <= 2;").substr(0, 5), "6:14 ")
      << "a comparison, no assignment";
}

TEST(TextSugar, CharactersAreNumbersOfTheirBytes) {
  expect_same("let x = 'a' + '\\n' + '\\xff' + '\\'' + '\"' + '\\u{41}';",
              "let x = 97 + 10 + 255 + 39 + 34 + 65;");
  for (const char* const bad :
       {"let x = 'ab';", "let x = '';", "let x = '\xce\xbb';", "let x = 'a"})
    expect_error(bad, "one character of one byte");
}

TEST(TextSugar, NarrowElementsAreNumbersWhereANumberIsNeeded) {
  expect_same("if text[gid.x] == '\\n' && 9 < text[0] { out[text[1]] = text[2] + 1; }",
              "if u32(text[gid.x]) == 10 && 9 < u32(text[0]) { out[u32(text[1])] = u32(text[2]) + "
              "1; }");
  expect_same("let c = text[0]; let d = c; out[0] = min(d, wide[c]); out[1] = ~c;",
              "let c = text[0]; let d = c; out[0] = min(u32(d), u32(wide[u32(c)])); out[1] = "
              "~u32(c);");
  expect_same("for i in text[0]..text[1] { let before = atomic_add(out[text[i]], text[2]); }",
              "for i in u32(text[0])..u32(text[1]) { let before = atomic_add(out[u32(text[i])], "
              "u32(text[2])); }");
  expect_same("let x = text[0] + 1i; let y = i32(gid.x) < text[1];",
              "let x = i32(text[0]) + 1i; let y = i32(gid.x) < i32(text[1]);");
  expect_same("out[0] = text[0]; let c = text[1]; out[1] = c;",
              "out[0] = u32(text[0]); let c = text[1]; out[1] = u32(c);");
  // Copies of bytes stay copies of bytes.
  expect_same("bytes[0] = text[0]; let c = select(true, text[0], text[1]); bytes[1] = c;",
              "bytes[0] = raw(text[0]); let c = select(true, raw(text[0]), raw(text[1])); bytes[1] "
              "= c;");
}

TEST(TextSugar, ANarrowOperandThatAProgramHasIsPrintedAsRaw) {
  const vir::Program bare =
      parsed("let c = text[0]; let x = raw(text[0]) == raw(c); out[0] = raw(c);");
  const std::string text = vir::disassemble(bare);
  EXPECT_NE(text.find("let x = raw(text[0u]) == raw(c);\n  out[0u] = raw(c);"), std::string::npos)
      << text;
  EXPECT_TRUE(vir::same_program(bare, vir::assemble(text).value()));
}

TEST(TextSugar, AnAtomicWhoseOldValueIsNotWantedIsAStatement) {
  expect_same("atomic_add(out[0], 1);", "let before = atomic_add(out[0], 1);");
  expect_same("let before_2 = 1; atomic_or(out[0], 1); atomic_max(out[1], 2, order: relaxed);",
              "let before_2 = 1; let before = atomic_or(out[0], 1); let before_3 = "
              "atomic_max(out[1], 2, order: relaxed);");
  expect_same("atomic_add(out[0], 1); let before = 7;",
              "let before_2 = atomic_add(out[0], 1); let before = 7;");
  expect_error("atomic_ad(out[0], 1);", "6:1 unknown function 'atomic_ad'");
}

TEST(TextSugar, MatchesComparesTheBytesOfAText) {
  expect_same("if matches(text, gid.x, \"GET\") { }",
              "if u32(text[gid.x]) == 71 && u32(text[gid.x + 1]) == 69 && u32(text[gid.x + 2]) == "
              "84 { }");
  expect_same("let x = matches(text, 4, \"a\\n\");",
              "let x = u32(text[4]) == 97 && u32(text[5]) == 10;");
  expect_error("let x = matches(out, 0, \"a\");", "6:17 matches takes the bytes of a u8 buffer");
  expect_error("let x = matches(text, 0, \"\");", "1 to 64 bytes, here are 0");
  expect_error("let x = matches(text, atomic_add(out[0], 1), \"ab\");", "it has an effect");
}

TEST(TextSugar, WriteStoresTheBytesOfAText) {
  expect_same("write(bytes, gid.x * 2, \"ok\");",
              "{ bytes[gid.x * 2] = u8(111); bytes[gid.x * 2 + 1] = u8(107); }");
  expect_same("write(bytes, 7, \"\\n\");", "{ bytes[7] = u8(10); }");
  expect_error("write(out, 0, \"a\");", "6:7 write takes the bytes of a u8 buffer");
  expect_error("write(bytes, 0, \"\");", "1 to 64 bytes, here are 0");
  expect_error("write(bytes, atomic_add(out[0], 1), \"ab\");", "it has an effect");
}

TEST(TextSugar, AWhileIsABoundedLoopWithAFlag) {
  expect_same(
      "let x = gid.x; while x > 1 limit 32 { x = x / 2; }",
      "let x = gid.x; { let going = true; for pass in 0..32 { if going { if x > 1 { x = x / "
      "2; } else { going = false; } } } }");
  expect_error("let x = 1; while x > 1 { x = x / 2; }", "expected 'limit' and the most passes");
}

TEST(TextSugar, BreakAndContinueGuardWhatFollows) {
  expect_same(
      "for i in 0..9 { if i == 3 { break; } out[i] = i; }",
      "{ let going = true; for i in 0..9 { if going { if i == 3 { going = false; } if going "
      "{ out[i] = i; } } } }");
  expect_same(
      "for i in 0..9 { if i == 3 { continue; } out[i] = i; }",
      "for i in 0..9 { let rest = true; if i == 3 { rest = false; } if rest { out[i] = i; } "
      "}");
  expect_same(
      "for i in 0..9 { if i == 1 { break; } else { if i == 2 { continue; } out[1] = i; } out[2] = "
      "i; }",
      "{ let going = true; for i in 0..9 { if going { let rest = true; if i == 1 { going = false; "
      "} "
      "else { if i == 2 { rest = false; } if rest { out[1] = i; } } if going && rest { out[2] = i; "
      "} } } }");
  expect_same("for i in 0..9 { for j in 0..9 { if j == i { break; } } out[i] = i; }",
              "for i in 0..9 { { let going = true; for j in 0..9 { if going { if j == i { going = "
              "false; } } } } out[i] = i; }");
  expect_error("break;", "6:1 'break' stands in no loop");
  expect_error("for i in 0..9 { continue; out[0] = 1; }", "6:27 this statement can never run");
}

TEST(TextSugar, ConstantsAreLiteralsWhereTheyAreUsed) {
  const auto with = vir::assemble(
      "const TILE = 64;\nconst HALF = TILE / 2 + ('a' & 1);\nconst LOW = -3i * 2i;\nconst ON = "
      "!(HALF > TILE);\nconst PI = 3.25;\nworkgroup TILE, 1, 1;\nbuffer b: u32[TILE] read_write "
      "@HALF;\nregion \"r\" { if ON { b[HALF] = u32(LOW) + TILE; } let f = PI; }");
  ASSERT_FALSE(with.has_value()) << "a binding stands before the access";
  const auto good = vir::assemble(
      "const TILE = 64;\nconst HALF = TILE / 2 + ('a' & 1);\nconst LOW = -3i * 2i;\nconst ON = "
      "!(HALF > TILE);\nconst PI = 3.25;\nworkgroup TILE, 1, 1;\nbuffer b: u32[TILE] @HALF "
      "read_write;\nregion \"r\" { if ON { b[HALF] = u32(LOW) + TILE; } let f = PI; }");
  ASSERT_TRUE(good.has_value()) << to_string(good.error());
  const auto plain = vir::assemble(
      "workgroup 64, 1, 1;\nbuffer b: u32[64] @33 read_write;\nregion \"r\" { if true { b[33] = "
      "u32(-6i) + 64; } let f = 3.25; }");
  EXPECT_TRUE(vir::same_program(*good, *plain)) << vir::disassemble(*good);
  const auto error = [](const std::string& text) {
    const auto program = vir::assemble(text);
    return program ? std::string("accepted")
                   : message("{}:{} {}", program.error().line, program.error().column,
                             program.error().message);
  };
  EXPECT_EQ(error("const A = 1;\nconst A = 2;").substr(0, 30), "2:7 the const 'A' is declared ");
  const auto why = [&](const std::string& text) {
    const std::string told = error(text);
    EXPECT_EQ(told.substr(0, 31), "1:11 a const is a literal, or c") << text;
    return told.substr(std::min(told.size(), told.rfind(": ")));
  };
  EXPECT_EQ(why("const A = 1 / 0;"), ": it divides by 0, or the least i32 by -1");
  EXPECT_EQ(why("const A = 1 + 2i;"), ": the operands are of two types");
  EXPECT_EQ(why("const A = 1.5 + 2.0;"), ": f32 values are not computed here");
  EXPECT_EQ(why("const A = len(b);"), ": this is known when the program runs");
  EXPECT_EQ(why("const A = B + 1;"), ": 'B' is no const that was declared before");
  // As in a program, where only a u32 is shifted.
  EXPECT_EQ(why("const A = -8i >> 1i;"), ": the operator is none of theirs");
  EXPECT_EQ(error("const A = 1;\nlet A = 2;").substr(0, 18), "2:5 'A' is a const");
  EXPECT_EQ(error("const A = 1;\nA = 2;").substr(0, 18), "2:1 'A' is a const");
  EXPECT_EQ(error("const A = 1i;\nworkgroup A, 1, 1;").substr(0, 30),
            "2:11 expected a workgroup size");
  EXPECT_EQ(error("let x = 1;\nconst A = 2;").substr(0, 24), "2:1 expected a statement");
}

}  // namespace
}  // namespace vyre
