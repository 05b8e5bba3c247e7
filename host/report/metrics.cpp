// See metrics.hpp.
#include "metrics.hpp"

#include <algorithm>
#include <utility>

namespace vyre::report {

Metric metric_of(const Number& number) {
  constexpr std::pair<std::string_view, std::string_view> kWords[]{
      {"report", ""},           {"telemetry", ""},   {"ops[]", "op"},
      {"queues[]", "queue"},    {"tiers[]", "tier"}, {"retries[]", "retry"},
      {"refused[]", "refused"}, {"acts[]", "act"},   {"rows[]", ""}};
  Metric metric{"vyre", "", 1};
  const std::string path = without_keys(number.name);
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('.', at), path.size());
    std::string_view word = std::string_view(path).substr(at, end - at);
    for (const auto& [in_path, in_metric] : kWords) {
      if (word == in_path) word = in_metric;
    }
    if (!word.empty()) metric.name += "." + std::string(word);
    at = end + 1;
  }
  const auto cut = [&](std::string_view ending) {
    const bool there = metric.name.ends_with(ending);
    if (there) metric.name.resize(metric.name.size() - ending.size());
    return there;
  };
  (void)cut("_total");                    // which the samples of a counter get
  if (cut("_count")) metric.name += "s";  // which those of a histogram have
  if (cut("_ns")) {
    metric.unit = "seconds";
    metric.scale = 1e-9;
  } else if (cut("_bps")) {
    metric.unit = "ratio";
    metric.scale = 1e-4;
  } else if (cut("_kib")) {
    metric.unit = "bytes";
    metric.scale = 1024;
  } else if (cut("_bytes")) {
    metric.unit = "bytes";
  }
  return metric;
}

bool is_metric(const Number& number) {
  return number.value && !number.shorthand && merge_rule(number.key) != MergeRule::first &&
         number.key != "p50_ns" && number.key != "p99_ns" && number.key != "sum_ns";
}

}  // namespace vyre::report
