// Report files: a few lines for people, and one JSON array. Spec: docs/report.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// A few lines about report files for people. In each is one document or JSON Lines; "-" is
/// standard input.
[[nodiscard]] inline Result<Blob> summarise_reports(const std::vector<std::string>& files) {
  const std::vector<const char*> paths = detail::c_strings(files);
  vyre_blob* summary = nullptr;
  const detail::Failed failed{vyre_report_summary(paths.data(), paths.size(), &summary)};
  if (failed) return failed.error();
  return Blob(summary);
}

/// Who contributed to what in the runs of report files; Code::not_found where one tracked no
/// lineage. `graph`: for Graphviz instead of for people.
[[nodiscard]] inline Result<Blob> lineage_of_reports(const std::vector<std::string>& files,
                                                     bool graph = false) {
  const std::vector<const char*> paths = detail::c_strings(files);
  vyre_blob* text = nullptr;
  const detail::Failed failed{vyre_report_lineage(
      paths.data(), paths.size(), graph ? VYRE_LINEAGE_DOT : VYRE_LINEAGE_TEXT, &text)};
  if (failed) return failed.error();
  return Blob(text);
}

struct Reports {
  Blob summary;
  Blob json;  // an array of the documents
};
/// The same lines, and the documents.
[[nodiscard]] inline Result<Reports> read_reports(const std::vector<std::string>& files) {
  const std::vector<const char*> paths = detail::c_strings(files);
  vyre_blob* summary = nullptr;
  vyre_blob* json = nullptr;
  const detail::Failed failed{vyre_report_read(paths.data(), paths.size(), &summary, &json)};
  if (failed) return failed.error();
  return Reports{Blob(summary), Blob(json)};
}

/// The runs of report files as one document, as JSON; `indent` below 0: one line.
[[nodiscard]] inline Result<Blob> merge_reports(const std::vector<std::string>& files,
                                                int indent = 2) {
  const std::vector<const char*> paths = detail::c_strings(files);
  vyre_blob* json = nullptr;
  const detail::Failed failed{vyre_report_merge(paths.data(), paths.size(), indent, &json)};
  if (failed) return failed.error();
  return Blob(json);
}

struct ReportAnswer {
  Blob text;  // lines for people
  Blob json;
};
/// What changed between the runs of two files.
[[nodiscard]] inline Result<ReportAnswer> diff_reports(const std::string& before,
                                                       const std::string& after) {
  vyre_blob* text = nullptr;
  vyre_blob* json = nullptr;
  const detail::Failed failed{vyre_report_diff(before.c_str(), after.c_str(), &text, &json)};
  if (failed) return failed.error();
  return ReportAnswer{Blob(text), Blob(json)};
}

struct GateOptions {
  std::vector<std::string> rules;  // one on each line of each
  std::string baseline{};          // a report file that rules compare with; empty: none
};
struct GateAnswer {
  bool passed{false};
  Blob text;  // a line for each rule and run
  Blob json;
};
/// Whether every run of the files keeps every rule.
[[nodiscard]] inline Result<GateAnswer> judge_reports(const std::vector<std::string>& files,
                                                      const GateOptions& options) {
  const std::vector<const char*> paths = detail::c_strings(files);
  const std::vector<const char*> rules = detail::c_strings(options.rules);
  vyre_gate_options c = VYRE_INIT(vyre_gate_options);
  c.rules = rules.data();
  c.rule_count = rules.size();
  c.baseline = options.baseline.empty() ? nullptr : options.baseline.c_str();
  std::int32_t passed = 0;
  vyre_blob* text = nullptr;
  vyre_blob* json = nullptr;
  const detail::Failed failed{
      vyre_report_gate(paths.data(), paths.size(), &c, &passed, &text, &json)};
  if (failed) return failed.error();
  return GateAnswer{passed != 0, Blob(text), Blob(json)};
}

/// What a run has done between two of its reports, on one line of JSON; `before` may be empty.
[[nodiscard]] inline Result<Blob> snapshot_of_reports(const std::string& before,
                                                      const std::string& now) {
  vyre_blob* line = nullptr;
  const detail::Failed failed{
      vyre_report_snapshot(before.empty() ? nullptr : before.c_str(), now.c_str(), &line)};
  if (failed) return failed.error();
  return Blob(line);
}

/// The runs of report files for other tools; `format` as in docs/report-tools.md.
[[nodiscard]] inline Result<Blob> export_reports(const std::vector<std::string>& files,
                                                 const std::string& format) {
  const std::vector<const char*> paths = detail::c_strings(files);
  vyre_blob* text = nullptr;
  const detail::Failed failed{
      vyre_report_export(paths.data(), paths.size(), format.c_str(), &text)};
  if (failed) return failed.error();
  return Blob(text);
}

}  // namespace vyre::VYRE_V0
