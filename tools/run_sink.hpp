// Where the outputs of `vyre run` go: standard output, one file, or a directory.
// Errors of standard output end the run; a file that cannot be written fails its item only.
#pragma once

#include <string>
#include <vector>

#include "run_plan.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// The files that the outputs go to, by item and then by wanted output; none if they are printed.
[[nodiscard]] std::vector<std::string> stored_paths(const RunPlan& plan, const RunOptions& options);

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
  /// The system refused an output file.
  [[nodiscard]] bool write_failed() const { return write_failed_; }

 private:
  [[nodiscard]] Status print(const std::string& file, const WantedOutput& output, ByteSpan bytes);
  [[nodiscard]] Status store(const std::string& path, const WantedOutput& output, ByteSpan bytes);
  [[nodiscard]] Status json_item(const std::string& row);

  const Shell& shell_;
  const RunPlan& plan_;
  const RunOptions& options_;
  Output out_;
  bool labelled_;  // several lines need to say whose they are
  std::uint64_t items_{0};
  std::uint64_t failures_{0};
  bool write_failed_{false};
  std::vector<std::string> paths_;  // see stored_paths
  std::uint64_t ended_{0};          // items, in the order of the files
};

}  // namespace vyre::cli
