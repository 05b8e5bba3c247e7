#include "piece_reader.hpp"

#include <algorithm>

#include "platform/file.hpp"

namespace vyre::cli {
namespace {

/// A chunk may be larger than the file: memory grows with what was read.
constexpr std::size_t kReadBytes{std::size_t{1} << 20};

}  // namespace

PieceReader::PieceReader(std::string path, std::uint64_t chunk_bytes, std::uint64_t overlap_bytes)
    : path_(std::move(path)), chunk_bytes_(chunk_bytes), overlap_bytes_(overlap_bytes) {}

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

Result<std::optional<PieceReader::Piece>> PieceReader::next() {
  if (ended_) return std::nullopt;
  if (Status filled = fill(); !filled) {
    ended_ = true;
    return tl::unexpected<Error>(std::move(filled).error());
  }
  Piece piece;
  piece.offset = offset_;
  if (ahead_.size() <= chunk_bytes_) {
    ended_ = true;
    piece.bytes = std::move(ahead_);
    return piece;
  }
  const auto at = [&](std::uint64_t place) {
    return ahead_.begin() + static_cast<std::ptrdiff_t>(place);
  };
  piece.bytes.assign(ahead_.begin(), at(chunk_bytes_));
  ahead_.erase(ahead_.begin(), at(chunk_bytes_ - overlap_bytes_));
  offset_ += chunk_bytes_ - overlap_bytes_;
  return piece;
}

}  // namespace vyre::cli
