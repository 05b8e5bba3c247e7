// How far a command is, as a line on standard error that is rewritten in place: only on a terminal,
// and only for work over a second. Main thread. Spec: docs/cli.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace vyre::cli {

class Progress {
 public:
  explicit Progress(std::string what);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // clears the line

  /// A line would be seen: for callers to whom it costs something to know how far they are.
  [[nodiscard]] bool wanted() const { return terminal_; }
  /// Things of a number that is known.
  void update(std::uint64_t done, std::uint64_t total);
  /// Bytes, with their rate; where their number is known, also the time that is left.
  void update_bytes(std::uint64_t done, std::optional<std::uint64_t> total);
  void clear();

 private:
  /// It is time for a new line.
  [[nodiscard]] bool due();
  void show(const std::string& text);

  std::string what_;
  bool terminal_;
  bool shown_{false};
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace vyre::cli
