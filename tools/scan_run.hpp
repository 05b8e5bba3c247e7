// `vyre scan` from its options to its exit code: which input goes which way, in which order, what
// failed. Spec: docs/scan.md. Main thread.
#pragma once

#include <string>
#include <vector>

#include "scan_options.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// Exit codes are grep's and not those of the other commands.
inline constexpr int kScanFound{0};
inline constexpr int kScanNone{1};
inline constexpr int kScanFailed{2};  // something could not be searched

/// What is asked for of the report of the run.
struct ReportWishes {
  std::string file;  // empty: no report
  std::vector<std::string> labels;
  std::string every;    // between snapshots; empty: none
  bool by_file{false};  // it has a row for each file
};

[[nodiscard]] Outcome scan(const Shell& shell, ScanOptions options, const ReportWishes& report);

}  // namespace vyre::cli
