// Running a scenario many times: with consecutive seeds, or through every schedule within bounds.
// Test support.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include "model/world.hpp"

namespace vyre::model {

struct Exploration {
  std::uint64_t runs{0};
  std::uint64_t steps{0};
  std::uint64_t bad_seed{0};
  bool exhausted{false};  // a systematic search came to its end
  Outcome bad;            // ending finished: none was found
  [[nodiscard]] bool good() const { return bad.ending == Ending::finished; }
};

inline std::uint64_t first_seed() {
  if (const char* given = std::getenv("VYRE_SEED")) return std::strtoull(given, nullptr, 0);
  return std::random_device{}();
}
/// VYRE_SEED replays one execution; else `runs` of them (times VYRE_TEST_SCALE) with consecutive
/// seeds.
inline std::uint64_t run_count(std::uint64_t runs) {
  if (std::getenv("VYRE_SEED") != nullptr) return 1;
  const char* scale = std::getenv("VYRE_TEST_SCALE");
  return runs *
         (scale == nullptr ? 1 : std::max<std::uint64_t>(1, std::strtoull(scale, nullptr, 0)));
}

template <class Scenario>
Exploration explore_randomly(Scenario& scenario, std::uint64_t runs, Kill kill = Kill{}) {
  Exploration result;
  const std::uint64_t seed = first_seed();
  for (std::uint64_t i = 0; i < run_count(runs); ++i) {
    RandomChooser chooser{seed + i};
    const Outcome outcome = scenario.run(chooser, kill);
    ++result.runs;
    result.steps += outcome.steps;
    if (outcome.ending != Ending::finished) {
      result.bad = outcome;
      result.bad_seed = seed + i;
      break;
    }
  }
  return result;
}

/// Looks for a planted bug. The hunt ends with the first execution that shows it, so the bound
/// costs time only where nothing is found; the rarest bug shows in one execution of 1,500.
template <class Scenario>
Exploration hunt(Scenario& scenario) {
  constexpr std::uint64_t kEnoughRuns{60'000};
  return explore_randomly(scenario, kEnoughRuns);
}

template <class Scenario>
Exploration explore_systematically(Scenario& scenario, std::uint32_t preemptions,
                                   std::uint32_t stale, std::uint64_t max_runs) {
  Exploration result;
  SearchChooser chooser{preemptions, stale};
  while (result.runs < max_runs && !result.exhausted) {
    chooser.begin();
    const Outcome outcome = scenario.run(chooser);
    ++result.runs;
    result.steps += outcome.steps;
    if (outcome.ending != Ending::finished) {
      result.bad = outcome;
      break;
    }
    result.exhausted = !chooser.advance();
  }
  return result;
}

inline std::string describe(const Exploration& found) {
  return found.bad.what + " (run " + std::to_string(found.runs) +
         ", VYRE_SEED=" + std::to_string(found.bad_seed) + ")";
}

}  // namespace vyre::model
