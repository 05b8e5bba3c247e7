// What a device bench says: rows of our number beside its baselines of the same run. Host only.
// A row travels as one line of JSON, so that a section in a process of its own can hand over each
// row when it has it. Spec: docs/internals/benchmarking.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace vyre::bench {

/// No value: was not measured, and `why_absent` says why.
struct Number {
  std::string name;
  std::optional<double> value;
  std::string why_absent;

  Number(std::string called, double measured) : name(std::move(called)), value(measured) {}
  Number(std::string called, const Result<double>& measured);
};

struct Row {
  std::string section;
  std::string name;  // as a Google Benchmark name: "Rate/producers:4"
  std::string unit;
  Number ours{"", 0.0};
  std::vector<Number> baselines;  // the first is the one that the table shows
  std::optional<double> goal;     // of our number, or of its ratio to the first baseline
  bool goal_is_ratio{false};
  bool less_is_better{false};
  std::vector<std::pair<std::string, double>> details;  // p50, p99, max, bytes, ...
};

[[nodiscard]] std::string to_line(const Row& row);

/// Where a section's rows go: standard output of its process, or the file descriptor of the parent.
class RowSink {
 public:
  explicit RowSink(int descriptor) : descriptor_(descriptor) {}
  void add(const Row& row) const { write_line(to_line(row)); }
  /// A fact about the run: device, driver.
  void fact(std::string_view name, std::string_view value) const;

 private:
  void write_line(std::string line) const;
  int descriptor_;
};

/// The lines of all sections -> the file's JSON: context (given facts first), rows.
[[nodiscard]] std::string to_document(
    const std::vector<std::string>& lines,
    const std::vector<std::pair<std::string, std::string>>& facts);
/// A short table for a terminal.
[[nodiscard]] std::string to_table(const std::vector<std::string>& lines);

/// Facts every device bench records of its host: build with commit, processor, kernel, date, load.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> host_facts();

}  // namespace vyre::bench
