// docs/report.schema.json over reports that the command line wrote. Test code.
#pragma once

#include <string>

namespace vyre::test {

/// Empty when valid, else the complaints.
std::string schema_complaints(const std::string& report);

}  // namespace vyre::test
