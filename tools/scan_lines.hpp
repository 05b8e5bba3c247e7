// Puts the matches of a file's chunks into lines, also where a line or a match crosses chunks:
// every match in one line, every line once, whatever the chunks. It knows nothing of reading or
// printing. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace vyre::cli {

/// A record of match.literals (docs/ops.md).
struct LiteralHit {
  std::uint64_t end;
  std::uint32_t literal;
  std::uint32_t length;
};

/// Bytes [begin, end) of the file are word number `literal`.
struct ScanMatch {
  std::uint64_t begin{0};
  std::uint64_t end{0};
  std::uint32_t literal{0};
  friend bool operator==(const ScanMatch&, const ScanMatch&) = default;
};

/// Valid during the call that gets it.
struct ScanLine {
  std::uint64_t number{0};  // from 1; 0 where lines are not counted
  std::uint64_t offset{0};  // of its first byte in the file
  std::string_view text;    // with its newline, if it has one; empty where texts are not kept
  std::uint64_t end{0};     // offset behind it
  std::span<const ScanMatch> matches;
};

/// A piece of a file and what was found in it. Pieces come in order; each begins at most as far
/// before the end of the one before it as `seen` says.
struct ScanPiece {
  std::uint64_t offset{0};
  ByteSpan bytes;
  std::uint64_t seen{0};             // leading bytes that the piece before had, too
  std::span<const LiteralHit> hits;  // ends count from `offset`; by end, then by literal
  bool last{false};
  ByteSpan ahead{};  // bytes behind these that are there already and come with the next piece
};

struct ScanLineOptions {
  bool numbers{false};
  bool texts{true};          // lines show their bytes
  bool overlapping{false};   // else of overlapping matches the first, and of those the longest
  bool all_matches{true};    // else lines have their first match alone
  bool whole_lines{true};    // else a line is given as soon as it has a match
  std::uint64_t longest{0};  // bytes of the longest word
};

class ScanLines {
 public:
  /// Gets each line with a match. False: no more of this file.
  using Take = std::function<bool(const ScanLine&)>;

  ScanLines(ScanLineOptions options, Take take) : options_(options), take_(std::move(take)) {}

  /// A file begins.
  void begin();
  /// False: `take` has had enough; nothing more of the file need come.
  [[nodiscard]] bool add(const ScanPiece& piece);
  /// The line that has begun and not ended has a match.
  [[nodiscard]] bool holds_matches() const noexcept { return !matches_.empty(); }
  /// Lines of this file show no bytes any more, so none are kept.
  void drop_texts() {
    texts_ = false;
    line_text_.clear();
  }

 private:
  void take_match(const ScanMatch& match);
  [[nodiscard]] bool end_line(std::string_view rest, std::uint64_t end);
  void count(std::string_view bytes);

  const ScanLineOptions options_;
  const Take take_;
  bool wanted_{true};
  bool texts_{true};
  // The line that has begun and not ended.
  std::uint64_t line_begin_{0};
  std::uint64_t line_number_{1};
  std::string line_text_;  // of it, in pieces before this one
  std::vector<ScanMatch> matches_;
  std::size_t settle_at_{0};  // so many matches before those that cannot be shown are dropped
};

/// Of matches that overlap, the one that begins first, and of those the longest: what grep -o
/// prints. Of equal places the smallest literal. `matches` come in any order and leave by place.
/// Matches that begin at `settled` or behind may get longer ones beside them: of these only the
/// shorter ones of one place are dropped, and what an earlier one covers.
void keep_leftmost_longest(std::vector<ScanMatch>& matches,
                           std::uint64_t settled = std::numeric_limits<std::uint64_t>::max());

}  // namespace vyre::cli
