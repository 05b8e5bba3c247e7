// Reports of several runs: merged, compared, judged and converted.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "blob.hpp"
#include "guard.hpp"
#include "report.hpp"
#include "report/diff.hpp"
#include "report/documents.hpp"
#include "report/export.hpp"
#include "report/gate.hpp"
#include "report/merge.hpp"
#include "report/snapshot.hpp"
#include "structures.hpp"
#include "vyre/vyre.h"

namespace vyre::abi {
namespace {

Result<std::vector<std::string>> paths_of(const char* const* paths, std::size_t count) {
  VYRE_ASSIGN(auto files, read_paths(paths, count, "paths"));
  if (files.empty()) return fail(Errc::invalid_argument, "no report file is given");
  return files;
}

Result<report::Document> merged(const std::vector<std::string>& files) {
  std::optional<report::Document> all;
  for (const std::string& file : files) {
    VYRE_TRY(report::for_each_document(file, [&](report::Document&& document) -> Status {
      if (all) return report::merge_into(*all, document);
      all = std::move(document);
      return {};
    }));
  }
  return *std::move(all);  // a file without a document is an error
}

/// Both are made before either is given, so that nothing is left where memory runs out.
void give_both(const std::string& lines, const std::string& document, vyre_blob** text,
               vyre_blob** json) {
  std::unique_ptr<vyre_blob> first;
  if (text != nullptr) first.reset(make_blob(lines));
  if (json != nullptr) *json = make_blob(document);
  if (text != nullptr) *text = first.release();
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_report_merge(const char* const* paths, size_t count, int32_t indent,
                              vyre_blob** json) {
  return guarded("vyre_report_merge", [&]() -> Status {
    VYRE_TRY(given(json, "json"));
    VYRE_TRY(check_indent(indent));
    VYRE_ASSIGN(const auto files, paths_of(paths, count));
    VYRE_ASSIGN(const report::Document document, merged(files));
    *json = make_blob(report::to_json(document, indent));
    return {};
  });
}

vyre_error* vyre_report_diff(const char* before, const char* after, vyre_blob** text,
                             vyre_blob** json) {
  return guarded("vyre_report_diff", [&]() -> Status {
    VYRE_TRY(given(before, "before"));
    VYRE_TRY(given(after, "after"));
    VYRE_ASSIGN(const auto rows, report::differences(before, after));
    give_both(report::difference_text(rows), report::difference_json(rows), text, json);
    return {};
  });
}

vyre_error* vyre_report_gate(const char* const* paths, size_t count,
                             const vyre_gate_options* options, int32_t* passed, vyre_blob** text,
                             vyre_blob** json) {
  return guarded("vyre_report_gate", [&]() -> Status {
    VYRE_TRY(given(passed, "passed"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_gate_options"));
    VYRE_TRY(given_array(wanted.rules, wanted.rule_count, "rules"));
    VYRE_ASSIGN(const auto files, paths_of(paths, count));
    std::vector<report::Rule> rules;
    for (std::size_t i = 0; i < wanted.rule_count; ++i) {
      VYRE_TRY(given(wanted.rules[i], "a rule"));
      VYRE_ASSIGN(auto some, report::parse_rules(wanted.rules[i]));
      for (report::Rule& rule : some) rules.push_back(std::move(rule));
    }
    VYRE_ASSIGN(const auto verdicts,
                report::judge(files, rules, wanted.baseline == nullptr ? "" : wanted.baseline));
    give_both(report::verdict_text(verdicts), report::verdict_json(verdicts), text, json);
    *passed = report::all_hold(verdicts) ? 1 : 0;
    return {};
  });
}

vyre_error* vyre_report_snapshot(const char* before, const char* now, vyre_blob** line) {
  return guarded("vyre_report_snapshot", [&]() -> Status {
    VYRE_TRY(given(now, "now"));
    VYRE_TRY(given(line, "line"));
    std::optional<report::Document> earlier;
    if (before != nullptr) {
      VYRE_ASSIGN(earlier, report::from_json(before));
    }
    VYRE_ASSIGN(const report::Document document, report::from_json(now));
    VYRE_ASSIGN(const std::string text, report::snapshot(earlier ? &*earlier : nullptr, document));
    *line = make_blob(text);
    return {};
  });
}

vyre_error* vyre_report_export(const char* const* paths, size_t count, const char* format,
                               vyre_blob** text) {
  return guarded("vyre_report_export", [&]() -> Status {
    VYRE_TRY(given(text, "text"));
    VYRE_TRY(given(format, "format"));
    VYRE_ASSIGN(const auto files, paths_of(paths, count));
    VYRE_ASSIGN(const std::string lines, report::exported(files, format));
    *text = make_blob(lines);
    return {};
  });
}
