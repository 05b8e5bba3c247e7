#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "vir/text/text.hpp"

namespace vyre {
namespace {

using vir::BinOp;
using vir::Expr;
using vir::ExprTag;

struct One {
  vir::Program program;
  Expr expr;  // the value of the only statement, `let v = ...`
};

One parse(const std::string& expression) {
  auto program = vir::assemble("let v = " + expression + ";");
  EXPECT_TRUE(program.has_value())
      << expression << ": " << (program ? "" : to_string(program.error()));
  if (!program) return {};
  const Expr expr = program->exprs[program->nodes[program->list(program->entry)[0]].e0];
  return {std::move(*program), expr};
}

/// The canonical print of an expression.
std::string reprint(const std::string& expression) {
  const One one = parse(expression);
  const std::string text = vir::disassemble(one.program);
  const std::size_t begin = text.find("let v = ") + 8;
  return text.substr(begin, text.rfind(';') - begin);
}

TEST(TextGrammar, MultiplicationBindsTighterThanAdditionThanShiftThanAndThanComparison) {
  EXPECT_EQ(reprint("a + b * c << d & e == f || g"), "a + b * c << d & e == f || g");
  EXPECT_EQ(reprint("((((a + (b * c)) << d) & e) == f) || g"), "a + b * c << d & e == f || g");
  EXPECT_EQ(reprint("(a + b) * c"), "(a + b) * c");
  EXPECT_EQ(reprint("a - (b - c)"), "a - (b - c)");
  EXPECT_EQ(reprint("(a - b) - c"), "a - b - c");
  EXPECT_EQ(reprint("(a < b) == (c < d)"), "(a < b) == (c < d)");
}

TEST(TextGrammar, OperatorsMayAlsoBeWrittenAsWords) {
  EXPECT_EQ(reprint("add(a, bit_and(b, c))"), "a + (b & c)");
  EXPECT_EQ(reprint("wrapping_add(a, negate(b))"), "wrapping_add(a, -b)");
  EXPECT_EQ(reprint("logical_not(and(a, b))"), "!(a && b)");
}

TEST(TextGrammar, AMinusThatTouchesANumberBelongsToTheLiteral) {
  EXPECT_EQ(parse("-1i").expr.tag, ExprTag::LitI32);
  EXPECT_EQ(parse("-1i").expr.bits, 0xFFFFFFFFu);
  EXPECT_EQ(parse("-2147483648i").expr.bits, 0x80000000u);
  EXPECT_EQ(parse("- 1i").expr.tag, ExprTag::UnOp);
  EXPECT_EQ(parse("-(1i)").expr.tag, ExprTag::UnOp);
  EXPECT_EQ(parse("a -1i").expr.tag, ExprTag::BinOp);
  EXPECT_EQ(reprint("a - -1i"), "a - -1i");
  EXPECT_EQ(reprint("negate(1u)"), "-(1u)");
}

TEST(TextGrammar, NumbersWithoutSuffixAreU32OrF32) {
  EXPECT_EQ(parse("7").expr.tag, ExprTag::LitU32);
  EXPECT_EQ(parse("0xEDB8_8320").expr.bits, 0xEDB88320u);
  EXPECT_EQ(parse("0b1010_0001u").expr.bits, 0xA1u);
  EXPECT_EQ(parse("1.5").expr.tag, ExprTag::LitF32);
  EXPECT_EQ(parse("1f").expr.bits, std::bit_cast<std::uint32_t>(1.0F));
  EXPECT_EQ(parse("1e3").expr.bits, std::bit_cast<std::uint32_t>(1000.0F));
  EXPECT_EQ(parse("0x1f").expr.bits, 0x1Fu);
}

TEST(TextGrammar, DecimalsBelowTheLeastF32AreZeros) {
  EXPECT_EQ(parse("1e-99").expr.bits, 0u);
  EXPECT_EQ(parse("1e-46f").expr.bits, 0u);
  EXPECT_EQ(parse("-1e-60f").expr.bits, 0x80000000u);
  EXPECT_EQ(parse("0.00000000000000000000000000000000000000000000000000001").expr.bits, 0u);
  EXPECT_EQ(parse("1.4e-45").expr.bits, 1u);
}

TEST(TextGrammar, AByteOrderMarkAndTheLineEndsOfOtherSystemsChangeNothing) {
  const std::string text = "// a\nworkgroup 4, 1, 1;\nregion \"r\" {\n  let x = 1; // b\n}\n";
  const auto with = [&](const std::string& line_end) {
    std::string changed;
    for (const char c : text) changed += c == '\n' ? line_end : std::string(1, c);
    return changed;
  };
  const auto plain = vir::assemble(text);
  ASSERT_TRUE(plain.has_value());
  for (const std::string& same : {"\xEF\xBB\xBF" + text, with("\r\n"), with("\r"),
                                  "\xEF\xBB\xBF" + with("\r\n"), "\xEF\xBB\xBF" + with("\r")}) {
    const auto program = vir::assemble(same);
    ASSERT_TRUE(program.has_value()) << to_string(program.error());
    EXPECT_TRUE(vir::same_program(*plain, *program));
  }
}

TEST(TextGrammar, EveryF32BitPatternHasAFormThatKeepsIt) {
  for (const std::uint32_t bits :
       {0x00000000u, 0x80000000u, 0x00000001u, 0x807FFFFFu, 0x00800000u, 0x3F800000u, 0x3DCCCCCDu,
        0x7F7FFFFFu, 0x7F800000u, 0xFF800000u, 0x7FC00000u, 0x7FA00001u, 0xFFFFFFFFu, 0x4B800001u,
        0x0DA24260u}) {
    vir::Program program;
    Expr literal;
    literal.tag = ExprTag::LitF32;
    literal.bits = bits;
    vir::Node let;
    let.tag = vir::NodeTag::Let;
    let.name = program.intern("v");
    let.e0 = program.add(literal);
    const vir::NodeId id = program.add(let);
    program.entry = program.add_list({&id, 1});
    const std::string text = vir::disassemble(program);
    const auto back = vir::assemble(text);
    ASSERT_TRUE(back.has_value()) << text;
    EXPECT_TRUE(vir::same_program(program, *back)) << text;
  }
  EXPECT_EQ(reprint("f32:0x7fc00000"), "f32:0x7fc00000");
  EXPECT_EQ(reprint("-0.0f"), "-0.0f");
}

TEST(TextGrammar, ReservedWordsAndForeignNamesGoInQuotes) {
  const auto program = vir::assemble("let \"if\" = \"a b\"[\"\\u{3bb}\\0\"];");
  ASSERT_TRUE(program.has_value());
  EXPECT_NE(program->find_name("if"), vir::kNone);
  EXPECT_NE(program->find_name(std::string_view("\xCE\xBB\0", 3)), vir::kNone);
  EXPECT_EQ(vir::disassemble(*program),
            "workgroup 1, 1, 1;\n\nlet \"if\" = \"a b\"[\"\xCE\xBB\\u{0}\"];\n");
}

TEST(TextGrammar, BufferDefaultsFollowTheAccess) {
  const auto program = vir::assemble(
      "buffer a: u32[] read_only; buffer s: f32[8] workgroup; buffer o: u8[4] @7 read_write output "
      "live_out;");
  ASSERT_TRUE(program.has_value());
  ASSERT_EQ(program->buffers.size(), 3u);
  EXPECT_EQ(program->buffers[0].kind, vir::MemoryKind::Readonly);
  EXPECT_EQ(program->buffers[0].count, 0u);
  EXPECT_EQ(program->buffers[1].kind, vir::MemoryKind::Shared);
  EXPECT_EQ(program->buffers[1].binding, 1u);
  EXPECT_EQ(program->buffers[2].binding, 7u);
  EXPECT_TRUE(program->buffers[2].is_output && program->buffers[2].pipeline_live_out);
}

TEST(TextGrammar, TopLevelStatementsAreNotWrappedInARegion) {
  const auto program = vir::assemble("out[0] = 42;");
  ASSERT_TRUE(program.has_value());
  EXPECT_EQ(program->nodes[program->list(program->entry)[0]].tag, vir::NodeTag::Store);
}

TEST(TextGrammar, ElseIfIsAnIfAloneInTheOtherBranch) {
  const auto chained = vir::assemble("if a { return; } else if b { return; } else {}");
  const auto nested = vir::assemble("if a { return; } else { if b { return; } }");
  ASSERT_TRUE(chained.has_value() && nested.has_value());
  EXPECT_TRUE(vir::same_program(*chained, *nested));
}

}  // namespace
}  // namespace vyre
