// Numbers of a document as metrics, for the exports that speak of such. Host only; any thread.
// Private to this room. Page: docs/report-tools.md ("Exports").
#pragma once

#include <string>
#include <string_view>

#include "report/numbers.hpp"

namespace vyre::report {

struct Metric {
  std::string name;       // "vyre.op.items"
  std::string_view unit;  // "seconds", "bytes", "ratio"; empty: a count
  double scale{1};        // of the number to the unit
};
/// `report.telemetry.bytes_uploaded` is vyre.bytes_uploaded, `ops[x].items` vyre.op.items. Keys are
/// labels.
[[nodiscard]] Metric metric_of(const Number& number);
/// Not so: what was not measured, what follows from other numbers, and of times what the buckets
/// tell, which is all but the maximum.
[[nodiscard]] bool is_metric(const Number& number);

}  // namespace vyre::report
