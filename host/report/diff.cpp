// See diff.hpp.
#include "report/diff.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <unordered_map>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "report/documents.hpp"
#include "report/numbers.hpp"

namespace vyre::report {
namespace {

/// What each run of one file measured, by name.
struct Measured {
  std::vector<std::string> names;  // in the order in which they came first
  std::unordered_map<std::string, std::vector<double>> values;
};

Result<Measured> measured(const std::string& path) {
  Measured all;
  VYRE_TRY(for_each_document(path, [&](Document&& document) -> Status {
    for (const Number& number : numbers_of(document)) {
      if (!number.value || merge_rule(number.key) == MergeRule::first) continue;
      const auto [values, is_new] = all.values.try_emplace(number.name);
      if (is_new) all.names.push_back(number.name);
      values->second.push_back(*number.value);
    }
    return {};
  }));
  return all;
}

bool outside(double value, const Spread& of) {
  return value < of.least || value > of.most;
}

/// As a share of what was before; nullopt where that was nothing.
std::optional<double> change_of(const Difference& d) {
  if (d.before.median == 0) return std::nullopt;
  return d.after.median / d.before.median - 1;
}

/// Half of the wider range, as a share of its median; nullopt where nothing was repeated.
std::optional<double> noise_of(const Difference& d) {
  std::optional<double> noise;
  for (const Spread* const side : {&d.before, &d.after}) {
    if (side->runs < 2 || side->median == 0) continue;
    noise = std::max(noise.value_or(0), (side->most - side->least) / 2 / std::abs(side->median));
  }
  return noise;
}

std::string percent(const char* form, std::optional<double> share) {
  if (!share) return "-";
  char text[40];
  std::snprintf(text, sizeof text, form, *share * 100);
  return text;
}

std::string padded(std::string text, std::size_t width, bool left) {
  // A character above ASCII has more bytes than columns.
  const auto columns = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
  const std::string spaces(width > columns ? width - columns : 0, ' ');
  return left ? text + spaces : spaces + text;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {values.size(), median, values.front(), values.back()};
}

Result<std::vector<Difference>> differences(const std::string& before, const std::string& after) {
  VYRE_ASSIGN(const Measured first, measured(before));
  VYRE_ASSIGN(const Measured second, measured(after));
  std::vector<Difference> rows;
  for (const std::string& name : first.names) {
    const auto other = second.values.find(name);
    if (other == second.values.end()) continue;
    Difference row{name, spread_of(first.values.at(name)), spread_of(other->second)};
    row.changed = outside(row.after.median, row.before) || outside(row.before.median, row.after);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string difference_text(const std::vector<Difference>& differences) {
  std::vector<std::array<std::string, 5>> lines{{"number", "before", "after", "change", "noise"}};
  std::size_t equal = 0;
  std::size_t within = 0;
  for (const Difference& d : differences) {
    if (!d.changed) {
      ++(d.before.median == d.after.median ? equal : within);
      continue;
    }
    lines.push_back({d.name, number_text(d.before.median), number_text(d.after.median),
                     percent("%+.1f%%", change_of(d)), percent("±%.1f%%", noise_of(d))});
  }
  std::array<std::size_t, 5> widths{};
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], line[c].size());
  }
  std::string text;
  for (const auto& line : lines) {
    if (lines.size() == 1) break;
    for (std::size_t c = 0; c < line.size(); ++c)
      text += (c == 0 ? "" : "  ") + padded(line[c], widths[c], c == 0);
    text += "\n";
  }
  if (lines.size() == 1) text += "nothing changed\n";
  return text + message("{} equal, {} within the noise of repeated runs\n", equal, within);
}

std::string difference_json(const std::vector<Difference>& differences) {
  JsonWriter json(2);
  json.begin_object().key("differences").begin_array();
  for (const Difference& d : differences) {
    json.begin_object().member("name", d.name).member("changed", d.changed);
    for (const auto& [side, spread] : {std::pair{"before", &d.before}, {"after", &d.after}}) {
      json.key(side)
          .begin_object()
          .member("runs", spread->runs)
          .member("median", spread->median)
          .member("least", spread->least)
          .member("most", spread->most)
          .end_object();
    }
    json.member("change", change_of(d)).member("noise", noise_of(d)).end_object();
  }
  return std::move(json.end_array().end_object()).text();
}

}  // namespace vyre::report
