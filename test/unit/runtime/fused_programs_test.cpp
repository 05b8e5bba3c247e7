// Images of several programs that a session keeps for its plans.
#include "runtime/fused_programs.hpp"

#include "fixtures.hpp"
#include "runtime/op_table.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::string_view kStepText{
    "workgroup 64, 1, 1;\nbuffer a: u32[] read_only;\n"
    "buffer y: u32[4] read_write output live_out;\n"
    "region \"step\" { y[gid.x] = a[gid.x] * 2 + 1; }\n"};

FusedRecipe recipe_of(std::uint32_t first, bool stored) {
  return {{first, 1}, {{{0, 1}, {{1, 0}}, 4, false, stored}}};
}

std::shared_ptr<const FusionFacts> facts_of(std::string_view text) {
  const auto prepared = prepare_op("step", *vir::assemble(text), {soon()});
  return prepared->fusion;
}

TEST(FusedPrograms, OneIsMadeOnceForARecipeAndAnewWhenItWasForgotten) {
  const auto facts = facts_of(kStepText);
  const std::vector<const FusionFacts*> both{facts.get(), facts.get()};
  FusedPrograms programs;
  const auto made = programs.get(recipe_of(0, true), both);
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(programs.get(recipe_of(0, true), both), made);
  const auto other = programs.get(recipe_of(0, false), both);
  EXPECT_NE(other, made);
  EXPECT_TRUE(other->unzeroed[1]);
  EXPECT_FALSE(made->unzeroed[1]);
  FusedRecipe covered = recipe_of(0, true);
  covered.covered = {{1, 1}};
  const auto whole = programs.get(covered, both);
  EXPECT_NE(whole, made);
  EXPECT_TRUE(whole->unzeroed[3]);
  EXPECT_EQ(whole->least_lanes, 4u);
  for (std::uint32_t n = 1; n <= FusedPrograms::kPrograms; ++n) {
    ASSERT_NE(programs.get(recipe_of(n, true), both), nullptr);
    EXPECT_EQ(programs.get(recipe_of(0, true), both), made) << "it was asked for lately";
  }
  const auto again = programs.get(recipe_of(0, false), both);
  EXPECT_NE(again, other) << "forgotten";
  EXPECT_EQ(again->program.image->code.size(), other->program.image->code.size());
}

}  // namespace
}  // namespace vyre::runtime::test
