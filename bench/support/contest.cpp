#include "support/contest.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace vyre::bench {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

Number number(const Outcome& outcome, double value) {
  if (outcome.took) return Number(outcome.name, value);
  return Number(outcome.name, Result<double>(tl::unexpected<Error>(outcome.took.error())));
}
Number rate(const Outcome& outcome, double amount) {
  return number(outcome, outcome.took ? amount / outcome.took->seconds : 0);
}
Number cpu(const Outcome& outcome, double amount) {
  return number(outcome, outcome.took ? outcome.took->cpu_seconds / amount : 0);
}

}  // namespace

double cpu_seconds_used() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    if (::getrusage(who, &usage) == 0)
      sum += seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  }
  return sum;
}

std::vector<Outcome> take_turns(std::span<const Contestant> contestants, int laps, double seconds) {
  std::vector<Outcome> outcomes(contestants.size());
  std::vector<std::vector<Took>> tooks(contestants.size());
  const auto start = Clock::now();
  double lap_seconds = 0;
  for (int lap = 0; lap <= laps && seconds_since(start) + lap_seconds <= seconds; ++lap) {
    const auto lap_start = Clock::now();
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      outcomes[i].name = contestants[i].name;
      if (!outcomes[i].took) continue;
      const auto took = contestants[i].run();
      if (took) {
        if (lap == 1) tooks[i].clear();  // the first was only for caches to fill
        tooks[i].push_back(*took);
      } else {
        outcomes[i].took = tl::unexpected<Error>(took.error());
      }
    }
    lap_seconds = seconds_since(lap_start);
  }
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    if (!outcomes[i].took) continue;
    std::vector<double> wall;
    std::vector<double> cpu;
    for (const Took& took : tooks[i]) {
      wall.push_back(took.seconds);
      cpu.push_back(took.cpu_seconds);
    }
    outcomes[i].took = Took{median(wall), median(cpu)};
    outcomes[i].best_seconds = *std::min_element(wall.begin(), wall.end());
    outcomes[i].worst_seconds = *std::max_element(wall.begin(), wall.end());
  }
  return outcomes;
}

Row rate_row(const std::string& section, const std::string& unit, double amount,
             std::span<const Outcome> all, std::size_t ours,
             std::span<const std::size_t> baselines) {
  const Outcome& outcome = all[ours];
  Row row;
  row.section = section;
  row.name = outcome.name;
  row.unit = unit;
  row.ours = rate(outcome, amount);
  for (const std::size_t baseline : baselines) row.baselines.push_back(rate(all[baseline], amount));
  if (!outcome.took) return row;
  row.details = {{"amount", amount},
                 {"best", amount / outcome.best_seconds},
                 {"worst", amount / outcome.worst_seconds}};
  return row;
}

Row cpu_row(const std::string& section, const std::string& unit, double amount,
            std::span<const Outcome> all, std::size_t ours, std::size_t baseline) {
  Row row;
  row.section = section;
  row.name = "cpu/" + all[ours].name;
  row.unit = unit;
  row.less_is_better = true;
  row.ours = cpu(all[ours], amount);
  row.baselines = {cpu(all[baseline], amount)};
  return row;
}

}  // namespace vyre::bench
