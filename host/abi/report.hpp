// Reports as callers get them. Host only; any thread.
#pragma once

#include "base/error.hpp"
#include "report/report.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {

/// The document as JSON, with what `options`, which may be null, add to it.
[[nodiscard]] Result<vyre_blob*> report_of(report::Document document,
                                           const vyre_report_options* options);

}  // namespace vyre::abi
