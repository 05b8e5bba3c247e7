// The memory of streams: which part of ingest memory a stream has (StreamSpace), and how it cuts
// its part into buffers that chunks are read into, small files several to a buffer (ChunkBuffers).
// Host only; offsets and counts, no bytes are touched. Spec: docs/internals/ingest-streams.md.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "protocol/io_request.hpp"

namespace vyre::runtime {

/// A session's ingest memory holds at least the request lines and something to stream into.
inline constexpr std::uint64_t kLeastIngestBytes{IngestLayout::kStreams +
                                                 (std::uint64_t{256} << 10)};

inline std::uint64_t up_to(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

struct SpaceRange {
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
  friend bool operator==(const SpaceRange&, const SpaceRange&) = default;
};

/// Who has which part of the memory for streams. Any thread.
class StreamSpace {
 public:
  /// Adds memory: at the start, and what a stream had. Ranges and sizes are whole blocks.
  void give(SpaceRange range);
  /// Between `least` and `wanted` bytes in one piece, but no more than three quarters of the
  /// largest piece that is free unless `least` needs it: so that a second stream finds something.
  /// nullopt: not even `least`.
  [[nodiscard]] std::optional<SpaceRange> claim(std::uint64_t least, std::uint64_t wanted);
  [[nodiscard]] std::uint64_t largest() const;

 private:
  mutable std::mutex mutex_;
  std::vector<SpaceRange> free_;  // ascending, never adjacent
};

/// Buffers of one size in one range. Pieces are handed out one behind the other; a buffer is free
/// again when all its pieces are. One thread.
class ChunkBuffers {
 public:
  /// `buffer_bytes`: whole blocks.
  ChunkBuffers(SpaceRange range, std::uint64_t buffer_bytes);

  struct Piece {
    std::uint32_t buffer{0};
    std::uint64_t offset{0};  // in ingest memory
  };
  /// `bytes` is at most buffer_bytes(); `align` a power of two up to kIoBlock.
  [[nodiscard]] std::optional<Piece> take(std::uint64_t bytes, std::uint64_t align);
  void give_back(std::uint32_t buffer);

  [[nodiscard]] std::uint64_t buffer_bytes() const noexcept { return buffer_bytes_; }
  [[nodiscard]] std::uint32_t buffers() const noexcept {
    return static_cast<std::uint32_t>(pieces_.size());
  }
  [[nodiscard]] std::uint32_t buffers_in_use() const noexcept {
    return buffers() - static_cast<std::uint32_t>(free_.size());
  }

 private:
  static constexpr std::uint32_t kNone{~std::uint32_t{0}};
  SpaceRange range_;
  std::uint64_t buffer_bytes_;
  std::vector<std::uint32_t> pieces_;  // by buffer: handed out
  std::vector<std::uint32_t> free_;    // the last one next: its cache lines are still near
  std::uint32_t open_{kNone};          // pieces are taken from it
  std::uint64_t used_{0};              // bytes of it
};

}  // namespace vyre::runtime
