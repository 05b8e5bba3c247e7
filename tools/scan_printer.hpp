// How `vyre scan` shows what it found: as grep does, or as JSON Lines of the shape that ripgrep
// writes. Main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "file_walk.hpp"
#include "scan_lines.hpp"
#include "scan_options.hpp"
#include "scan_words.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// What a file came to.
struct ScanCounts {
  std::uint64_t bytes{0};
  std::uint64_t lines{0};  // with matches
  std::uint64_t matches{0};
};

struct ScanEnd {
  ScanCounts counts;
  std::optional<std::uint64_t> binary_at;  // of its first NUL byte, where that means something
  bool stopped_there{false};               // nothing behind it was looked at
  std::chrono::nanoseconds took{0};
};

class ScanPrinter {
 public:
  virtual ~ScanPrinter() = default;
  virtual void begin(const InputFile& file) = 0;
  [[nodiscard]] virtual Status line(const ScanLine& line) = 0;
  [[nodiscard]] virtual Status end(const ScanEnd& end) = 0;
  /// Of all files.
  [[nodiscard]] virtual Status finish() = 0;
  /// Pending output goes out now: the next input is not there yet.
  [[nodiscard]] virtual Status flush() = 0;
};

[[nodiscard]] std::unique_ptr<ScanPrinter> scan_text_printer(const ScanOptions& options);
[[nodiscard]] std::unique_ptr<ScanPrinter> scan_json_printer(const ScanWords& words);

/// The path as it is printed.
[[nodiscard]] std::string scan_name(const InputFile& file);

}  // namespace vyre::cli
