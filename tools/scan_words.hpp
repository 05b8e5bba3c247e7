// The words that `vyre scan` looks for: of -e, of the lines of -f files. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scan_options.hpp"
#include "shell.hpp"

namespace vyre::cli {

struct ScanWords {
  /// Each once, in the order in which they were given.
  std::vector<std::string> texts;
  /// Of each, its number among all words that were given, from 0.
  std::vector<std::uint32_t> numbers;

  [[nodiscard]] std::vector<std::string_view> views() const { return {texts.begin(), texts.end()}; }
  [[nodiscard]] std::uint64_t longest() const;
};

/// Refuses an empty word and one that is too long with the place where it stands.
[[nodiscard]] Result<ScanWords> read_words(const Shell& shell, const ScanOptions& options);

}  // namespace vyre::cli
