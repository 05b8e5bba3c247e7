// Where `vyre scan`, `vyre run` and `vyre record` find what they read, and how. Spec: docs/cli.md,
// "Inputs".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace vyre::cli {

struct InputOptions {
  std::string paths_from;      // a file with paths; empty: none
  bool null_separated{false};  // paths_from has NUL behind each, not a newline
  bool hidden{false};          // folders: files and folders whose names begin with a dot, too
  bool links{false};           // folders: symbolic links, too
  bool decompress{false};      // gzip and Zstandard
  std::string follow;          // a file that grows; empty: none
  std::uint64_t flush_after_ms{200};

  /// That input waits to fill a chunk.
  [[nodiscard]] std::chrono::milliseconds flush_after() const {
    return std::chrono::milliseconds(flush_after_ms);
  }
};

}  // namespace vyre::cli
