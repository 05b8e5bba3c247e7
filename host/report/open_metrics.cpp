// Reports as OpenMetrics (version 1.0). See export.hpp. Metrics of a type that Prometheus text does
// not have are avoided, as the textfile collector of the node exporter reads that.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/log_buckets.hpp"
#include "base/message.hpp"
#include "metrics.hpp"
#include "report/documents.hpp"
#include "report/export.hpp"
#include "report/latency.hpp"
#include "report/merge.hpp"
#include "row_keys.hpp"

namespace vyre::report {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

struct Family {
  std::string type;
  std::string unit;
  std::string help;
  std::string samples;
};
using Families = std::map<std::string, Family>;

/// Labels that rows have; one of a run with such a name is written as run_NAME.
constexpr std::string_view kOwnLabels[]{"op",   "executor", "queue",      "tier", "errno",
                                        "rule", "output",   "le",         "id",   "build",
                                        "host", "device",   "started_at", "file"};

std::string in_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out;
}

std::string label_text(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels)
    text += message("{}{}=\"{}\"", text.empty() ? "" : ",", name, in_quotes(value));
  return text.empty() ? text : "{" + text + "}";
}

/// The shortest text of the number, with a point or an exponent, as `le` has to be written.
std::string value_text(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  std::string out(text, end);
  return out.find_first_of(".en") == std::string::npos ? out + ".0" : out;
}

std::string seconds_text(std::uint64_t ns) {
  return value_text(static_cast<double>(ns) / 1e9);
}

void add(Families& families, const std::string& name, std::string_view type, std::string_view unit,
         std::string_view suffix, const Labels& labels, const std::string& value) {
  Family& family = families[name];
  family.type = type;
  family.unit = unit;
  family.samples += message("{}{}{} {}\n", name, suffix, label_text(labels), value);
}

void add_numbers(Families& families, const Document& document, const Labels& run) {
  for (const Number& number : numbers_of(document)) {
    if (!is_metric(number)) continue;
    Labels labels = run;
    for (const RowKey& row : number.rows) labels.emplace_back(row.what, row.key);
    const Metric metric = metric_of(number);
    std::string name = metric.name;
    std::replace(name.begin(), name.end(), '.', '_');
    if (!metric.unit.empty()) name += "_" + std::string(metric.unit);
    const bool counts = merge_rule(number.key) == MergeRule::sum;
    add(families, name, counts ? "counter" : "gauge", metric.unit, counts ? "_total" : "", labels,
        value_text(*number.value * metric.scale));
    families[name].help = message("{} of the reports", without_keys(number.name));
  }
}

/// `of`: the path of the times in a report.
void add_histogram(Families& families, const std::string& name, std::string_view of,
                   const std::optional<LatencySummary>& latency, const Labels& labels) {
  if (!latency || !latency->buckets) return;
  const auto bucket = [&](const std::string& up_to, std::uint64_t values) {
    Labels with = labels;
    with.emplace_back("le", up_to);
    add(families, name, "histogram", "seconds", "_bucket", with, std::to_string(values));
  };
  std::uint64_t values = 0;
  for (const LatencyBucket& one : *latency->buckets) {
    values += one.count;
    // The last bucket has everything beyond, too.
    if (LogBuckets::bucket(one.up_to_ns) + 1 < LogBuckets::kBuckets)
      bucket(seconds_text(one.up_to_ns), values);
  }
  bucket("+Inf", values);
  add(families, name, "histogram", "seconds", "_count", labels, std::to_string(values));
  add(families, name, "histogram", "seconds", "_sum", labels, seconds_text(*latency->sum_ns));
  families[name].help = message("{} of the reports", of);
}

/// Labels of the run, and its executor.
Labels labels_of(const RunInfo& run) {
  Labels labels;
  for (const auto& [name, value] : run.labels) {
    const bool taken =
        name.starts_with("__") ||
        std::find(std::begin(kOwnLabels), std::end(kOwnLabels), name) != std::end(kOwnLabels);
    labels.emplace_back(taken ? "run_" + name : name, value);
  }
  labels.emplace_back("executor", run.executor.value_or(""));
  return labels;
}

void add_document(Families& families, const Document& document) {
  const Labels run = labels_of(document.run);
  add_numbers(families, document, run);
  std::set<std::string> known;
  for (const OpRow& op : document.ops) {
    Labels labels = run;
    labels.emplace_back("op", known.insert(op.name).second ? op.name : key_with_executor(op));
    add_histogram(families, "vyre_op_latency_seconds", "ops[].latency", op.latency, labels);
    add_histogram(families, "vyre_op_queueing_seconds", "ops[].queueing", op.queueing, labels);
    add_histogram(families, "vyre_op_running_seconds", "ops[].running", op.running, labels);
  }
  if (document.ingest)
    add_histogram(families, "vyre_ingest_latency_seconds", "ingest.latency",
                  document.ingest->latency, run);
  Labels info = run;
  const RunInfo& of = document.run;
  info.insert(info.end(), {{"id", of.id},
                           {"build", of.build},
                           {"host", of.host},
                           {"device", of.device.value_or("")},
                           {"started_at", of.started_at}});
  add(families, "vyre_run_info", "gauge", "", "", info, "1");
  families["vyre_run_info"].help = "what ran where: run of the reports";
}

}  // namespace

Result<std::string> open_metrics(const std::vector<std::string>& files) {
  std::map<Labels, Document> groups;
  for (const std::string& file : files) {
    VYRE_TRY(for_each_document(file, [&](Document&& document) -> Status {
      const auto [group, is_new] = groups.try_emplace(labels_of(document.run));
      if (!is_new) return merge_into(group->second, document);
      group->second = std::move(document);
      return {};
    }));
  }
  Families families;
  for (const auto& [labels, document] : groups) add_document(families, document);
  std::string text;
  for (const auto& [name, family] : families) {
    text += message("# TYPE {} {}\n", name, family.type);
    if (!family.unit.empty()) text += message("# UNIT {} {}\n", name, family.unit);
    text += message("# HELP {} {}\n", name, family.help);
    text += family.samples;
  }
  text += "# EOF\n";
  return text;
}

}  // namespace vyre::report
