// Reports as callers get them. Host only; any thread.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "report/report.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

/// Refuses more spaces than a page has room for; a negative number asks for one line.
[[nodiscard]] Status check_indent(std::int64_t indent);
/// The document as JSON, with what `options`, which may be null, add to it.
[[nodiscard]] Result<vyre_blob*> report_of(report::Document document,
                                           const vyre_report_options* options);

}  // namespace vyre::abi
