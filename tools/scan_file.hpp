// One file of `vyre scan` from its first piece to its last: what a NUL byte means, when enough was
// found, what was counted. Spec: docs/scan.md, "Binary files". Main thread.
#pragma once

#include <chrono>
#include <optional>

#include "file_walk.hpp"
#include "scan_lines.hpp"
#include "scan_options.hpp"
#include "scan_printer.hpp"

namespace vyre::cli {

/// A NUL byte among so many first bytes of a file says what the whole of it is.
inline constexpr std::uint64_t kBinaryHead{std::uint64_t{1} << 16};

class ScanFileRun {
 public:
  /// `json`: lines are shown whole, also those of binary files.
  ScanFileRun(const ScanOptions& options, bool json, ScanPrinter& printer);

  void begin(const InputFile& file);
  /// False: nothing more of the file need come.
  [[nodiscard]] bool add(const ScanPiece& piece);
  /// Its pieces have ended, or it failed on the way.
  [[nodiscard]] Status end();

  /// Some file had a match; where matches are counted, of a file that has ended.
  [[nodiscard]] bool found() const noexcept { return found_; }

 private:
  [[nodiscard]] bool take(const ScanLine& line);
  void look_for_nul(const ScanPiece& piece);
  /// As far as the file was looked at, something before `end` or in its head says that it is
  /// binary.
  [[nodiscard]] bool binary_before(std::uint64_t end) const;

  const ScanOptions& options_;
  const bool json_;
  const bool counts_;
  ScanPrinter& printer_;
  ScanLines lines_;
  InputFile file_;
  ScanEnd end_;
  bool quits_at_nul_{false};
  bool enough_{false};  // --max-count lines
  std::uint64_t last_line_end_{0};
  Status printed_;
  std::chrono::steady_clock::time_point begun_;
  bool found_{false};
};

}  // namespace vyre::cli
