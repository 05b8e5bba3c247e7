// Where the outputs of `vyre run` go: standard output, one file, or a directory.
// Errors of standard output end the run; a file that cannot be written fails its item only.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "run_plan.hpp"
#include "shell.hpp"

namespace vyre::cli {

class Sink {
 public:
  Sink(const Shell& shell, const RunPlan& plan, const RunOptions& options);
  [[nodiscard]] Status begin(std::string_view executor);
  /// `outputs`: every returned buffer in declaration order.
  [[nodiscard]] Status done(const std::string& file, std::vector<Bytes> outputs);
  [[nodiscard]] Status failed(const std::string& file, const Error& error);
  /// `error`: what failed after the items, if anything did.
  [[nodiscard]] Status end(const Error* error);
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  [[nodiscard]] Status print(const std::string& file, const WantedOutput& output, ByteSpan bytes);
  [[nodiscard]] Result<std::string> store(const std::string& file, const WantedOutput& output,
                                          ByteSpan bytes);
  [[nodiscard]] std::string path_for(const std::string& file, const WantedOutput& output);
  [[nodiscard]] Status json_item(const std::string& row);

  const Shell& shell_;
  const RunPlan& plan_;
  const RunOptions& options_;
  Output out_;
  bool labelled_;  // several lines need to say whose they are
  std::uint64_t items_{0};
  std::uint64_t failures_{0};
  std::unordered_map<std::string, std::uint32_t> used_;  // file names given out in the directory
};

}  // namespace vyre::cli
