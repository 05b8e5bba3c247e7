// Reports: the JSON document, upstream's counters, summaries of files.
#include "report.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "blob.hpp"
#include "protocol/fault_causes.hpp"
#include "session.hpp"
#include "structures.hpp"

namespace vyre::abi {
namespace {

constexpr std::int64_t kMaxIndent{16};

/// A value that was measured, and the bit that says so.
template <class T>
void set(vyre_counters& counters, int bit, std::uint64_t& into, const std::optional<T>& value) {
  if (!value) return;
  into = static_cast<std::uint64_t>(*value);
  counters.present |= std::uint64_t{1} << bit;
}

vyre_counters counters_of(const MegakernelReport& report) {
  const MegakernelTelemetry& t = report.telemetry;
  vyre_counters c{};
  c.items_processed = report.items_processed;
  c.items_remaining = report.items_remaining;
  c.wall_time_ns = static_cast<std::uint64_t>(report.wall_time.count());
  c.deduped_items = report.deduped_items;
  c.published_items = report.published_items;
  c.lineage_items = report.lineage_items;
  set(c, VYRE_HAS_QUEUE_PLAN_NS, c.queue_plan_ns, report.queue_plan_ns);
  set(c, VYRE_HAS_QUEUE_PUBLISH_NS, c.queue_publish_ns, report.queue_publish_ns);
  set(c, VYRE_HAS_BACKEND_DISPATCH_NS, c.backend_dispatch_ns, report.backend_dispatch_ns);
  set(c, VYRE_HAS_LINEAGE_NS, c.lineage_ns, report.lineage_ns);
  set(c, VYRE_HAS_BYTES_UPLOADED, c.bytes_uploaded, t.bytes_uploaded);
  set(c, VYRE_HAS_BYTES_READ_BACK, c.bytes_read_back, t.bytes_read_back);
  set(c, VYRE_HAS_BYTES_MOVED, c.bytes_moved, t.bytes_moved);
  set(c, VYRE_HAS_RESIDENT_ALLOCATIONS, c.resident_allocations, t.resident_allocations);
  set(c, VYRE_HAS_KERNEL_LAUNCHES, c.kernel_launches, t.kernel_launches);
  set(c, VYRE_HAS_SYNC_POINTS, c.sync_points, t.sync_points);
  set(c, VYRE_HAS_OCCUPANCY_PROXY_BPS, c.occupancy_proxy_bps, t.occupancy_proxy_bps);
  set(c, VYRE_HAS_FRONTIER_DENSITY_BPS, c.frontier_density_bps, t.frontier_density_bps);
  set(c, VYRE_HAS_READBACK_BUFFERS, c.readback_buffers, t.readback_buffers);
  set(c, VYRE_HAS_COMPILED_PIPELINE_CACHE_HIT, c.compiled_pipeline_cache_hit,
      t.compiled_pipeline_cache_hit);
  set(c, VYRE_HAS_RESIDENT_INPUT_CACHE_HIT, c.resident_input_cache_hit, t.resident_input_cache_hit);
  set(c, VYRE_HAS_TOPOLOGY, c.topology, t.topology);
  set(c, VYRE_HAS_PRESSURE, c.pressure, t.pressure);
  set(c, VYRE_HAS_EXECUTION_MODE, c.execution_mode, t.execution_mode);
  set(c, VYRE_HAS_HIT_CAPACITY, c.hit_capacity, t.hit_capacity);
  set(c, VYRE_HAS_ESTIMATED_PEAK_DEVICE_BYTES, c.estimated_peak_device_bytes,
      t.estimated_peak_device_bytes);
  set(c, VYRE_HAS_DEVICE_MEMORY_BUDGET_BYTES, c.device_memory_budget_bytes,
      t.device_memory_budget_bytes);
  return c;
}

Result<std::vector<report::Document>> documents_of(const char* const* paths, std::size_t count) {
  VYRE_ASSIGN(const auto files, read_paths(paths, count, "paths"));
  std::vector<report::Document> documents;
  for (const std::string& path : files) {
    auto read = report::read_documents(path);
    if (!read) {
      Error error = std::move(read).error();
      const std::string name = message("'{}'", path);  // also where it reads standard input
      if (error.message.find(name) == std::string::npos)
        error.message = message("{}: {}", name, error.message);
      return tl::unexpected<Error>(std::move(error));
    }
    for (report::Document& document : *read) documents.push_back(std::move(document));
  }
  return documents;
}

std::string array_of(const std::vector<report::Document>& documents) {
  std::string json = "[";
  for (const report::Document& document : documents) {
    json += (json.size() == 1 ? "" : ",") + report::to_json(document, -1);
  }
  return json + "]";
}

/// The report of a session, whose faults have the places of their statements where ops have texts.
report::Document placed_report(vyre_session& session) {
  report::Document document = session.engine.report();
  for (report::FaultRow& fault : document.faults) {
    if (!fault.op_handle || fault.status != CompletionStatus::faulted) continue;
    if (!fault_cause(fault.fault.code, false).empty()) continue;  // no statement ran
    if (const auto places = session.ops.places(*fault.op_handle))
      fault.place = places->words_of(fault.fault.statement);
  }
  return document;
}

}  // namespace

Status check_indent(std::int64_t indent) {
  if (indent <= kMaxIndent) return {};
  return fail(Errc::invalid_argument,
              message("indent is {}; it is at most {} spaces", indent, kMaxIndent));
}

namespace {

Status add_debug(report::Document& document, const vyre_report_options& wanted) {
  VYRE_ASSIGN(std::vector<std::string> records,
              read_strings(wanted.debug_records, wanted.debug_record_count, "debug_records"));
  if (wanted.watched == 0) return {};
  if (records.size() > wanted.debug_written) {
    return fail(Errc::invalid_argument,
                message("{} debug_records are given, and debug_written is {}", records.size(),
                        wanted.debug_written));
  }
  records.resize(std::min(records.size(), report::kMaxReportedRecords));
  const std::uint64_t rest = wanted.debug_written - records.size();
  document.debug = {wanted.debug_written, wanted.debug_dropped, std::move(records), rest};
  return {};
}

Status add_files(report::Document& document, const vyre_report_options& wanted) {
  VYRE_TRY(given_array(wanted.files, wanted.file_count, "files"));
  if (wanted.by_file == 0) return {};
  report::FilesSection& files = document.files.emplace();
  const std::size_t listed = std::min(wanted.file_count, report::kMaxReportedFiles);
  for (std::size_t i = 0; i < listed; ++i) {
    const vyre_input_total& file = wanted.files[i];
    VYRE_TRY(given(file.name, "the name of a file"));
    files.rows.push_back({file.name, file.bytes, file.items, file.failed});
  }
  files.rows_rest = wanted.file_count - listed;
  return {};
}

}  // namespace

Result<vyre_blob*> report_of(report::Document document, const vyre_report_options* options) {
  VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_report_options"));
  VYRE_TRY(given_array(wanted.command, wanted.command_count, "command"));
  VYRE_TRY(given_array(wanted.input_failures, wanted.input_failure_count, "input_failures"));
  VYRE_TRY(check_indent(wanted.indent));
  std::vector<std::string> command;
  for (std::size_t i = 0; i < wanted.command_count; ++i) {
    VYRE_TRY(given(wanted.command[i], "a word of the command"));
    command.emplace_back(wanted.command[i]);
  }
  report::set_command(document.run, command);
  VYRE_TRY(given_array(wanted.labels, wanted.label_count, "labels"));
  for (std::size_t i = 0; i < wanted.label_count; ++i) {
    VYRE_TRY(given(wanted.labels[i], "a label"));
    VYRE_TRY(report::add_label(document.run, wanted.labels[i]));
  }
  for (std::size_t i = 0; i < wanted.input_failure_count; ++i) {
    const vyre_input_failure& failure = wanted.input_failures[i];
    VYRE_TRY(given(failure.what, "`what` of an input failure"));
    VYRE_TRY(given(failure.why, "`why` of an input failure"));
    document.input_failures.push_back({failure.what, failure.why});
  }
  VYRE_TRY(add_debug(document, wanted));
  VYRE_TRY(add_files(document, wanted));
  const int indent = wanted.indent == 0 ? -1 : static_cast<int>(wanted.indent);
  return make_blob(report::to_json(document, indent));
}

}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_report_json(vyre_session* session, int32_t indent, vyre_blob** json) {
  return guarded("vyre_report_json", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(json, "json"));
    VYRE_TRY(check_indent(indent));
    *json = make_blob(report::to_json(placed_report(*session), indent));
    return {};
  });
}

vyre_error* vyre_session_timeline(vyre_session* session, vyre_blob** json) {
  return guarded("vyre_session_timeline", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(json, "json"));
    VYRE_ASSIGN(const std::string text, session->engine.timeline());
    *json = make_blob(text);
    return {};
  });
}

vyre_error* vyre_session_report(vyre_session* session, const vyre_report_options* options,
                                vyre_blob** json) {
  return guarded("vyre_session_report", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(json, "json"));
    VYRE_ASSIGN(*json, report_of(placed_report(*session), options));
    return {};
  });
}

vyre_error* vyre_report_counters(vyre_session* session, vyre_counters* counters) {
  return guarded("vyre_report_counters", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(counters, "counters"));
    VYRE_TRY(check_output(counters, "vyre_counters"));
    write_output(counters, counters_of(session->engine.report().report));
    return {};
  });
}

vyre_error* vyre_report_regions(vyre_session* session, uint32_t* regions, size_t capacity,
                                size_t* count) {
  return guarded("vyre_report_regions", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given_array(regions, capacity, "regions"));
    VYRE_TRY(given(count, "count"));
    const std::vector<std::uint32_t> all = session->engine.report().report.region_lineage;
    std::copy_n(all.begin(), std::min(all.size(), capacity), regions);
    *count = all.size();
    return {};
  });
}

vyre_error* vyre_report_summary(const char* const* paths, size_t count, vyre_blob** text) {
  return guarded("vyre_report_summary", [&]() -> Status {
    VYRE_TRY(given(text, "text"));
    VYRE_ASSIGN(const auto documents, documents_of(paths, count));
    *text = make_blob(report::summarise(documents));
    return {};
  });
}

vyre_error* vyre_report_read(const char* const* paths, size_t count, vyre_blob** summary,
                             vyre_blob** json) {
  return guarded("vyre_report_read", [&]() -> Status {
    VYRE_ASSIGN(const auto documents, documents_of(paths, count));
    // Both are made before either is given, so that nothing is left where memory runs out.
    std::unique_ptr<vyre_blob> lines;
    if (summary != nullptr) lines.reset(make_blob(report::summarise(documents)));
    if (json != nullptr) *json = make_blob(array_of(documents));
    if (summary != nullptr) *summary = lines.release();
    return {};
  });
}

vyre_error* vyre_report_lineage(const char* const* paths, size_t count, uint32_t format,
                                vyre_blob** text) {
  return guarded("vyre_report_lineage", [&]() -> Status {
    VYRE_TRY(given(text, "text"));
    if (format != VYRE_LINEAGE_TEXT && format != VYRE_LINEAGE_DOT) {
      return fail(Errc::invalid_argument,
                  message("format {} of a lineage is not known: VYRE_LINEAGE_TEXT and "
                          "VYRE_LINEAGE_DOT are",
                          format));
    }
    VYRE_ASSIGN(const auto documents, documents_of(paths, count));
    VYRE_ASSIGN(const std::string lines, format == VYRE_LINEAGE_DOT
                                             ? report::lineage_graph(documents)
                                             : report::lineage_text(documents));
    *text = make_blob(lines);
    return {};
  });
}
