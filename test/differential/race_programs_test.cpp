// The search for races on random programs: those that are free of races by construction are never
// reported, and taking the order out of them is noticed.
#include <gtest/gtest.h>

#include "reference/evaluate.hpp"
#include "support/random_program.hpp"
#include "vir/text/text.hpp"

namespace vyre {
namespace {

constexpr std::uint64_t kFirstRacySeed{12'000'000};
constexpr std::uint64_t kPrograms{400};

reference::Outcome judged(const vir::Program& program, const std::vector<Bytes>& inputs) {
  reference::Options options;
  options.check_races = true;
  return reference::evaluate(program, inputs, options);
}

TEST(RandomRaces, ProgramsThatAreFreeOfRacesAreNeverReported) {
  for (std::uint64_t seed = kFirstRacySeed; seed < kFirstRacySeed + kPrograms; ++seed) {
    test::Choice choice(seed);
    const auto random = test::random_case(choice);
    const auto outcome = judged(random.program, random.inputs);
    ASSERT_TRUE(outcome.races.none())
        << "seed " << seed << ": "
        << reference::to_string(random.program, {}, "", outcome.races.list[0]) << "\n"
        << vir::disassemble(random.program);
    ASSERT_FALSE(outcome.races.out_of_memory) << "seed " << seed;
  }
}

TEST(RandomRaces, TheSameProgramsWithoutTheirBarriersRace) {
  std::uint32_t with_barriers = 0;
  std::uint32_t raced = 0;
  for (std::uint64_t seed = kFirstRacySeed; seed < kFirstRacySeed + kPrograms; ++seed) {
    test::Choice choice(seed);
    auto random = test::random_case(choice);
    bool any = false;
    for (vir::Node& node : random.program.nodes) {
      if (node.tag != vir::NodeTag::Barrier) continue;
      any = true;
      node.tag = vir::NodeTag::Block;  // an empty one
      node.body = {};
    }
    if (!any) continue;
    ++with_barriers;
    const auto outcome = judged(random.program, random.inputs);
    raced += outcome.races.none() ? 0 : 1;
  }
  EXPECT_GT(with_barriers, kPrograms / 10);
  EXPECT_GT(raced, with_barriers / 4) << "of " << with_barriers;
}

}  // namespace
}  // namespace vyre
