// A file that grows, and what takes its place: as `tail -F` reads it, from its beginning. Each file
// that has had the name is an input of its own, which ends where another one came or where it was
// cut. Main thread. Spec: docs/cli.md, "Inputs".
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "input_bytes.hpp"

namespace vyre::cli {

class FollowedFile {
 public:
  explicit FollowedFile(std::string path) : path_(std::move(path)) {}

  /// The file that has the name now; after the first one, it waits until there is another. It does
  /// not outlive this. A stop signal ends it with Errc::cancelled.
  [[nodiscard]] Result<std::unique_ptr<InputBytes>> next();

 private:
  const std::string path_;
  bool begun_{false};
};

}  // namespace vyre::cli
