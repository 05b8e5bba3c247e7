// What a report says of a run and the library cannot know. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// An input that could not be had.
struct InputFailure {
  std::string what;  // "notes.txt"
  std::string why;
};
/// What watches of a run wrote down (Program::watched()).
struct DebugRecords {
  std::uint64_t written{0};
  std::uint64_t dropped{0};
  std::vector<std::string> records;  // the first ones, a line each
};
/// What one input file came to.
struct InputTotal {
  std::string name;
  std::uint64_t bytes{0};  // that its items were given, each once
  std::uint64_t items{0};
  std::uint64_t failed{0};  // of these: they have no outputs, or the file could not be read
};
struct ReportOptions {
  std::uint32_t indent{0};           // spaces a level; 0: one line
  std::vector<std::string> command;  // the words of the command line
  std::vector<InputFailure> input_failures{};
  std::vector<std::string> labels{};  // "NAME=VALUE"
  std::optional<DebugRecords> debug{};
  std::optional<std::vector<InputTotal>> files{};
};

namespace detail {

/// `make(options, json)` is a call of the C ABI.
template <class Make>
[[nodiscard]] Result<Blob> report_json(const ReportOptions& options, const Make& make) {
  const std::vector<const char*> command = c_strings(options.command);
  std::vector<vyre_input_failure> failures;
  failures.reserve(options.input_failures.size());
  for (const InputFailure& failure : options.input_failures)
    failures.push_back({failure.what.c_str(), failure.why.c_str()});
  vyre_report_options c = VYRE_INIT(vyre_report_options);
  c.indent = options.indent;
  c.command = command.data();
  c.command_count = command.size();
  c.input_failures = failures.data();
  c.input_failure_count = failures.size();
  const std::vector<const char*> labels = c_strings(options.labels);
  c.labels = labels.data();
  c.label_count = labels.size();
  std::vector<const char*> records;
  if (options.debug) {
    records = c_strings(options.debug->records);
    c.watched = 1;
    c.debug_records = records.data();
    c.debug_record_count = records.size();
    c.debug_written = options.debug->written;
    c.debug_dropped = options.debug->dropped;
  }
  std::vector<vyre_input_total> files;
  if (options.files) {
    for (const InputTotal& file : *options.files)
      files.push_back({file.name.c_str(), file.bytes, file.items, file.failed});
    c.by_file = 1;
    c.files = files.data();
    c.file_count = files.size();
  }
  vyre_blob* json = nullptr;
  const Failed failed{make(&c, &json)};
  if (failed) return failed.error();
  return Blob(json);
}

}  // namespace detail

}  // namespace vyre::VYRE_V0
