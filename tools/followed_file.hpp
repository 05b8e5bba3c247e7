// A file that grows, and what takes its place: as `tail -F` reads it, from its beginning. Each file
// that has had the name is an input of its own, which ends where another one came or where it was
// cut. Main thread. Spec: docs/cli.md, "Inputs".
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "input_bytes.hpp"

namespace vyre::cli {

class FollowedFile {
 public:
  explicit FollowedFile(std::string path) : path_(std::move(path)) {}

  /// The file that has the name now; after the first one, it waits until there is another, or the
  /// same was cut. It does not outlive this. A stop signal ends it with Errc::cancelled.
  [[nodiscard]] Result<std::unique_ptr<InputBytes>> next();

  /// The file that had the name last, and how much of it was read.
  struct Last {
    dev_t device{0};
    ino_t inode{0};
    off_t position{0};
    bool over{false};  // it was cut, or it was read to its end and another one has the name
    [[nodiscard]] bool is(const struct stat& other) const {
      return other.st_dev == device && other.st_ino == inode;
    }
  };

 private:
  const std::string path_;
  std::optional<Last> last_;
};

}  // namespace vyre::cli
