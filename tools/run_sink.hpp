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
  std::uint64_t seen{0};  // with an offset: leading bytes that the chunk before it had, too
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

/// The files that the outputs go to, by file, the total last, and then by wanted output; none if
/// they are printed, or if only the run says how many items have outputs of their own (--chunk).
[[nodiscard]] std::vector<std::string> stored_paths(const RunPlan& plan, const RunOptions& options);

class Sink {
 public:
  Sink(const Shell& shell, const RunPlan& plan, const RunOptions& options);
  [[nodiscard]] Status begin(std::string_view executor);
  /// An item is done. `outputs`: every returned buffer in declaration order.
  [[nodiscard]] Status done(const ItemName& item, std::span<const ByteSpan> outputs);
  [[nodiscard]] Status failed(const ItemName& item, const Error& error);
  /// All items of a file have come, or it could not be read.
  [[nodiscard]] Status end_file(const ItemName& file);
  /// What was printed so far goes out.
  [[nodiscard]] Status flush() { return out_.flush(); }
  /// What was stored is on the disk. The error is of the system.
  [[nodiscard]] Status sync() { return files_.sync(); }
  /// `error`: what failed after the items, if anything did.
  [[nodiscard]] Status end(const Error* error);
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  /// The system refused an output file.
  [[nodiscard]] bool write_failed() const { return write_failed_; }

 private:
  /// An output on its way out, as the index of a wanted one.
  struct Shown {
    std::size_t wanted;
    ByteSpan bytes;
  };
  /// Parts of an output, of a file and of all files.
  struct Parts {
    Reduction file;
    Reduction total;
  };

  [[nodiscard]] Result<ByteSpan> part_of(const WantedOutput& output,
                                         std::span<const ByteSpan> outputs) const;
  [[nodiscard]] Reduction empty(const WantedOutput& output) const;
  [[nodiscard]] Status give_out(const ItemName& item, std::span<const Shown> outputs);
  [[nodiscard]] Status add_to_total(const ItemName& file);
  [[nodiscard]] Status give_total();
  [[nodiscard]] std::vector<std::string> paths_of(const ItemName& item);
  [[nodiscard]] Status print(const ItemName& item, const WantedOutput& output, ByteSpan bytes);
  [[nodiscard]] Status store(const std::string& path, const WantedOutput& output, ByteSpan bytes);
  [[nodiscard]] Status json_item(const std::string& row);

  const Shell& shell_;
  const RunPlan& plan_;
  const RunOptions& options_;
  Output out_;
  bool labelled_;  // several lines need to say whose they are
  std::uint64_t rows_{0};
  std::uint64_t failures_{0};
  bool write_failed_{false};
  platform::OutputFiles files_;
  std::vector<std::string> paths_;  // see stored_paths
  OutputNames names_;               // of chunks
  std::uint64_t ended_{0};          // files, in their order
  std::vector<Parts> parts_;        // by wanted output
  bool file_done_{false};           // an item of the file is
  bool file_failed_{false};         // so it has no output that its items make together
  std::uint64_t totalled_{0};       // files in the total
  bool in_total_{false};
  std::string total_json_;  // its member of the one object
};

}  // namespace vyre::cli
