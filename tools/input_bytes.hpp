// Bytes of an input that is no plain file for a stream: standard input, pipes, what is compressed,
// what grows (followed_file.hpp).
// Main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"

namespace vyre::cli {

class InputBytes {
 public:
  virtual ~InputBytes() = default;
  /// Waits for what there is, at most out.size() bytes; 0: the end.
  [[nodiscard]] virtual Result<std::size_t> read(MutableByteSpan out) = 0;
  /// A read would not wait, or there is something within `timeout`.
  [[nodiscard]] virtual bool ready(std::chrono::milliseconds timeout) = 0;
};

/// With `decompress`, what begins as gzip or Zstandard do gives what was compressed.
[[nodiscard]] Result<std::unique_ptr<InputBytes>> open_input_bytes(const std::string& path,
                                                                   bool decompress);
/// All of it, if it has at most so many bytes.
[[nodiscard]] Result<Bytes> read_input_bytes(const std::string& path, bool decompress,
                                             std::uint64_t max_bytes);
/// A regular file begins as gzip or Zstandard do. One that cannot be read does not.
[[nodiscard]] bool is_compressed(const std::string& path);

}  // namespace vyre::cli
