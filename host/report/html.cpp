// Reports as one page of HTML that needs nothing else: no script, no network, and charts as SVG
// inside it. See export.hpp. Every text of a report is escaped.
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "base/message.hpp"
#include "report/documents.hpp"
#include "report/export.hpp"
#include "report/latency.hpp"
#include "report/merge.hpp"
#include "report/names.hpp"
#include "report/numbers.hpp"
#include "words.hpp"

namespace vyre::report {
namespace {

/// Rows of the table of runs, and points of the chart.
constexpr std::size_t kShownRuns{200};

constexpr std::string_view kHead{
    R"(<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<style>
:root { --ground: #fff; --text: #1c1e21; --quiet: #555c66; --line: #d4d8de; --ink: #1f5fbf; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181c; --text: #e8eaed; --quiet: #a9b1bc; --line: #3a414b; --ink: #7fb2ff; }
}
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--ground);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.quiet { color: var(--quiet); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; }
dt { color: var(--quiet); } dd { margin: 0; font-size: 1.3rem; }
li { overflow-wrap: anywhere; }
.wide { overflow-x: auto; } .wide:focus { outline: 2px solid var(--ink); }
table { border-collapse: collapse; } caption { text-align: left; color: var(--quiet); }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th[scope=row] { white-space: normal; overflow-wrap: break-word; min-width: 9rem;
  max-width: 20rem; }
td:has(svg) { white-space: normal; min-width: 7rem; }
td svg { display: block; margin-left: auto; }
@media print {
  :root { --ground: #fff; --text: #000; --quiet: #444; --line: #aaa; --ink: #1f5fbf; }
  body { max-width: none; padding: 0; font-size: 9pt; }
  .wide { overflow: visible; }
  th, td { white-space: normal; padding: .2rem .3rem; } th[scope=row] { min-width: 0; }
  tr, svg { break-inside: avoid; } h2 { break-after: avoid; }
}
svg { fill: var(--ink); stroke: var(--ink); max-width: 100%; height: auto; }
</style>
)"};

std::string in_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // No text of a report is a control character of the page.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

std::string ns_text(std::uint64_t ns) {
  return time_text(static_cast<double>(ns));
}

std::string fixed(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::optional<double> value_of(const std::vector<Number>& numbers, std::string_view name) {
  const Number* const found = find_number(numbers, name);
  return found == nullptr ? std::nullopt : found->value;
}

std::string gbps_text(const std::vector<Number>& numbers) {
  const auto gbps = value_of(numbers, "gbps");
  return gbps ? bytes_text(static_cast<std::uint64_t>(*gbps * 1e9)) + "/s" : "not measured";
}

void tile(std::string& page, std::string_view what, const std::string& value) {
  page += message("<div><dt>{}</dt><dd>{}</dd></div>\n", what, value);
}

using Row = std::vector<std::string>;  // of HTML

/// Lines may end behind the separators of a path.
std::string breakable(std::string_view html) {
  std::string out;
  for (const char c : html) {
    out += c;
    if (c == '/' || c == '_') out += "<wbr>";
  }
  return out;
}

void table(std::string& page, std::string_view name, const Row& heads,
           const std::vector<Row>& rows) {
  page += message(
      "<div class=\"wide\" role=\"region\" aria-label=\"{}\" tabindex=\"0\">\n<table>\n"
      "<caption>{}</caption>\n<thead><tr>",
      name, name);
  for (const std::string& head : heads) page += message("<th scope=\"col\">{}</th>", head);
  page += "</tr></thead>\n<tbody>\n";
  for (const Row& row : rows) {
    page += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c)
      page += c == 0 ? message("<th scope=\"row\">{}</th>", breakable(row[c]))
                     : message("<td>{}</td>", row[c]);
    page += "</tr>\n";
  }
  page += "</tbody>\n</table>\n</div>\n";
}

/// A bar for each bucket, as high as it has values.
std::string histogram(const LatencySummary& latency, const std::string& what) {
  if (!latency.buckets) return "";
  constexpr double kHeight{24};
  constexpr double kBar{3};
  std::uint64_t most = 1;
  for (const LatencyBucket& bucket : *latency.buckets) most = std::max(most, bucket.count);
  const double width = kBar * static_cast<double>(latency.buckets->size());
  std::string svg = message(
      "<svg role=\"img\" aria-label=\"{}\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" "
      "stroke-width=\"0\">",
      what, fixed(width), fixed(kHeight), fixed(width), fixed(kHeight));
  double x = 0;
  for (const LatencyBucket& bucket : *latency.buckets) {
    const double share = static_cast<double>(bucket.count) / static_cast<double>(most);
    const double high = std::max(1.0, share * kHeight);
    svg += message("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", fixed(x),
                   fixed(kHeight - high), fixed(kBar - 0.5), fixed(high));
    x += kBar;
  }
  return svg + "</svg>";
}

std::string times_text(const std::optional<LatencySummary>& latency, const std::string& what) {
  if (!latency) return "<span class=\"quiet\">not measured</span>";
  return message(
      "{} / {} / {} {}", ns_text(latency->p50_ns), ns_text(latency->p99_ns),
      ns_text(latency->max_ns),
      histogram(*latency, in_html(message("{}: from {} values, p50 {}, p99 {}", what,
                                          values_of(*latency).value_or(0), ns_text(latency->p50_ns),
                                          ns_text(latency->p99_ns)))));
}

/// What the page says of one run.
struct RunRow {
  std::string id, started_at, labels;
  double wall_s{0};
  std::uint64_t items{0};
  std::uint64_t faults{0};
  std::optional<double> rate;  // items a second
  std::string gbps;
};

RunRow row_of(const Document& d) {
  const std::vector<Number> numbers = numbers_of(d);
  RunRow row{d.run.id,
             d.run.started_at,
             {},
             value_of(numbers, "wall_s").value_or(0),
             d.report.items_processed,
             d.faults_total,
             value_of(numbers, "items_per_s"),
             gbps_text(numbers)};
  for (const auto& [name, value] : d.run.labels)
    row.labels += message("{}{}={}", row.labels.empty() ? "" : ", ", name, value);
  return row;
}

/// Items a second of each run, from left to right.
void chart(std::string& page, const std::vector<RunRow>& runs) {
  double most = 0;
  for (const RunRow& run : runs) most = std::max(most, run.rate.value_or(0));
  if (runs.size() < 2 || most <= 0) return;
  constexpr double kWidth{600};
  constexpr double kHeight{120};
  std::string points;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].rate) continue;
    const double x = kWidth * static_cast<double>(i) / static_cast<double>(runs.size() - 1);
    const double y = (kHeight - 4) * (1 - *runs[i].rate / most) + 2;
    points += message("{}{},{}", points.empty() ? "" : " ", fixed(x), fixed(y));
  }
  page += message(
      "<h2>Items a second, run by run</h2>\n<p class=\"quiet\">From 0 to {}, {} runs from "
      "left to right</p>\n<svg role=\"img\" aria-label=\"items a second of {} "
      "runs; the most is {}\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\"><polyline "
      "fill=\"none\" stroke-width=\"2\" points=\"{}\"/></svg>\n",
      rate_text(most), runs.size(), runs.size(), rate_text(most), fixed(kWidth), fixed(kHeight),
      fixed(kWidth), fixed(kHeight), points);
}

void add_tiles(std::string& page, const Document& all) {
  page += "<dl>\n";
  tile(page, "items", std::to_string(all.report.items_processed));
  tile(page, "not done", std::to_string(all.faults_total));
  tile(page, "run time", ns_text(static_cast<std::uint64_t>(all.report.wall_time.count())));
  if (all.work) {
    tile(page, "input", bytes_text(all.work->input_bytes()));
    tile(page, "speed", gbps_text(numbers_of(all)));
    tile(page, "files", std::to_string(all.work->files));
    if (all.work->hits) tile(page, "hits", std::to_string(*all.work->hits));
  }
  if (all.process) {
    tile(page, "processor time", ns_text(all.process->user_ns + all.process->system_ns));
    tile(page, "peak memory", bytes_text(all.process->peak_resident_bytes));
  }
  page += "</dl>\n";
}

void add_ops(std::string& page, const Document& all) {
  std::vector<Row> rows;
  for (const OpRow& op : all.ops) {
    const std::string name = in_html(op.name);
    rows.push_back({name, in_html(op.executor), std::to_string(op.items), std::to_string(op.faults),
                    std::to_string(op.cancelled),
                    times_text(op.latency, message("latency of {}", op.name)),
                    times_text(op.queueing, message("queueing of {}", op.name)),
                    times_text(op.running, message("running of {}", op.name))});
  }
  if (rows.empty()) return;
  page += "<h2>Ops</h2>\n";
  table(page, "Times are p50, p99 and the longest",
        {"op", "executor", "items", "faulted", "cancelled", "latency", "queueing", "running"},
        rows);
}

void add_ingest(std::string& page, const Document& all) {
  if (!all.ingest || all.ingest->tiers.empty()) return;
  std::vector<Row> rows;
  for (const IngestTier& tier : all.ingest->tiers) {
    rows.push_back({in_html(tier.tier), std::to_string(tier.files),
                    std::to_string(tier.completed_operations), bytes_text(tier.completed_bytes),
                    bytes_text(tier.direct_bytes), std::to_string(tier.failed_operations)});
  }
  page += "<h2>Reading</h2>\n";
  table(page, message("By {}", in_html(all.ingest->door)),
        {"tier", "files", "reads", "bytes", "of these direct", "failed"}, rows);
}

void add_files(std::string& page, const Document& all) {
  if (!all.files || all.files->rows.empty()) return;
  std::vector<Row> rows;
  for (const FileRow& file : all.files->rows) {
    if (rows.size() == kShownRuns) break;
    rows.push_back({in_html(file.name), bytes_text(file.bytes), std::to_string(file.items),
                    std::to_string(file.failed)});
  }
  page += "<h2>Files</h2>\n";
  table(page,
        message("The first {} of {}", rows.size(), all.files->rows.size() + all.files->rows_rest),
        {"file", "bytes", "items", "of these failed"}, rows);
}

void add_records(std::string& page, const Document& all) {
  if (!all.debug) return;
  page += message(
      "<h2>What watches wrote down</h2>\n<p class=\"quiet\">The first {} of {} records; {} "
      "found no room</p>\n<ol>\n",
      all.debug->records.size(), all.debug->written, all.debug->dropped);
  for (const std::string& record : all.debug->records)
    page += message("<li>{}</li>\n", in_html(record));
  page += "</ol>\n";
}

void add_failures(std::string& page, const Document& all) {
  std::vector<Row> rows;
  for (const FaultRow& fault : all.faults) {
    rows.push_back({in_html(fault.op), in_html(enum_name(fault.status)),
                    in_html(enum_name(fault.fault.code)), std::to_string(fault.queue),
                    std::to_string(fault.position)});
  }
  if (!rows.empty()) {
    page += "<h2>Items that were not done</h2>\n";
    table(page, message("The first {} of {}", rows.size(), all.faults_total),
          {"op", "status", "code", "queue", "position"}, rows);
  }
  rows.clear();
  for (const InputFailure& failure : all.input_failures) {
    if (rows.size() == kShownRuns) break;
    rows.push_back({in_html(failure.what), in_html(failure.message)});
  }
  if (rows.empty()) return;
  page += "<h2>Inputs that failed</h2>\n";
  table(page, message("{} of {}", rows.size(), all.input_failures.size()), {"input", "why"}, rows);
}

void add_runs(std::string& page, const std::vector<RunRow>& runs, std::uint64_t count) {
  std::vector<Row> rows;
  for (const RunRow& run : runs) {
    rows.push_back({in_html(run.started_at), in_html(run.id.substr(0, 8)), in_html(run.labels),
                    time_text(run.wall_s * 1e9), std::to_string(run.items),
                    std::to_string(run.faults), run.rate ? rate_text(*run.rate) : "", run.gbps});
  }
  page += "<h2>Runs</h2>\n";
  table(page, message("The last {} of {}", runs.size(), count),
        {"started", "id", "labels", "run time", "items", "not done", "items a second", "speed"},
        rows);
}

}  // namespace

Result<std::string> html(const std::vector<std::string>& files) {
  std::optional<Document> all;
  std::vector<RunRow> runs;
  std::uint64_t count = 0;
  for (const std::string& file : files) {
    VYRE_TRY(for_each_document(file, [&](Document&& document) -> Status {
      ++count;
      if (runs.size() == kShownRuns) runs.erase(runs.begin());
      runs.push_back(row_of(document));
      if (all) return merge_into(*all, document);
      all = std::move(document);
      return {};
    }));
  }
  const std::string title = count == 1 ? message("vyre run {}", in_html(all->run.id.substr(0, 8)))
                                       : message("{} runs of vyre", count);
  std::string page =
      message("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>{}</title>\n{}", title, kHead);
  page += message(
      "</head>\n<body>\n<main>\n<h1>{}</h1>\n<p class=\"quiet\">{} to {}, on {}{}, {}</p>\n", title,
      in_html(runs.front().started_at), in_html(runs.back().started_at), in_html(all->run.host),
      all->run.device ? ", " + in_html(*all->run.device) : "", in_html(all->run.build));
  add_tiles(page, *all);
  chart(page, runs);
  add_ops(page, *all);
  add_ingest(page, *all);
  add_files(page, *all);
  add_failures(page, *all);
  add_records(page, *all);
  add_runs(page, runs, count);
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace vyre::report
