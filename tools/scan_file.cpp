#include "scan_file.hpp"

#include <algorithm>
#include <cstring>

namespace vyre::cli {
namespace {

bool shows_lines(ScanOutput output) {
  return output == ScanOutput::lines || output == ScanOutput::matches;
}

ScanLineOptions line_options(const ScanOptions& options, bool json) {
  const bool shown = shows_lines(options.output);
  const bool counts_lines = options.output == ScanOutput::line_count;
  const bool counts_matches = options.output == ScanOutput::match_count;
  return {.numbers = shown && (json || options.line_numbers),
          .texts = shown,
          .overlapping = options.overlapping,
          .all_matches = json || counts_matches || options.output == ScanOutput::matches ||
                         (shown && options.colour),
          .whole_lines = shown || counts_lines || counts_matches,
          .longest = options.longest_word};
}

}  // namespace

ScanFileRun::ScanFileRun(const ScanOptions& options, bool json, ScanPrinter& printer)
    : options_(options),
      json_(json),
      counts_(options.output == ScanOutput::line_count ||
              options.output == ScanOutput::match_count),
      printer_(printer),
      lines_(line_options(options, json), [this](const ScanLine& line) { return take(line); }) {}

void ScanFileRun::begin(const InputFile& file) {
  file_ = file;
  end_ = {};
  printed_ = {};
  enough_ = false;
  last_line_end_ = 0;
  quits_at_nul_ = !file.named && !options_.binary;
  begun_ = std::chrono::steady_clock::now();
  lines_.begin();
  printer_.begin(file);
}

void ScanFileRun::look_for_nul(const ScanPiece& piece) {
  if (options_.text || end_.binary_at) return;
  // Of a file that ends here without a match nothing is said.
  if (piece.last && piece.hits.empty() && end_.counts.lines == 0 && !lines_.holds_matches()) return;
  const auto look = [&](ByteSpan bytes, std::uint64_t offset) {
    const void* const nul = bytes.empty() ? nullptr : std::memchr(bytes.data(), 0, bytes.size());
    if (nul == nullptr) return;
    end_.binary_at =
        offset + static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(nul) - bytes.data());
  };
  look(piece.bytes.subspan(piece.seen), piece.offset + piece.seen);
  // What says that the whole file is binary comes before its first line.
  const std::uint64_t end = piece.offset + piece.bytes.size();
  if (!end_.binary_at && end < kBinaryHead)
    look(piece.ahead.first(std::min<std::uint64_t>(piece.ahead.size(), kBinaryHead - end)), end);
}

bool ScanFileRun::add(const ScanPiece& piece) {
  end_.counts.bytes += piece.bytes.size() - piece.seen;
  look_for_nul(piece);
  if (!end_.binary_at || !quits_at_nul_) {
    if (end_.binary_at && *end_.binary_at < piece.offset + piece.seen && !json_)
      lines_.drop_texts();
    return lines_.add(piece);
  }
  end_.stopped_there = true;
  if (*end_.binary_at < kBinaryHead) return false;
  // Lines that end before it count.
  const std::uint64_t bytes = *end_.binary_at - piece.offset;
  ScanPiece before = piece;
  before.bytes = piece.bytes.first(bytes);
  before.last = false;
  const auto behind = std::find_if(piece.hits.begin(), piece.hits.end(),
                                   [bytes](const LiteralHit& hit) { return hit.end > bytes; });
  before.hits = piece.hits.first(static_cast<std::size_t>(behind - piece.hits.begin()));
  (void)lines_.add(before);
  return false;
}

bool ScanFileRun::take(const ScanLine& line) {
  found_ = found_ || !counts_;
  ++end_.counts.lines;
  end_.counts.matches += line.matches.size();
  last_line_end_ = line.end;
  if (options_.output == ScanOutput::nothing || options_.output == ScanOutput::files_with ||
      options_.output == ScanOutput::files_without) {
    return false;  // the first says it
  }
  if (shows_lines(options_.output)) {
    if (!json_ && !quits_at_nul_ && binary_before(line.end)) return false;  // end() says so
    printed_ = printer_.line(line);
    if (!printed_) return false;
  }
  enough_ = end_.counts.lines == options_.most_lines;
  return !enough_;
}

bool ScanFileRun::binary_before(std::uint64_t end) const {
  return end_.binary_at && (*end_.binary_at < kBinaryHead || *end_.binary_at < end);
}

Status ScanFileRun::end() {
  VYRE_TRY(std::move(printed_));
  // How much of the file was seen behind the last line that was asked for depends on its pieces.
  if (enough_ && !binary_before(last_line_end_)) {
    end_.binary_at.reset();
    end_.stopped_there = false;
  }
  end_.took = std::chrono::steady_clock::now() - begun_;
  // A count of half a file would be no answer.
  if (counts_ && end_.stopped_there) end_.counts.lines = end_.counts.matches = 0;
  found_ = found_ || end_.counts.lines != 0;
  return printer_.end(end_);
}

}  // namespace vyre::cli
