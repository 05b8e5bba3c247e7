// Reports as OTLP in its JSON form: metrics, and a span for each run. See export.hpp. 64-bit
// numbers are texts there, and ids hexadecimal.
#include <ctime>
#include <map>

#include "base/digest.hpp"
#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "metrics.hpp"
#include "report/documents.hpp"
#include "report/export.hpp"
#include "report/latency.hpp"

namespace vyre::report {
namespace {

constexpr int kCumulative{2};
constexpr int kInternalSpan{1};
constexpr int kSpanFailed{2};
/// Regions and faults that a span spells out.
constexpr std::size_t kSpanRows{256};

void text_attribute(JsonWriter& json, std::string_view key, std::string_view value) {
  json.begin_object().member("key", key).key("value").begin_object();
  json.member("stringValue", value).end_object().end_object();
}
void count_attribute(JsonWriter& json, std::string_view key, std::uint64_t value) {
  json.begin_object().member("key", key).key("value").begin_object();
  json.member("intValue", std::to_string(value)).end_object().end_object();
}
void list_attribute(JsonWriter& json, std::string_view key,
                    const std::vector<std::string>& values) {
  json.begin_object().member("key", key).key("value").begin_object().key("arrayValue");
  json.begin_object().key("values").begin_array();
  for (const std::string& value : values)
    json.begin_object().member("stringValue", value).end_object();
  json.end_array().end_object().end_object().end_object();
}

/// Seconds of "2026-11-22T16:00:00Z" as nanoseconds; 0 where a document says no time.
std::uint64_t unix_ns(const std::string& rfc3339) {
  std::tm utc{};
  const char* const end = ::strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  const std::time_t seconds = end == nullptr ? 0 : ::timegm(&utc);
  return seconds <= 0 ? 0 : static_cast<std::uint64_t>(seconds) * 1'000'000'000;
}

struct Times {
  std::string start;
  std::string end;
};
Times times_of(const Document& d) {
  const std::uint64_t start = unix_ns(d.run.started_at);
  return {std::to_string(start),
          std::to_string(start + static_cast<std::uint64_t>(d.report.wall_time.count()))};
}

void write_resource(JsonWriter& json, const Document& d) {
  json.key("resource").begin_object().key("attributes").begin_array();
  text_attribute(json, "service.name", "vyre");
  text_attribute(json, "service.instance.id", d.run.id);
  text_attribute(json, "service.version", d.run.build);
  text_attribute(json, "vyre.host", d.run.host);
  if (d.run.device) text_attribute(json, "vyre.device", *d.run.device);
  if (d.run.executor) text_attribute(json, "vyre.executor", *d.run.executor);
  for (const auto& [name, value] : d.run.labels) text_attribute(json, name, value);
  json.end_array().end_object();
}

void begin_point(JsonWriter& json, const Times& times, const std::vector<RowKey>& rows) {
  json.begin_object().key("attributes").begin_array();
  for (const RowKey& row : rows) text_attribute(json, row.what, row.key);
  json.end_array().member("startTimeUnixNano", times.start).member("timeUnixNano", times.end);
}

std::string_view otlp_unit(std::string_view unit) {
  return unit == "seconds" ? "s" : unit == "bytes" ? "By" : "1";
}

/// The numbers of one name, a point each.
void write_numbers(JsonWriter& json, const std::vector<const Number*>& numbers,
                   const Times& times) {
  const Metric metric = metric_of(*numbers.front());
  const bool counts = merge_rule(numbers.front()->key) == MergeRule::sum;
  json.begin_object().member("name", metric.name).member("unit", otlp_unit(metric.unit));
  json.key(counts ? "sum" : "gauge").begin_object().key("dataPoints").begin_array();
  for (const Number* const number : numbers) {
    begin_point(json, times, number->rows);
    json.member("asDouble", *number->value * metric.scale).end_object();
  }
  json.end_array();
  if (counts) json.member("aggregationTemporality", kCumulative).member("isMonotonic", true);
  json.end_object().end_object();
}

void write_point(JsonWriter& json, const LatencySummary& latency, const Times& times,
                 const std::vector<RowKey>& rows) {
  begin_point(json, times, rows);
  json.member("count", std::to_string(*values_of(latency)));
  json.member("sum", static_cast<double>(*latency.sum_ns) / 1e9);
  json.member("max", static_cast<double>(latency.max_ns) / 1e9);
  // A count for each bound, and one for what is above all of them: of the last bucket that there
  // can be, which has no bound.
  std::vector<double> bounds;
  std::string above = "0";
  json.key("bucketCounts").begin_array();
  for (const LatencyBucket& bucket : *latency.buckets) {
    if (LogBuckets::bucket(bucket.up_to_ns) + 1 == LogBuckets::kBuckets) {
      above = std::to_string(bucket.count);
    } else {
      json.value(std::to_string(bucket.count));
      bounds.push_back(static_cast<double>(bucket.up_to_ns) / 1e9);
    }
  }
  json.value(above).end_array().member("explicitBounds", bounds).end_object();
}

struct NamedTime {
  const std::optional<LatencySummary>& time;
  std::vector<RowKey> rows;
};
void write_histogram(JsonWriter& json, std::string_view name, const std::vector<NamedTime>& all,
                     const Times& times) {
  std::vector<const NamedTime*> there;
  for (const NamedTime& one : all) {
    if (one.time && one.time->buckets) there.push_back(&one);
  }
  if (there.empty()) return;
  json.begin_object().member("name", name).member("unit", "s").key("histogram").begin_object();
  json.key("dataPoints").begin_array();
  for (const NamedTime* const one : there) write_point(json, *one->time, times, one->rows);
  json.end_array().member("aggregationTemporality", kCumulative).end_object().end_object();
}

void write_metrics(JsonWriter& json, const Document& d) {
  const Times times = times_of(d);
  const std::vector<Number> numbers = numbers_of(d);
  std::map<std::string, std::vector<const Number*>> by_name;
  for (const Number& number : numbers) {
    if (is_metric(number)) by_name[without_keys(number.name)].push_back(&number);
  }
  for (const auto& [name, all] : by_name) write_numbers(json, all, times);
  std::vector<NamedTime> latency, queueing, running;
  for (const OpRow& op : d.ops) {
    const std::vector<RowKey> rows{{"op", op.name}, {"executor", op.executor}};
    latency.push_back({op.latency, rows});
    queueing.push_back({op.queueing, rows});
    running.push_back({op.running, rows});
  }
  write_histogram(json, "vyre.op.latency", latency, times);
  write_histogram(json, "vyre.op.queueing", queueing, times);
  write_histogram(json, "vyre.op.running", running, times);
  if (d.ingest) write_histogram(json, "vyre.ingest.latency", {{d.ingest->latency, {}}}, times);
}

std::string joined(const auto& numbers) {
  std::string text;
  for (const auto number : numbers) text += message("{}{}", text.empty() ? "" : ",", number);
  return text;
}

void write_lineage(JsonWriter& json, const LineageSection& lineage) {
  list_attribute(json, "vyre.lineage.rules", lineage.rules);
  std::vector<std::string> regions;
  for (const LineageRegion& region : lineage.regions) {
    if (regions.size() == kSpanRows) break;
    regions.push_back(message("{}:{} {} items={} rules={} from={}", region.queue, region.position,
                              region.form, region.items, joined(region.rules),
                              joined(region.from)));
  }
  count_attribute(json, "vyre.lineage.regions_rest",
                  lineage.regions.size() - regions.size() + lineage.regions_rest);
  list_attribute(json, "vyre.lineage.regions", regions);
}

/// The id of a run is one of a trace; other texts have a digest that is.
std::string trace_id(const std::string& run) {
  constexpr std::size_t kDigits{32};
  const bool fits =
      run.size() == kDigits && run.find_first_not_of("0123456789abcdef") == std::string::npos;
  return fits ? run : blake3(as_bytes(run)).hex().substr(0, kDigits);
}

void write_span(JsonWriter& json, const Document& d) {
  const Times times = times_of(d);
  const std::string id = trace_id(d.run.id);
  json.begin_object().member("traceId", id).member("spanId", id.substr(16));
  json.member("name", d.run.command.size() > 1 ? message("vyre {}", d.run.command[1]) : "vyre");
  json.member("kind", kInternalSpan);
  json.member("startTimeUnixNano", times.start).member("endTimeUnixNano", times.end);
  json.key("attributes").begin_array();
  count_attribute(json, "vyre.items", d.report.items_processed);
  count_attribute(json, "vyre.faults", d.faults_total);
  if (d.work) count_attribute(json, "vyre.input_bytes", d.work->input_bytes());
  if (!d.run.command.empty()) list_attribute(json, "process.command_args", d.run.command);
  for (const OpRow& op : d.ops) {
    count_attribute(json, message("vyre.op.{}.items", op.name), op.items);
    if (op.program) text_attribute(json, message("vyre.op.{}.program", op.name), *op.program);
  }
  std::vector<std::string> failures;
  for (const InputFailure& failure : d.input_failures) {
    if (failures.size() == kSpanRows) break;
    failures.push_back(message("{}: {}", failure.what, failure.message));
  }
  if (!failures.empty()) list_attribute(json, "vyre.input_failures", failures);
  if (d.lineage) write_lineage(json, *d.lineage);
  json.end_array();
  if (d.faults_total != 0) {
    json.key("status").begin_object().member("code", kSpanFailed);
    json.member("message", message("{} items were not done", d.faults_total)).end_object();
  }
  json.end_object();
}

/// {OF_RESOURCES: [{"resource": ..., OF_SCOPES: [{"scope": ..., NAME: [...]}]}]}, a resource a run.
Result<std::string> otlp(const std::vector<std::string>& files, const char* resources,
                         const char* scopes, const char* name,
                         void (*write)(JsonWriter&, const Document&)) {
  JsonWriter json;
  json.begin_object().key(resources).begin_array();
  for (const std::string& file : files) {
    VYRE_TRY(for_each_document(file, [&](Document&& d) -> Status {
      json.begin_object();
      write_resource(json, d);
      json.key(scopes).begin_array().begin_object();
      json.key("scope").begin_object().member("name", "vyre.report").end_object();
      json.key(name).begin_array();
      write(json, d);
      json.end_array().end_object().end_array().end_object();
      return {};
    }));
  }
  return std::move(json.end_array().end_object()).text() + "\n";
}

}  // namespace

Result<std::string> otlp_metrics(const std::vector<std::string>& files) {
  return otlp(files, "resourceMetrics", "scopeMetrics", "metrics", write_metrics);
}
Result<std::string> otlp_traces(const std::vector<std::string>& files) {
  return otlp(files, "resourceSpans", "scopeSpans", "spans", write_span);
}

}  // namespace vyre::report
