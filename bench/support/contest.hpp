// Several ways to do the same work, timed in turns, so that a noisy minute hits all of them:
// seconds and processor seconds of each, medians over the laps. Host only. Spec:
// docs/internals/benchmarking.md.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "support/rows.hpp"
#include "support/statistics.hpp"

namespace vyre::bench {

struct Took {
  double seconds{0};
  double cpu_seconds{0};  // of this process, all its threads, and of children that have ended
};

struct Contestant {
  std::string name;
  /// One lap: prepares, times its own work with timed(), checks its answer.
  std::function<Result<Took>()> run;
};

struct Outcome {
  std::string name;
  Result<Took> took{Took{}};  // medians; or why there are none: the first error
  double best_seconds{0};
  double worst_seconds{0};
};

[[nodiscard]] double cpu_seconds_used();

/// `body()` -> Status.
template <class Body>
[[nodiscard]] Result<Took> timed(const Body& body) {
  const double cpu = cpu_seconds_used();
  const auto start = Clock::now();
  VYRE_TRY(body());
  return Took{seconds_since(start), cpu_seconds_used() - cpu};
}

/// `laps` laps of each in turn, after one that does not count, or as many as fit into `seconds` (if
/// only the first does, it counts). Who fails once is out.
[[nodiscard]] std::vector<Outcome> take_turns(std::span<const Contestant> contestants, int laps,
                                              double seconds);

/// A row of rates, amount / seconds of `all[ours]`, beside those of the others named, in that
/// order. Details: rates at best and worst.
[[nodiscard]] Row rate_row(const std::string& section, const std::string& unit, double amount,
                           std::span<const Outcome> all, std::size_t ours,
                           std::span<const std::size_t> baselines);
/// The same for processor seconds per unit of the amount: cpu/NAME.
[[nodiscard]] Row cpu_row(const std::string& section, const std::string& unit, double amount,
                          std::span<const Outcome> all, std::size_t ours, std::size_t baseline);

}  // namespace vyre::bench
