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

[[nodiscard]] Outcome scan(const Shell& shell, ScanOptions options, const std::string& report);

}  // namespace vyre::cli
