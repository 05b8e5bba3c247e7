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
