#include "scan_lines.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace vyre::cli {
namespace {

/// Matches of a line that are kept before it is looked which of them can be shown.
constexpr std::size_t kSettleAtLeast{1u << 14};

}  // namespace

void keep_leftmost_longest(std::vector<ScanMatch>& matches, std::uint64_t settled) {
  std::sort(matches.begin(), matches.end(), [](const ScanMatch& a, const ScanMatch& b) {
    return std::tuple(a.begin, b.end, a.literal) < std::tuple(b.begin, a.end, b.literal);
  });
  std::uint64_t behind = 0;
  std::erase_if(matches, [&behind, settled](const ScanMatch& match) {
    if (match.begin < behind) return true;
    behind = match.begin < settled ? match.end : match.begin + 1;
    return false;
  });
}

void ScanLines::take_match(const ScanMatch& match) {
  if (!options_.all_matches && !matches_.empty()) return;
  matches_.push_back(match);
  if (options_.overlapping || matches_.size() < settle_at_) return;
  keep_leftmost_longest(matches_, match.end - std::min(match.end, options_.longest));
  settle_at_ = 2 * matches_.size() + kSettleAtLeast;
}

void ScanLines::begin() {
  wanted_ = true;
  texts_ = options_.texts;
  line_begin_ = 0;
  line_number_ = 1;
  line_text_.clear();
  matches_.clear();
  settle_at_ = kSettleAtLeast;
}

void ScanLines::count(std::string_view bytes) {
  if (options_.numbers)
    line_number_ += static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

bool ScanLines::end_line(std::string_view rest, std::uint64_t end) {
  if (!options_.overlapping) keep_leftmost_longest(matches_);
  ScanLine line{options_.numbers ? line_number_ : 0, line_begin_, {}, end, matches_};
  if (texts_) {
    line.text = rest;
    if (!line_text_.empty()) {
      line_text_ += rest;
      line.text = line_text_;
    }
  }
  wanted_ = take_(line);
  matches_.clear();
  settle_at_ = kSettleAtLeast;
  return wanted_;
}

bool ScanLines::add(const ScanPiece& piece) {
  if (!wanted_) return false;
  const std::string_view fresh(reinterpret_cast<const char*>(piece.bytes.data()) + piece.seen,
                               piece.bytes.size() - piece.seen);
  const std::uint64_t base = piece.offset + piece.seen;
  std::size_t at = 0;  // where the line begins in `fresh`; 0: there or before
  const auto next_line = [&](std::size_t begin) {
    at = begin;
    line_begin_ = base + begin;
    line_text_.clear();
  };
  // With matches in the line that has begun, it ends at the next newline; without, it does not
  // matter where lines end before the next match.
  auto hit = piece.hits.begin();
  while (hit != piece.hits.end() && hit->end <= piece.seen) ++hit;  // the piece before had them
  for (;;) {
    if (matches_.empty()) {
      if (hit == piece.hits.end()) break;
      // No word has a newline, so the line of a match begins behind the last newline before it.
      const std::size_t begin = hit->end - hit->length;
      if (begin > piece.seen + at) {
        const std::string_view before = fresh.substr(at, begin - piece.seen - at);
        if (const std::size_t newline = before.rfind('\n'); newline != before.npos) {
          count(before.substr(0, newline + 1));
          next_line(at + newline + 1);
        }
      }
    }
    const std::size_t from = matches_.empty() ? hit->end - piece.seen : at;
    const std::size_t newline = fresh.find('\n', from);
    const std::size_t end = newline == fresh.npos ? fresh.size() : newline + 1;
    for (; hit != piece.hits.end() && hit->end - piece.seen <= end; ++hit) {
      const std::uint64_t behind = piece.offset + hit->end;
      take_match({behind - hit->length, behind, hit->literal});
      if (!options_.whole_lines) return end_line({}, behind);
    }
    if (newline == fresh.npos) break;
    if (!end_line(fresh.substr(at, end - at), base + end)) return false;
    if (options_.numbers) ++line_number_;
    next_line(end);
  }
  if (piece.last) {
    if (!matches_.empty()) wanted_ = end_line(fresh.substr(at), base + fresh.size());
    return wanted_;
  }
  // What the next piece needs of this one: the line that has not ended.
  std::string_view rest = fresh.substr(at);
  if (matches_.empty()) {
    if (const std::size_t newline = rest.rfind('\n'); newline != rest.npos) {
      count(rest.substr(0, newline + 1));
      next_line(at + newline + 1);
      rest = fresh.substr(at);
    }
  }
  if (texts_) line_text_ += rest;
  return true;
}

}  // namespace vyre::cli
