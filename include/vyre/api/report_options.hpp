// What a report says of a run and the library cannot know. Any thread.
#pragma once

#include <cstdint>
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
struct ReportOptions {
  std::uint32_t indent{0};           // spaces a level; 0: one line
  std::vector<std::string> command;  // the words of the command line
  std::vector<InputFailure> input_failures{};
  std::vector<std::string> labels{};  // "NAME=VALUE"
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
  vyre_blob* json = nullptr;
  const Failed failed{make(&c, &json)};
  if (failed) return failed.error();
  return Blob(json);
}

}  // namespace detail

}  // namespace vyre::VYRE_V0
