// See snapshot.hpp.
#include "report/snapshot.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "report/numbers.hpp"

namespace vyre::report {
namespace {

void write_value(JsonWriter& json, std::string_view name, double value) {
  constexpr double kExact{9'007'199'254'740'992};  // whole numbers below are what they say
  if (value == std::floor(value) && std::abs(value) < kExact) {
    json.member(name, static_cast<std::int64_t>(value));
  } else {
    json.member(name, value);
  }
}

}  // namespace

Result<std::string> snapshot(const Document* before, const Document& now) {
  if (before != nullptr && before->run.id != now.run.id) {
    return fail(Errc::mismatch, message("report: a snapshot is of one run, not of {} and {}",
                                        before->run.id, now.run.id));
  }
  const std::vector<Number> numbers = numbers_of(now);
  std::map<std::string, double> then;
  if (before != nullptr) {
    for (const Number& number : numbers_of(*before)) {
      if (number.value) then[number.name] = *number.value;
    }
  }
  const double seconds_before = then.contains("wall_s") ? then["wall_s"] : 0;
  const double seconds = *find_number(numbers, "wall_s")->value - seconds_before;
  JsonWriter json;
  json.begin_object().member("schema", kSnapshotSchema).member("run", now.run.id);
  json.member("elapsed_ns", now.report.wall_time.count());
  json.member("interval_ns", static_cast<std::int64_t>(std::max(seconds, 0.0) * 1e9));
  json.key("totals").begin_object();
  for (const Number& number : numbers) {
    if (number.value) write_value(json, number.name, *number.value);
  }
  json.end_object().key("deltas").begin_object();
  const auto grew = [&](const Number& number) {
    const auto known = then.find(number.name);
    return *number.value - (known == then.end() ? 0 : known->second);
  };
  for (const Number& number : numbers) {
    if (!number.value || merge_rule(number.key) != MergeRule::sum) continue;
    // Rates are those of the interval.
    if (number.name == "gbps" || number.name == "items_per_s") continue;
    if (const double by = grew(number); by != 0) write_value(json, number.name, by);
  }
  if (seconds > 0) {
    write_value(json, "items_per_s", grew(*find_number(numbers, "items")) / seconds);
    const Number* const input = find_number(numbers, "input_bytes");
    if (input->value) write_value(json, "gbps", grew(*input) / seconds / 1e9);
  }
  return std::move(json.end_object().end_object()).text();
}

}  // namespace vyre::report
