#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "random_program.hpp"
#include "vir/text/text.hpp"

namespace vyre {
namespace {

std::uint64_t scale() {
  const char* text = std::getenv("VYRE_TEST_SCALE");
  const long value = text != nullptr ? std::atol(text) : 1;
  return value > 0 ? static_cast<std::uint64_t>(value) : 1;
}

TEST(TextRoundTrip, EveryConstructOfRandomProgramsComesBack) {
  for (std::uint64_t seed = 0; seed < 20'000 * scale(); ++seed) {
    const vir::Program program = test::random_program(seed);
    const std::string text = vir::disassemble(program);
    const auto back = vir::assemble(text);
    ASSERT_TRUE(back.has_value()) << "seed " << seed << ": " << to_string(back.error()) << "\n"
                                  << text;
    ASSERT_TRUE(vir::same_program(program, *back)) << "seed " << seed << "\n" << text;
    // Printing is a function of the program alone, not of its pools' order.
    ASSERT_EQ(vir::disassemble(*back), text) << "seed " << seed;
  }
}

TEST(TextRoundTrip, MutatedTextIsRefusedWithAPlaceOrRoundTripsAgain) {
  std::uint64_t state = 7;
  const auto next = [&] {
    return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33;
  };
  for (std::uint64_t seed = 0; seed < 20'000 * scale(); ++seed) {
    std::string text = vir::disassemble(test::random_program(seed));
    for (int edits = 0; edits < 3; ++edits) {
      const std::size_t at = next() % text.size();
      switch (next() % 3) {
        case 0:
          text.erase(at, 1 + next() % 4);
          break;
        case 1:
          text.insert(at, 1, static_cast<char>(next()));
          break;
        default:
          text[at] = "(){}[];,.\"@0aé"[next() % 14];
          break;
      }
      if (text.empty()) text = ";";
    }
    const auto program = vir::assemble(text);
    if (!program) {
      ASSERT_GE(program.error().line, 1u) << "seed " << seed;
      ASSERT_GE(program.error().column, 1u) << "seed " << seed;
      continue;
    }
    const auto again = vir::assemble(vir::disassemble(*program));
    ASSERT_TRUE(again.has_value()) << "seed " << seed << ": " << to_string(again.error());
    ASSERT_TRUE(vir::same_program(*program, *again)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace vyre
