#include "piece_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shell.hpp"

namespace vyre::cli {
namespace {

/// A chunk may be larger than the file: memory grows with what was read.
constexpr std::size_t kReadBytes{std::size_t{1} << 20};

Status refused(const char* what, const std::string& path, int error) {
  return tl::unexpected<Error>(Error{
      Errc::io, std::string("cannot ") + what + " '" + shown(path) + "': " + std::strerror(error),
      kNoOffset, 0, 0, error});
}

}  // namespace

PieceReader::PieceReader(std::string path, std::uint64_t chunk_bytes, std::uint64_t overlap_bytes)
    : path_(std::move(path)), chunk_bytes_(chunk_bytes), overlap_bytes_(overlap_bytes) {}

PieceReader::~PieceReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status PieceReader::fill() {
  if (descriptor_ < 0) {
    descriptor_ = ::open(path_ == "-" ? "/dev/stdin" : path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) return refused("open", path_, errno);
  }
  while (ahead_.size() <= chunk_bytes_) {
    const std::size_t have = ahead_.size();
    const std::uint64_t missing = chunk_bytes_ - have + 1;
    ahead_.resize(have + static_cast<std::size_t>(std::min<std::uint64_t>(missing, kReadBytes)));
    const ssize_t n = ::read(descriptor_, ahead_.data() + have, ahead_.size() - have);
    const int error = errno;
    ahead_.resize(have + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && error == EINTR) continue;
    if (n < 0) return refused("read", path_, error);
    if (n == 0) break;
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
