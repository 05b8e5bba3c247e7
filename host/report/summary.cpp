// A report in a few lines for people, and the facts about this process that open one.
// Any thread. Page: docs/report.md.
#include <algorithm>
#include <chrono>
#include <map>

#include "base/message.hpp"
#include "ingest.hpp"
#include "platform/host_info.hpp"
#include "protocol/fault_causes.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/limits.hpp"
#include "report/report.hpp"
#include "words.hpp"

namespace vyre::report {
namespace {

/// What all of them took in and used; empty where one of them does not say.
std::string use_lines(const std::vector<Document>& documents) {
  WorkSection work;
  ProcessSection process;
  std::chrono::nanoseconds wall{0};
  std::optional<std::uint64_t> hits;
  for (const Document& d : documents) {
    if (!d.work || !d.process) return "";
    work.files += d.work->files;
    work.read_bytes += d.work->input_bytes();
    work.output_bytes += d.work->output_bytes;
    if (d.work->hits) hits = hits.value_or(0) + *d.work->hits;
    process.user_ns += d.process->user_ns;
    process.system_ns += d.process->system_ns;
    process.peak_resident_bytes =
        std::max(process.peak_resident_bytes, d.process->peak_resident_bytes);
    wall += d.report.wall_time;
  }
  std::string text = message("  in {} of {} files", bytes_text(work.read_bytes), work.files);
  if (const double seconds = std::chrono::duration<double>(wall).count(); seconds > 0) {
    const double a_second = static_cast<double>(work.read_bytes) / seconds;
    text += message(", {}/s", bytes_text(static_cast<std::uint64_t>(a_second)));
  }
  text += message("; out {}", bytes_text(work.output_bytes));
  if (hits) text += message("; {} hits", *hits);
  return text + message("\n  processors {} user, {} system; {} of memory at most\n",
                        time_text(static_cast<double>(process.user_ns)),
                        time_text(static_cast<double>(process.system_ns)),
                        bytes_text(process.peak_resident_bytes));
}

/// What several documents say of one op.
struct OpSum {
  std::uint64_t items{0};
  std::uint64_t faults{0};
  std::uint64_t cancelled{0};
  std::vector<std::uint64_t> p50;
  std::vector<std::uint64_t> p99;
  std::uint64_t max{0};
};

std::string op_line(const std::string& name, const OpSum& op) {
  std::string line = message("  {}: {} items", name, op.items);
  if (op.faults != 0) line += message(", {} faulted", op.faults);
  if (op.cancelled != 0) line += message(", {} cancelled", op.cancelled);
  if (!op.p50.empty()) {
    line += message(
        ", latency p50 {} p99 {} max {}", time_text(static_cast<double>(median(op.p50))),
        time_text(static_cast<double>(median(op.p99))), time_text(static_cast<double>(op.max)));
  }
  return line + "\n";
}

/// Older documents do not say, and their built-in ops count as programs.
bool is_builtin(const FaultRow& fault) {
  return fault.op_handle && *fault.op_handle < kFirstUserOp;
}

constexpr std::size_t kSummaryOps{12};
constexpr std::size_t kSummaryFaults{5};
constexpr std::size_t kSummaryFailures{5};

}  // namespace

std::string summarise(const std::vector<Document>& documents) {
  if (documents.empty()) return "no reports\n";
  std::uint64_t processed = 0, remaining = 0, deduped = 0, faults = 0, wall = 0, moved = 0;
  bool moved_known = true;
  std::vector<std::uint64_t> walls;
  std::map<std::string, OpSum> ops;
  for (const Document& d : documents) {
    processed += d.report.items_processed;
    remaining += d.report.items_remaining;
    deduped += d.report.deduped_items;
    faults += d.faults_total;
    const auto ns = static_cast<std::uint64_t>(d.report.wall_time.count());
    wall += ns;
    walls.push_back(ns);
    moved_known = moved_known && d.report.telemetry.bytes_moved.has_value();
    moved += d.report.telemetry.bytes_moved.value_or(0);
    for (const OpRow& row : d.ops) {
      OpSum& sum = ops[row.name];
      sum.items += row.items;
      sum.faults += row.faults;
      sum.cancelled += row.cancelled;
      if (row.latency) {
        sum.p50.push_back(row.latency->p50_ns);
        sum.p99.push_back(row.latency->p99_ns);
        sum.max = std::max(sum.max, row.latency->max_ns);
      }
    }
  }

  std::string text;
  const Document& first = documents.front();
  if (documents.size() == 1) {
    text += message("run {} at {}\n", first.run.id, first.run.started_at);
    text += message("  on {}\n", first.run.device ? *first.run.device : first.run.host);
    for (const auto& [name, label] : first.run.labels) text += message("  {}={}\n", name, label);
    if (!first.run.device && !first.run.why_no_device.empty())
      text += message("  no device: {}\n", first.run.why_no_device);
  } else {
    text += message("{} runs, {} to {}\n", documents.size(), first.run.started_at,
                    documents.back().run.started_at);
  }
  text += message("{} items processed", processed);
  if (remaining != 0) text += message(", {} remaining", remaining);
  if (deduped != 0) text += message(", {} deduplicated", deduped);
  text += message(", {} not done, in {}", faults, time_text(static_cast<double>(wall)));
  if (wall != 0)
    text += message(" ({})",
                    rate_text(static_cast<double>(processed) * 1e9 / static_cast<double>(wall)));
  if (documents.size() > 1)
    text += message(", median run {}", time_text(static_cast<double>(median(walls))));
  text += moved_known ? message(", {} moved\n", bytes_text(moved)) : ", bytes moved not measured\n";

  text += use_lines(documents);
  std::vector<std::pair<std::string, OpSum>> rows(ops.begin(), ops.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.items > b.second.items; });
  for (std::size_t i = 0; i < rows.size() && i < kSummaryOps; ++i)
    text += op_line(rows[i].first, rows[i].second);
  if (rows.size() > kSummaryOps) text += message("  and {} more ops\n", rows.size() - kSummaryOps);

  std::vector<const IngestSection*> ingest;
  std::chrono::nanoseconds reading{0};
  for (const Document& d : documents) {
    if (!d.ingest) continue;
    ingest.push_back(&*d.ingest);
    reading += d.report.wall_time;
  }
  text += summarise_ingest(ingest, reading);

  std::size_t shown = 0;
  std::size_t failures = 0;
  for (const Document& d : documents) {
    for (const FaultRow& f : d.faults) {
      if (shown++ >= kSummaryFaults) break;
      text += message("  item {}:{} ({}) {}: {}", f.queue, f.position, f.op, status_name(f.status),
                      fault_name(f.fault.code));
      const bool builtin = is_builtin(f);
      if (const auto cause = fault_cause(f.fault.code, builtin); !cause.empty()) {
        text += message(": {}", cause);
      } else if (f.status == CompletionStatus::faulted && !builtin) {
        text += message(" at workgroup {}, lane {}, statement {}", f.fault.workgroup, f.fault.lane,
                        f.fault.statement);
        if (f.place) text += message(" at {}", *f.place);
      }
      text += "\n";
    }
    for (const InputFailure& f : d.input_failures) {
      if (failures++ < kSummaryFailures) text += message("  input {}: {}\n", f.what, f.message);
    }
  }
  if (failures > kSummaryFailures)
    text += message("  and {} more inputs failed\n", failures - kSummaryFailures);
  return text;
}

ProcessSection process_since(const platform::ProcessUse& before) {
  const platform::ProcessUse now = platform::process_use();
  return {now.user_ns - before.user_ns, now.system_ns - before.system_ns, now.peak_resident_bytes};
}

void set_command(RunInfo& run, const std::vector<std::string>& command) {
  run.command.clear();
  for (const std::string& word : command) {
    if (run.command.size() == kMaxReportedWords) break;
    run.command.push_back(word.size() <= kMaxReportedWordBytes
                              ? word
                              : word.substr(0, kMaxReportedWordBytes) + "...");
  }
  run.command_rest = command.size() - run.command.size();
}

Status add_label(RunInfo& run, std::string_view label) {
  const auto refused = [&](std::string why) {
    return fail(Errc::invalid_argument,
                message("label '{}' {}; write NAME=VALUE", label.substr(0, 60), why));
  };
  const std::size_t equals = label.find('=');
  if (equals == std::string_view::npos) return refused("has no '='");
  const std::string name(label.substr(0, equals));
  const std::string_view text = label.substr(equals + 1);
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool fits = !name.empty() && !digit(name[0]) && name.size() <= kMaxLabelBytes &&
                    std::all_of(name.begin(), name.end(),
                                [&](char c) { return letter(c) || digit(c) || c == '_'; });
  if (!fits)
    return refused("has a name of other than letters, digits and '_', or with a digit first");
  if (text.size() > kMaxLabelBytes) {
    return refused(
        message("has a value of {} bytes; the limit is {}", text.size(), kMaxLabelBytes));
  }
  if (run.labels.contains(name)) return refused("names a label that is given twice");
  if (run.labels.size() == kMaxLabels)
    return refused(message("is one too many: the limit is {}", kMaxLabels));
  run.labels.emplace(name, text);
  return {};
}

RunInfo describe_run(std::vector<std::string> command) {
  RunInfo run;
  run.id = platform::random_id();
  run.started_at = platform::utc_now_rfc3339();
  set_command(run, command);
  run.build = platform::build_description();
  run.host = message("{}, {} logical CPUs, {}", platform::cpu_model(), platform::logical_cpus(),
                     platform::kernel_release());
  return run;
}

}  // namespace vyre::report
