// See numbers.hpp.
#include "report/numbers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <type_traits>

#include "base/message.hpp"
#include "fields.hpp"
#include "row_keys.hpp"

namespace vyre::report {
namespace {

struct KeyRule {
  std::string_view key;
  MergeRule rule;
};
/// Of keys whose numbers are no sums.
constexpr std::array<KeyRule, 24> kRules{{{"max_worker_count", MergeRule::maximum},
                                          {"supported", MergeRule::maximum},
                                          {"hit_capacity", MergeRule::maximum},
                                          {"estimated_peak_device_bytes", MergeRule::maximum},
                                          {"peak_resident_bytes", MergeRule::maximum},
                                          {"slots", MergeRule::maximum},
                                          {"max_ns", MergeRule::maximum},
                                          {"p50_ns", MergeRule::maximum},
                                          {"p99_ns", MergeRule::maximum},
                                          {"depth_p50", MergeRule::maximum},
                                          {"depth_p99", MergeRule::maximum},
                                          {"depth_max", MergeRule::maximum},
                                          {"registered_regions", MergeRule::maximum},
                                          {"registered_bytes", MergeRule::maximum},
                                          {"vm_pin_kib", MergeRule::maximum},
                                          {"occupancy_proxy_bps", MergeRule::same},
                                          {"frontier_density_bps", MergeRule::same},
                                          {"device_memory_budget_bytes", MergeRule::same},
                                          {"compiled_pipeline_cache_hit", MergeRule::same},
                                          {"resident_input_cache_hit", MergeRule::same},
                                          {"op_handle", MergeRule::first},
                                          {"queue", MergeRule::first},
                                          {"errno", MergeRule::first},
                                          {"command_rest", MergeRule::first}}};

/// Visits a document and writes down its numbers. Texts, words, buckets, faults and lineage are
/// none.
class Flatten {
 public:
  explicit Flatten(std::vector<Number>& out) : out_(out) {}

  template <class T>
  void operator()(const char* key, T& value) {
    const std::string before = path_;
    path_ += (path_.empty() ? "" : ".") + std::string(key);
    add(key, value);
    path_ = before;
  }
  template <class T>
  void later(const char* key, T& value) {
    (*this)(key, value);
  }

 private:
  void put(const char* key, std::optional<double> value) {
    out_.push_back({path_, key, value, rows_, false});
  }
  template <class T>
  void add(const char* key, T& value) {
    if constexpr (HasFields<T>::value) {
      visit_fields(*this, value);
    } else if constexpr (std::is_arithmetic_v<T>) {
      put(key, static_cast<double>(value));
    }
  }
  void add(const char* key, std::chrono::nanoseconds& value) {
    put(key, static_cast<double>(value.count()));
  }
  template <class T>
  void add(const char* key, std::optional<T>& value) {
    if (value) {
      add(key, *value);
    } else if constexpr (std::is_arithmetic_v<T>) {
      put(key, std::nullopt);
    }
  }
  template <class T>
  void add(const char*, std::vector<T>& rows) {
    if constexpr (HasRowKey<T>::value) {
      const std::string path = path_;
      std::set<std::string> known;
      for (T& row : rows) {
        RowKey key = row_key(row);
        // Ops of one name, which runs on different executors merge to.
        if constexpr (std::is_same_v<T, OpRow>) {
          if (!known.insert(key.key).second) key.key = key_with_executor(row);
        }
        path_ = message("{}[{}]", path, key.key);
        rows_.push_back(std::move(key));
        visit_fields(*this, row);
        rows_.pop_back();
      }
      path_ = path;
    }
  }

  std::vector<Number>& out_;
  std::string path_;
  std::vector<RowKey> rows_;
};

/// Puts something into every place of a document, so that all names come out.
struct Fill {
  template <class T>
  void operator()(const char*, T& value) {
    fill(value);
  }
  template <class T>
  void later(const char*, T& value) {
    fill(value);
  }
  template <class T>
  void fill(T& value) {
    if constexpr (HasFields<T>::value) visit_fields(*this, value);
  }
  template <class T>
  void fill(std::optional<T>& value) {
    fill(value.emplace());
  }
  template <class T>
  void fill(std::vector<T>& rows) {
    if constexpr (HasRowKey<T>::value) fill(rows.emplace_back());
  }
};

using Value = std::optional<double>;

Value over(Value a, Value b) {
  if (!a || !b || *b == 0) return std::nullopt;
  return *a / *b;
}

double seconds(const Document& d) {
  return std::chrono::duration<double>(d.report.wall_time).count();
}
Value input_bytes(const Document& d) {
  if (!d.work) return std::nullopt;
  return static_cast<double>(d.work->input_bytes());
}
Value cpu_seconds(const Document& d) {
  if (!d.process) return std::nullopt;
  return static_cast<double>(d.process->user_ns + d.process->system_ns) / 1e9;
}

struct ShortName {
  std::string_view name;
  Value (*of)(const Document&);
};
constexpr std::array<ShortName, 11> kShortNames{{
    {"items", [](const Document& d) -> Value { return d.report.items_processed; }},
    {"faults", [](const Document& d) -> Value { return d.faults_total; }},
    {"failed_inputs", [](const Document& d) -> Value { return d.input_failures.size(); }},
    {"runs", [](const Document& d) -> Value { return d.run.documents; }},
    {"wall_s", [](const Document& d) -> Value { return seconds(d); }},
    {"items_per_s", [](const Document& d) { return over(d.report.items_processed, seconds(d)); }},
    {"input_bytes", input_bytes},
    {"gbps", [](const Document& d) { return over(input_bytes(d), seconds(d) * 1e9); }},
    {"cpu_s", cpu_seconds},
    {"files", [](const Document& d) { return d.work ? Value(d.work->files) : std::nullopt; }},
    {"hits",
     [](const Document& d) {
       return d.work && d.work->hits ? Value(*d.work->hits) : std::nullopt;
     }},
}};

}  // namespace

MergeRule merge_rule(std::string_view key) noexcept {
  for (const KeyRule& known : kRules) {
    if (known.key == key) return known.rule;
  }
  return MergeRule::sum;
}

std::vector<Number> numbers_of(const Document& document) {
  std::vector<Number> numbers;
  for (const ShortName& one : kShortNames)
    numbers.push_back({std::string(one.name), one.name, one.of(document), {}, true});
  Document copy = document;  // the list of fields is over mutable ones
  Flatten flatten(numbers);
  visit_fields(flatten, copy);
  visit_sections(flatten, copy);
  return numbers;
}

const Number* find_number(const std::vector<Number>& numbers, std::string_view name) {
  const auto found = std::find_if(numbers.begin(), numbers.end(),
                                  [&](const Number& number) { return number.name == name; });
  return found == numbers.end() ? nullptr : &*found;
}

std::string without_keys(std::string_view name) {
  std::string out;
  bool inside = false;
  for (const char c : name) {
    inside = inside && c != ']';
    if (!inside) out += c;
    inside = inside || c == '[';
  }
  return out;
}

bool may_be_number(std::string_view name) {
  static const std::set<std::string> names = [] {
    Document full;
    Fill fill;
    visit_fields(fill, full);
    visit_sections(fill, full);
    std::set<std::string> all;
    for (const Number& number : numbers_of(full)) all.insert(without_keys(number.name));
    return all;
  }();
  return names.contains(without_keys(name));
}

std::string number_text(double value) {
  char text[40];
  const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.4g", value);
  return text;
}

}  // namespace vyre::report
