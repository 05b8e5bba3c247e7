// Lines of a vector file, plain or gzip, one at a time: memory follows the longest line, not the
// file. Host only, private to this room; one reader, one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace vyre::conformance {

class LineReader {
 public:
  /// "-" is standard input. A stop signal ends a wait for bytes with Errc::cancelled.
  [[nodiscard]] static Result<LineReader> open(const std::string& path);
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;
  ~LineReader();

  /// False at the end of the file. A damaged or truncated gzip stream is an error, and so is a line
  /// beyond the limit. The last line needs no newline.
  [[nodiscard]] Result<bool> next(std::string& line);
  /// Number of the line that next() gave last, from 1.
  [[nodiscard]] std::uint64_t line_number() const noexcept { return line_number_; }

 private:
  class Inflater;
  struct Input;
  LineReader(std::string name, std::unique_ptr<Input> input);
  /// Refills chunk_; false at the end.
  [[nodiscard]] Result<bool> fill();
  /// The first bytes of the block are the chunk.
  void take(std::size_t bytes);

  std::string name_;  // for messages
  std::unique_ptr<Input> input_;
  std::string_view chunk_;  // bytes produced and not consumed yet
  bool ended_{false};
  std::uint64_t line_number_{0};
};

}  // namespace vyre::conformance
