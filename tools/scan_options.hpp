// What `vyre scan` was asked for. Spec: docs/scan.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "input_options.hpp"

namespace vyre::cli {

/// What is printed of a file.
enum class ScanOutput : std::uint8_t {
  lines,          // lines with a word in them
  matches,        // -o: the words alone
  line_count,     // -c: how many such lines
  match_count,    // --count-matches: how many words
  files_with,     // -l: its name, if it has one
  files_without,  // -L: its name, if it has none
  nothing,        // -q: the exit code says it
};

struct ScanOptions : InputOptions {
  // What is looked for.
  std::vector<std::string> expressions;
  std::vector<std::string> word_files;
  bool ignore_case{false};

  // Where.
  std::vector<std::string> paths;  // an empty one: the folder that the command runs in
  bool text{false};                // NUL bytes mean nothing
  bool binary{false};              // folders: binary files as if they had been named

  // What is printed.
  ScanOutput output{ScanOutput::lines};
  bool overlapping{false};  // every match, not the longest of those that overlap
  bool line_numbers{false};
  bool offsets{false};
  bool names{false};  // of files
  bool null_after_name{false};
  bool colour{false};
  bool line_buffered{false};    // standard output is a terminal
  std::uint64_t most_lines{0};  // with matches, of a file; 0: all

  // How.
  std::string executor{"auto"};
  std::string timeline;  // a file; empty: none
  std::uint32_t workers{0};
  std::uint64_t chunk_bytes{std::uint64_t{1} << 20};
  std::optional<std::uint64_t> files_bytes{};  // all bytes there are, if that is known
  std::uint64_t longest_word{0};               // bytes; known once the words are read
};

}  // namespace vyre::cli
