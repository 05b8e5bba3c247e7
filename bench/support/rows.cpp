#include "support/rows.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "platform/host_info.hpp"

namespace vyre::bench {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string shown(const Json& value) {
  if (!value.is_number()) return "-";
  char text[32];
  const double v = value.get<double>();
  std::snprintf(text, sizeof text, v >= 1000 ? "%.0f" : v >= 10 ? "%.1f" : "%.3f", v);
  return text;
}

}  // namespace

Number::Number(std::string called, const Result<double>& measured) : name(std::move(called)) {
  if (measured) {
    value = *measured;
  } else {
    why_absent = to_string(measured.error());
  }
}

std::string to_line(const Row& row) {
  Json json;
  json["section"] = row.section;
  json["name"] = row.name;
  json["unit"] = row.unit;
  json["less_is_better"] = row.less_is_better;
  json["value"] = number(row.ours.value);
  if (!row.ours.value) json["why_absent"] = row.ours.why_absent;
  std::optional<double> first_ratio;
  json["baselines"] = Json::array();
  for (const Number& baseline : row.baselines) {
    Json one;
    one["name"] = baseline.name;
    one["value"] = number(baseline.value);
    std::optional<double> ratio;
    if (row.ours.value && baseline.value && *baseline.value != 0)
      ratio = *row.ours.value / *baseline.value;
    one["ratio"] = number(ratio);
    if (!baseline.value) one["why_absent"] = baseline.why_absent;
    if (&baseline == &row.baselines.front()) first_ratio = ratio;
    json["baselines"].push_back(std::move(one));
  }
  if (row.goal) {
    const std::optional<double> judged = row.goal_is_ratio ? first_ratio : row.ours.value;
    Json goal;
    goal["value"] = *row.goal;
    goal["of"] = row.goal_is_ratio ? "ratio" : "value";
    goal["met"] = judged ? Json(row.less_is_better ? *judged <= *row.goal : *judged >= *row.goal)
                         : Json(nullptr);
    json["goal"] = std::move(goal);
  }
  for (const auto& [name, value] : row.details) json["details"][name] = value;
  return json.dump();
}

void RowSink::fact(std::string_view name, std::string_view value) const {
  Json json;
  json["fact"] = name;
  json["is"] = value;
  write_line(json.dump());
}

void RowSink::write_line(std::string line) const {
  line.push_back('\n');
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t n = ::write(descriptor_, line.data() + at, line.size() - at);
    if (n <= 0) return;  // the parent is gone and reads no more
    at += static_cast<std::size_t>(n);
  }
}

std::string to_document(const std::vector<std::string>& lines,
                        const std::vector<std::pair<std::string, std::string>>& facts) {
  Json document;
  for (const auto& [name, value] : facts) document["context"][name] = value;
  document["rows"] = Json::array();
  for (const std::string& line : lines) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) continue;  // cut short: its section was killed while it wrote
    if (json.contains("fact")) {
      document["context"][json["fact"].get<std::string>()] = json["is"];
    } else {
      document["rows"].push_back(std::move(json));
    }
  }
  return document.dump(1) + "\n";
}

std::string to_table(const std::vector<std::string>& lines) {
  std::string table;
  char row[256];
  std::snprintf(row, sizeof row, "%-44s %11s %-10s %11s %8s  %s\n", "name", "ours", "unit",
                "baseline", "ratio", "baseline is; goal");
  table += row;
  for (const std::string& line : lines) {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded() || json.contains("fact")) continue;
    Json none;
    const Json& baselines = json["baselines"];
    const Json& first = baselines.empty() ? none : baselines.front();
    std::string note = first.is_null() ? "" : first.value("name", "");
    if (json.contains("goal")) {
      const Json& goal = json["goal"];
      note += "; goal " + shown(goal["value"]) + (goal["of"] == "ratio" ? " x" : "") + ": " +
              (goal["met"].is_null()     ? "?"
               : goal["met"].get<bool>() ? "met"
                                         : "missed");
    }
    if (json.contains("why_absent")) note += "; " + json["why_absent"].get<std::string>();
    const std::string name =
        json["section"].get<std::string>() + "/" + json["name"].get<std::string>();
    std::snprintf(row, sizeof row, "%-44.44s %11s %-10.10s %11s %8s  ", name.c_str(),
                  shown(json["value"]).c_str(), json["unit"].get<std::string>().c_str(),
                  shown(first.is_null() ? none : first["value"]).c_str(),
                  shown(first.is_null() ? none : first["ratio"]).c_str());
    table += row + note + "\n";
  }
  return table;
}

std::vector<std::pair<std::string, std::string>> host_facts() {
  double load[3] = {0, 0, 0};
  const bool known = ::getloadavg(load, 3) == 3;
  return {{"date", platform::utc_now_rfc3339()},
          {"build", platform::build_description()},
          {"cpu", platform::cpu_model()},
          {"logical_cpus", std::to_string(platform::logical_cpus())},
          {"kernel", platform::kernel_release()},
          {"load_avg", known ? std::to_string(load[0]) : "unknown"}};
}

}  // namespace vyre::bench
