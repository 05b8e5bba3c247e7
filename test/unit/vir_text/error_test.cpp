#include <gtest/gtest.h>

#include <string>

#include "vir/text/text.hpp"

namespace vyre {
namespace {

Error error_of(const std::string& text) {
  const auto program = vir::assemble(text);
  EXPECT_FALSE(program.has_value()) << text;
  return program ? Error{} : program.error();
}

struct Case {
  const char* text;
  std::uint32_t line;
  std::uint32_t column;
  const char* says;
};

TEST(TextErrors, NameThePlaceAndWhatWasExpected) {
  const Case cases[]{
      {"let = 1;", 1, 5, "expected the name of the variable, found '='"},
      {"let x 1;", 1, 7, "expected '=' and the value of the variable, found '1'"},
      {"let x = 1", 1, 10, "expected ';' after the value, found the end of the text"},
      {"let x = 1;\n  y[0 = 2;", 2, 7, "expected ']' after the index"},
      {"let x = ;", 1, 9, "expected an expression"},
      {"let x = flor(1.0f);", 1, 9, "did you mean 'floor'?"},
      {"let x = sqrt(1.0f, 2.0f);", 1, 18, "after 1 operand"},
      {"let x = fma(a, b);", 1, 17, "(3 wanted)"},
      {"let x = a < b < c;", 1, 15, "comparisons do not chain"},
      {"let x = -1u;", 1, 10, "cannot be negative"},
      {"let x = 4294967296;", 1, 9, "beyond u32"},
      {"let x = 2147483648i;", 1, 9, "beyond i32"},
      {"let x = 1e99;", 1, 9, "beyond f32"},
      {"\xEF\xBB\xBFlet x = $;", 1, 9, "no meaning here"},
      {"let x = 1;\n \xEF\xBB\xBFlet y = 1;", 2, 2, "a byte order mark"},
      {"\xEF\xBB\xBF\xEF\xBB\xBFlet x = 1;", 1, 1, "a byte order mark"},
      {"let x = 1; // a\r\nlet = 1;", 2, 5, "expected the name"},
      {"let x = 1; // a\rlet = 1;", 2, 5, "expected the name"},
      {"let x = \"a\rb\";", 1, 9, "not closed on its line"},
      {"let x = 12q;", 1, 9, "is not a number"},
      {"let x = gid.w;", 1, 13, "the axis: x, y, z"},
      {"let if = 1;", 1, 5, "reserved word"},
      {"lett x = 1;", 1, 6, "did you mean 'let'?"},
      {"barier(acquire);", 1, 1, "did you mean 'barrier'?"},
      {"buffer a: u23[4] read_only;", 1, 11, "did you mean 'u32'?"},
      {"buffer a: u32[4] readonly;", 1, 18, "did you mean 'read_only'?"},
      {"buffer a: u32[4] read_only outptu;", 1, 28, "did you mean 'output'?"},
      {"buffer a: u32[4294967296] read_only;", 1, 15, "is larger than 4294967295"},
      {"return;\nbuffer a: u32[4] read_only;", 2, 1,
       "declarations stand before the first statement"},
      {"let x = \"abc", 1, 9, "not closed"},
      {"let x = \"a\\q\";", 1, 11, "unknown escape"},
      {"let x = \"\\u{d800}\";", 1, 10, "no Unicode character"},
      {"opaque(\"k\", hex\"0g\");", 1, 18, "hexadecimal digits"},
      {"opaque(\"k\", hex\"012\");", 1, 13, "odd number of digits"},
      {"let x = $;", 1, 9, "no meaning here"},
      {"let \"\xCE\xBB\xCE\xBB\" = #;", 1, 12, "no meaning here"},
      {"if a { return;", 1, 15, "'}' after the statements"},
      {"let x = atomic_ad(b[0], 1);", 1, 9, "unknown function 'atomic_ad'"},
      {"let x = atomic_add(b[0], 1, ordr: relaxed);", 1, 29, "'expected:' or 'order:'"},
      {"let x = vec(a);", 1, 9, "cast(TYPE, value)"},
      {"}", 1, 1, "expected a statement"},
  };
  for (const Case& c : cases) {
    const Error e = error_of(c.text);
    EXPECT_NE(e.message.find(c.says), std::string::npos) << c.text << "\n  says: " << e.message;
    EXPECT_EQ(e.line, c.line) << c.text << "\n  " << e.message;
    EXPECT_EQ(e.column, c.column) << c.text << "\n  " << e.message;
    EXPECT_EQ(e.code, Errc::malformed) << c.text;
  }
}

TEST(TextErrors, DeepNestingIsALimitAndNotACrash) {
  const auto repeat = [](const std::string& piece, int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += piece;
    return text;
  };
  const int n = 100'000;
  for (const std::string& text :
       {"let x = " + repeat("(", n), "let x = " + repeat("-", n) + "a;",
        "let x = a" + repeat(" + a", n) + ";", "let x = a" + repeat(" || a", n) + ";",
        repeat("{", n), repeat("if a {", n), "if a {}" + repeat(" else if a {}", n),
        "let x = " + repeat("a[", n), "let x = " + repeat("abs(", n),
        "let x = cast(" + repeat("vec(", n), "buffer a: " + repeat("sparsecsr(", n),
        "buffer a: u32[1] read_only shape(" + repeat("not(", n),
        "let x = " + repeat("a == b | c ^ d & e << f + g * (", n)}) {
    const Error e = error_of(text);
    EXPECT_EQ(e.code, Errc::limit_exceeded) << text.substr(0, 40) << ": " << e.message;
    EXPECT_TRUE(e.message.find("256") != std::string::npos ||
                e.message.find("64 levels") != std::string::npos ||
                e.message.find("32 levels") != std::string::npos)
        << e.message;
  }
}

TEST(TextErrors, TheDeepestAllowedExpressionRoundTrips) {
  std::string text = "let x = ";
  for (int i = 0; i < 62; ++i) text += "abs(";
  text += "a";
  for (int i = 0; i < 62; ++i) text += ")";
  const auto program = vir::assemble(text + ";");
  ASSERT_TRUE(program.has_value()) << to_string(program.error());
  const auto back = vir::assemble(vir::disassemble(*program));
  ASSERT_TRUE(back.has_value()) << to_string(back.error());
  EXPECT_TRUE(vir::same_program(*program, *back));
}

TEST(TextNumbers, SeparatorsStandBetweenDigitsAlone) {
  const auto accepted = [](const std::string& number) {
    return vir::assemble("workgroup 1, 1, 1;\nregion \"r\" { let x = " + number + "; }")
        .has_value();
  };
  for (const char* const number : {"1_000", "0x1_f", "0b1_0u", "1__0", "1_0.2_5", "1_0e1_0"})
    EXPECT_TRUE(accepted(number)) << number;
  for (const char* const number : {"1_", "0b1_", "0x1_u", "0x_1", "1_u", "1_.5", "1._5", "1e_5"})
    EXPECT_FALSE(accepted(number)) << number;
}

}  // namespace
}  // namespace vyre
