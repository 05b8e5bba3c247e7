// Bytes of an input that is no plain file for a stream: standard input, pipes, what is compressed.
// Main thread.
#pragma once

#include <chrono>
#include <memory>

#include "base/bytes.hpp"
#include "scan_walk.hpp"

namespace vyre::cli {

class ScanInput {
 public:
  virtual ~ScanInput() = default;
  /// Waits for what there is, at most out.size() bytes; 0: the end.
  [[nodiscard]] virtual Result<std::size_t> read(MutableByteSpan out) = 0;
  /// A read would not wait, or there is something within `timeout`.
  [[nodiscard]] virtual bool ready(std::chrono::milliseconds timeout) = 0;
};

/// With `decompress`, what begins as gzip or Zstandard do gives what was compressed.
[[nodiscard]] Result<std::unique_ptr<ScanInput>> open_scan_input(const ScanFile& file,
                                                                 bool decompress);
/// A regular file begins as gzip or Zstandard do. One that cannot be read does not.
[[nodiscard]] bool is_compressed(const std::string& path);

}  // namespace vyre::cli
