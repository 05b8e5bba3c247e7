// Where statements and expressions of an assembled program stand in its text.
#include <gtest/gtest.h>

#include <string>

#include "vir/program/statements.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre {
namespace {

std::string at(const std::vector<vir::SourcePlace>& places, std::uint32_t id) {
  if (id >= places.size()) return "-";
  return std::to_string(places[id].line) + ":" + std::to_string(places[id].column);
}

const char* const kText = R"(workgroup 64, 1, 1;
buffer a: u32[64] read_write;
region "r" {
  let x = a[gid.x] + (a[1]);
  if x == 0 {
    a[0] = 1;
  } else if x == 1 {
    a[1] = atomic_add(a[2], x);
  }
})";

TEST(TextPlaces, EveryStatementKnowsWhereItBegins) {
  vir::SourceMap places;
  const auto program = vir::assemble(kText, &places);
  ASSERT_TRUE(program.has_value()) << to_string(program.error());
  std::string all;
  for (const vir::NodeId id : vir::statements_in_order(*program)) all += at(places.nodes, id) + " ";
  EXPECT_EQ(all, "3:1 4:3 5:3 6:5 7:10 8:5 ");
}

TEST(TextPlaces, ExpressionsBeginAtTheirFirstOperandAndParenthesesBelongToNone) {
  vir::SourceMap places;
  const auto program = vir::assemble(kText, &places);
  ASSERT_TRUE(program.has_value());
  const auto order = vir::statements_in_order(*program);
  const vir::Expr& sum = program->exprs[program->nodes[order[1]].e0];
  EXPECT_EQ(at(places.exprs, program->nodes[order[1]].e0), "4:11");
  EXPECT_EQ(at(places.exprs, sum.child[0]), "4:11");
  EXPECT_EQ(at(places.exprs, sum.child[1]), "4:23");
  EXPECT_EQ(at(places.exprs, program->nodes[order[5]].e1), "8:12");
}

TEST(TextPlaces, PreparationKeepsThemAndAddsWhatHasNone) {
  vir::SourceMap places;
  const auto program = vir::assemble("let x = 1;\nlet y = x;", &places);
  ASSERT_TRUE(program.has_value());
  const auto prepared = vir::prepare(*program);
  ASSERT_TRUE(prepared.has_value());
  std::string all;
  for (const vir::NodeId id : vir::statements_in_order(*prepared))
    all += at(places.nodes, id) + " ";
  EXPECT_EQ(all, "- 1:1 2:1 ");
}

TEST(TextPlaces, DeclarationsAndTheWorkgroupHaveTheirs) {
  vir::SourceMap places;
  ASSERT_TRUE(
      vir::assemble("  workgroup 4, 1, 1;\nbuffer a: u8[] read_only; buffer b: u8[] "
                    "read_only;\nlet x = 1;",
                    &places));
  EXPECT_EQ(at({places.workgroup}, 0), "1:3");
  EXPECT_EQ(at(places.buffers, 0) + " " + at(places.buffers, 1), "2:1 2:27");
}

TEST(TextPlaces, ErrorsOfANamedTextBeginWithTheirPlaceAndSayItOnce) {
  const auto bad = vir::assemble("let x = 1;\nlet y = ;", {.name = "p.vir"}, nullptr);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(to_string(bad.error()), "malformed: p.vir:2:9: expected an expression, found ';'");
  EXPECT_EQ(bad.error().line, 2u);
  EXPECT_EQ(bad.error().column, 9u);
}

TEST(TextPlaces, ThePlaceOfAnExpressionComesBeforeThatOfItsStatement) {
  vir::SourceMap map{{"p.vir"}, {{3, 1}}, {{3, 9}, {}}, {}, {}};
  EXPECT_EQ(vir::to_string(map, map.of(0, 0)), "p.vir:3:9");
  EXPECT_EQ(vir::to_string(map, map.of(0, 1)), "p.vir:3:1") << "that expression has none";
  EXPECT_EQ(vir::to_string(map, map.of(1)), "") << "beyond the map";
  map.files[0].clear();
  EXPECT_EQ(vir::to_string(map, map.of(0)), "3:1");
  EXPECT_EQ(vir::to_string(map, map.of(0), "q.vir"), "q.vir:3:1");
}

TEST(TextPlaces, OneStatementIsPrintedOnOneLineWithoutItsBodies) {
  const auto program = vir::assemble(kText);
  ASSERT_TRUE(program.has_value());
  std::string all;
  for (const vir::NodeId id : vir::statements_in_order(*program))
    all += vir::disassemble_statement(*program, id) + "|";
  EXPECT_EQ(all,
            "region \"r\" {}|let x = a[gid.x] + a[1u];|if x == 0u {}|a[0u] = 1u;|if x == 1u {}|"
            "a[1u] = atomic_add(a[2u], x);|");
}

}  // namespace
}  // namespace vyre
