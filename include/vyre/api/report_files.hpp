// Report files: a few lines for people, and one JSON array. Spec: docs/report.md.
#pragma once

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

}  // namespace vyre::VYRE_V0
