// The ingest object's rules and its lines in a summary. Host only. Private to this room. Page:
// docs/report.md.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "report/report.hpp"

namespace vyre::report {

/// Tiers are A to E, and no more operations ended than began.
[[nodiscard]] Status check_ingest(const IngestSection& ingest);
/// Two lines about all of them, whose runs took `wall_time` together; empty where there are none.
[[nodiscard]] std::string summarise_ingest(const std::vector<const IngestSection*>& sections,
                                           std::chrono::nanoseconds wall_time);

}  // namespace vyre::report
