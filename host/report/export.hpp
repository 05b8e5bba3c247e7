// Reports in the formats of other tools. Host only; any thread. Page: docs/report-tools.md
// ("Exports").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/report.hpp"

namespace vyre::report {

/// The numbers of all runs as OpenMetrics, which is also good Prometheus text. Runs with the same
/// labels and executor are merged.
[[nodiscard]] Result<std::string> open_metrics(const std::vector<std::string>& files);
/// A line for each number of each run: run, started_at, labels, number, value.
[[nodiscard]] Result<std::string> csv(const std::vector<std::string>& files);

/// OTLP in its JSON form: the numbers of each run, and a span for each run.
[[nodiscard]] Result<std::string> otlp_metrics(const std::vector<std::string>& files);
[[nodiscard]] Result<std::string> otlp_traces(const std::vector<std::string>& files);
/// A page of HTML that needs nothing else.
[[nodiscard]] Result<std::string> html(const std::vector<std::string>& files);

struct ExportFormat {
  std::string_view name;
  Result<std::string> (*make)(const std::vector<std::string>& files);
};
inline constexpr ExportFormat kExportFormats[]{{"openmetrics", open_metrics},
                                               {"csv", csv},
                                               {"otlp-metrics", otlp_metrics},
                                               {"otlp-traces", otlp_traces},
                                               {"html", html}};
/// Errc::invalid_argument lists the formats where `name` is none of them.
[[nodiscard]] Result<std::string> exported(const std::vector<std::string>& files,
                                           std::string_view name);

}  // namespace vyre::report
