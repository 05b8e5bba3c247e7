// Documents of several runs as one, with exact counts, buckets and maxima. Host only; any thread.
// Page: docs/report-tools.md ("Merging").
#pragma once

#include "report/report.hpp"

namespace vyre::report {

/// Adds a run. Errc::limit_exceeded where a sum does not fit its field; `into` is then unspecified.
[[nodiscard]] Status merge_into(Document& into, const Document& from);

}  // namespace vyre::report
