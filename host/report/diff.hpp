// What changed between two runs, or between two sets of repeated runs, beyond what repeated runs
// differ by themselves. Host only; any thread. Page: docs/report-tools.md ("Differences").
#pragma once

#include <string>
#include <vector>

#include "report/report.hpp"

namespace vyre::report {

/// One number of several runs, as far as they measured it.
struct Spread {
  std::uint64_t runs{0};
  double median{0};
  double least{0};
  double most{0};
};
/// Of at least one value.
[[nodiscard]] Spread spread_of(std::vector<double> values);
struct Difference {
  std::string name;
  Spread before;
  Spread after;
  /// More than repeated runs differ: the median of one side lies outside the other side.
  bool changed{false};
};

/// Every number that some run of both sides measured, in the order of numbers_of().
[[nodiscard]] Result<std::vector<Difference>> differences(const std::string& before,
                                                          const std::string& after);
/// A table of those that changed, and how many others there are.
[[nodiscard]] std::string difference_text(const std::vector<Difference>& differences);
/// All of them, with the change and the noise as shares: {"differences": [...]}.
[[nodiscard]] std::string difference_json(const std::vector<Difference>& differences);

}  // namespace vyre::report
