// `vyre scan` from its options to its exit code: which input goes which way, in which order, what
// failed. Spec: docs/scan.md. Main thread.
#pragma once

#include <string>

#include "scan_options.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// Exit codes are grep's and not those of the other commands.
inline constexpr int kScanFound{0};
inline constexpr int kScanNone{1};
inline constexpr int kScanFailed{2};  // something could not be searched

/// `report`: the file for the report of the run, with `labels`; empty: none is wanted.
[[nodiscard]] Outcome scan(const Shell& shell, ScanOptions options, const std::string& report,
                           const std::vector<std::string>& labels);

}  // namespace vyre::cli
