// The files that a command reads, one after another: those that were named, and what lies in named
// folders, by name. Main thread.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "input_options.hpp"
#include "shell.hpp"

namespace vyre::cli {

struct InputFile {
  std::string path;   // "-" is standard input
  bool named{false};  // itself, and not found in a folder
  bool regular{false};
};

/// Files that the command writes.
struct WalkOutputs {
  std::vector<std::string> paths{};  // an empty one is none
  bool skipped{false};  // they are begun already, and not to be read; else to meet one is an error
};

class FileWalk {
 public:
  /// An empty path is the folder that the command runs in; what lies there has no prefix.
  FileWalk(const Shell& shell, const InputOptions& options, std::vector<std::string> paths,
           const WalkOutputs& outputs = {});

  /// The next file; nothing at the end. What cannot be opened is told on standard error, and the
  /// walk goes on.
  [[nodiscard]] std::optional<InputFile> next();
  /// Something could not be looked into.
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  /// An error where the walk ended because it met an output.
  [[nodiscard]] const Status& met_output() const noexcept { return met_output_; }

 private:
  struct Identity {
    dev_t device{0};
    ino_t inode{0};
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  /// A folder on the way, and what of it is still to come, last first.
  struct Level {
    Identity identity;
    std::string prefix;                                        // with a slash behind it
    std::vector<std::pair<std::string, unsigned char>> names;  // with their kind (DT_...)
  };

  /// Whether this is an output, which is passed over or ends the walk.
  [[nodiscard]] bool is_output(const struct stat& status, const std::string& path);
  [[nodiscard]] std::optional<InputFile> take_named();
  [[nodiscard]] std::optional<InputFile> take_found();
  void enter(const std::string& path);
  void tell(const std::string& path, const std::string& why);

  const Shell& shell_;
  const bool hidden_;
  const bool follow_links_;
  std::vector<std::string> paths_;
  std::size_t next_path_{0};
  std::vector<Level> levels_;
  std::optional<Identity> standard_output_;  // where it is a regular file
  std::vector<Identity> outputs_;            // those that are there already
  bool skips_outputs_;
  Status met_output_;
  bool failed_{false};
};

/// The paths of --files-from, in its order.
[[nodiscard]] Result<std::vector<std::string>> paths_of_list(const std::string& list,
                                                             bool null_separated);

}  // namespace vyre::cli
