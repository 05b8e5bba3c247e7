// What a run has done so far and since it was asked before, on one line. Host only; any thread.
// Page: docs/report-tools.md ("While a run lasts").
#pragma once

#include <string>
#include <string_view>

#include "report/report.hpp"

namespace vyre::report {

/// Of a line that stands beside documents in a file, and that their readers pass over.
inline constexpr std::string_view kSnapshotSchema{"vyre.snapshot/1"};

/// {"schema": ..., "run": ..., "elapsed_ns": ..., "interval_ns": ..., "totals": {...}, "deltas":
/// {...}}: every number that was measured, and by how much each sum grew. `before` is of the same
/// run; null: the run's beginning. Errc::mismatch where it is not.
[[nodiscard]] Result<std::string> snapshot(const Document* before, const Document& now);

}  // namespace vyre::report
