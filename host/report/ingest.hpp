// The ingest object's rules and its lines in a summary. Host only. Private to this room. Page:
// docs/report.md.
#pragma once

#include <string>
#include <vector>

#include "report/report.hpp"

namespace vyre::report {

/// Tiers are A to E, and no more operations ended than began.
[[nodiscard]] Status check_ingest(const IngestSection& ingest);
/// Two lines about all of them; empty where there are none.
[[nodiscard]] std::string summarise_ingest(const std::vector<const IngestSection*>& sections);

}  // namespace vyre::report
