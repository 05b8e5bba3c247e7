// The lineage section of a document: its identities. Private to this room. Page: docs/report.md.
#pragma once

#include "report/report.hpp"

namespace vyre::report {

[[nodiscard]] Status check_lineage(const Document& document);

}  // namespace vyre::report
