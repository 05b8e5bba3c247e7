#include "piece_reader.hpp"

#include <algorithm>
#include <iterator>

#include "base/message.hpp"
#include "platform/file.hpp"

namespace vyre::cli {
namespace {

/// A chunk may be larger than the file: memory grows with what was read.
constexpr std::size_t kReadBytes{std::size_t{1} << 20};

}  // namespace

PieceReader::PieceReader(std::string path, const RunOptions& options)
    : path_(std::move(path)),
      chunk_bytes_(options.chunk_bytes),
      overlap_bytes_(options.overlap_bytes),
      align_lines_(!options.align.empty()) {}

Status PieceReader::fill() {
  if (!file_) {
    VYRE_ASSIGN(file_, platform::open_input(path_));
  }
  while (ahead_.size() <= chunk_bytes_) {
    const std::size_t have = ahead_.size();
    const std::uint64_t missing = chunk_bytes_ - have + 1;
    ahead_.resize(have + static_cast<std::size_t>(std::min<std::uint64_t>(missing, kReadBytes)));
    const auto n = platform::read_some(file_, MutableByteSpan(ahead_).subspan(have),
                                       platform::input_name(path_));
    ahead_.resize(have + n.value_or(0));
    if (!n) return tl::unexpected<Error>(n.error());
    if (*n == 0) break;
  }
  return {};
}

Result<std::uint64_t> PieceReader::cut() const {
  if (!align_lines_) return chunk_bytes_;
  const auto end = ahead_.begin() + static_cast<std::ptrdiff_t>(chunk_bytes_);
  const auto newline = std::find(std::reverse_iterator(end), ahead_.rend(), '\n');
  if (newline != ahead_.rend()) return static_cast<std::uint64_t>(newline.base() - ahead_.begin());
  return fail(
      Errc::limit_exceeded,
      message("{}: the line at offset {} is longer than --chunk, which is {}; give a larger "
              "one",
              platform::input_name(path_), offset_, chunk_bytes_));
}

Result<std::optional<PieceReader::Piece>> PieceReader::next() {
  if (ended_) return std::nullopt;
  if (Status filled = fill(); !filled) {
    ended_ = true;
    return tl::unexpected<Error>(std::move(filled).error());
  }
  Piece piece;
  piece.offset = offset_;
  piece.seen = seen_;
  if (ahead_.size() <= chunk_bytes_) {
    ended_ = true;
    piece.bytes = std::move(ahead_);
    return piece;
  }
  const auto at = [&](std::uint64_t place) {
    return ahead_.begin() + static_cast<std::ptrdiff_t>(place);
  };
  const auto bytes = cut();
  if (!bytes) {
    ended_ = true;
    return tl::unexpected<Error>(bytes.error());
  }
  piece.bytes.assign(ahead_.begin(), at(*bytes));
  ahead_.erase(ahead_.begin(), at(*bytes - overlap_bytes_));
  offset_ += *bytes - overlap_bytes_;
  seen_ = overlap_bytes_;
  return piece;
}

}  // namespace vyre::cli
