// Where the outputs of `vyre run` go: standard output, one file, or a directory.
// Errors of standard output end the run; a file that cannot be written fails its item only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/message.hpp"
#include "platform/output.hpp"
#include "run_plan.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// An item by its file, and by its place in it where files are cut into chunks.
struct ItemName {
  std::string file;  // empty: the one item of a run without files
  std::optional<std::uint64_t> offset{};
  /// FILE or FILE@OFFSET.
  [[nodiscard]] std::string text() const { return offset ? message("{}@{}", file, *offset) : file; }
};

/// Names of the files that outputs of items go to in a directory.
class OutputNames {
 public:
  OutputNames(const RunPlan& plan, std::string directory)
      : plan_(plan), directory_(std::move(directory)) {}
  /// A path for each wanted output. Files of one name from different folders, and buffers whose
  /// names look alike, stay apart.
  [[nodiscard]] std::vector<std::string> of(const ItemName& item);

 private:
  const RunPlan& plan_;
  std::string directory_;
  std::unordered_set<std::string> used_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

/// The files that the outputs go to, by item and then by wanted output; none if they are printed,
/// or if only the run says how many items there are (--chunk).
[[nodiscard]] std::vector<std::string> stored_paths(const RunPlan& plan, const RunOptions& options);

class Sink {
 public:
  Sink(const Shell& shell, const RunPlan& plan, const RunOptions& options);
  [[nodiscard]] Status begin(std::string_view executor);
  /// `outputs`: every returned buffer in declaration order.
  [[nodiscard]] Status done(const ItemName& item, std::span<const ByteSpan> outputs);
  [[nodiscard]] Status failed(const ItemName& item, const Error& error);
  /// What was stored is on the disk. The error is of the system.
  [[nodiscard]] Status sync() { return files_.sync(); }
  /// `error`: what failed after the items, if anything did.
  [[nodiscard]] Status end(const Error* error);
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  /// The system refused an output file.
  [[nodiscard]] bool write_failed() const { return write_failed_; }

 private:
  [[nodiscard]] std::vector<std::string> paths_of(const ItemName& item);
  [[nodiscard]] Status print(const ItemName& item, const WantedOutput& output, ByteSpan bytes);
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
  platform::OutputFiles files_;
  std::vector<std::string> paths_;  // see stored_paths
  OutputNames names_;               // of chunks
  std::uint64_t ended_{0};          // items, in the order of the files
};

}  // namespace vyre::cli
