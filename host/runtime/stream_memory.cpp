// First fit over a short list, and a pointer that moves through a buffer. See stream_memory.hpp.
#include "stream_memory.hpp"

#include <algorithm>

namespace vyre::runtime {
namespace {

std::uint64_t down_to_block(std::uint64_t bytes) {
  return bytes / kIoBlock * kIoBlock;
}

}  // namespace

void StreamSpace::give(SpaceRange range) {
  range.bytes = down_to_block(range.bytes);
  if (range.bytes == 0) return;
  const std::lock_guard lock(mutex_);
  auto at = std::lower_bound(
      free_.begin(), free_.end(), range,
      [](const SpaceRange& a, const SpaceRange& b) { return a.offset < b.offset; });
  at = free_.insert(at, range);
  if (const auto next = at + 1; next != free_.end() && at->offset + at->bytes == next->offset) {
    at->bytes += next->bytes;
    free_.erase(next);
  }
  if (at != free_.begin() && (at - 1)->offset + (at - 1)->bytes == at->offset) {
    (at - 1)->bytes += at->bytes;
    free_.erase(at);
  }
}

std::optional<SpaceRange> StreamSpace::claim(std::uint64_t least, std::uint64_t wanted) {
  const std::lock_guard lock(mutex_);
  const auto best =
      std::max_element(free_.begin(), free_.end(),
                       [](const SpaceRange& a, const SpaceRange& b) { return a.bytes < b.bytes; });
  if (best == free_.end() || best->bytes < least || least == 0) return std::nullopt;
  const std::uint64_t fair = std::max(up_to(least, kIoBlock), down_to_block(best->bytes / 4 * 3));
  const SpaceRange taken{best->offset,
                         std::min({up_to(std::max(wanted, least), kIoBlock), fair, best->bytes})};
  best->offset += taken.bytes;
  best->bytes -= taken.bytes;
  if (best->bytes == 0) free_.erase(best);
  return taken;
}

std::uint64_t StreamSpace::largest() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t most = 0;
  for (const SpaceRange& range : free_) most = std::max(most, range.bytes);
  return most;
}

ChunkBuffers::ChunkBuffers(SpaceRange range, std::uint64_t buffer_bytes)
    : range_(range), buffer_bytes_(buffer_bytes) {
  pieces_.resize(buffer_bytes == 0 ? 0 : range.bytes / buffer_bytes);
  free_.reserve(pieces_.size());
  for (std::uint32_t buffer = buffers(); buffer-- > 0;) free_.push_back(buffer);
}

std::optional<ChunkBuffers::Piece> ChunkBuffers::take(std::uint64_t bytes, std::uint64_t align) {
  std::uint64_t at = up_to(used_, align);
  if (open_ == kNone || at > buffer_bytes_ || bytes > buffer_bytes_ - at) {
    if (free_.empty() || bytes > buffer_bytes_) return std::nullopt;
    const std::uint32_t before = open_;
    open_ = free_.back();
    free_.pop_back();
    // No piece is taken from the one before any more; the end of its last piece frees it.
    if (before != kNone && pieces_[before] == 0) free_.push_back(before);
    at = 0;
  }
  used_ = at + bytes;
  ++pieces_[open_];
  return Piece{open_, range_.offset + open_ * buffer_bytes_ + at};
}

void ChunkBuffers::give_back(std::uint32_t buffer) {
  if (--pieces_[buffer] != 0) return;
  if (buffer == open_) {
    used_ = 0;
  } else {
    free_.push_back(buffer);
  }
}

}  // namespace vyre::runtime
