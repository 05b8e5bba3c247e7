// Which pieces of a file a stream makes items of. Host only, pure. Spec:
// docs/internals/ingest-streams.md.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "runtime/stream.hpp"

namespace vyre::runtime {

/// Chunk i begins at i * step(); all but the last have chunk_bytes, and every one of them has bytes
/// that the one before had not. An empty file is one chunk of none.
class ChunkPlan {
 public:
  /// Multiples of 16, so that chunks begin where items may load any type.
  static constexpr std::uint64_t kAlign{16};
  /// Rounds as StreamOptions says; refuses by name what cannot be.
  [[nodiscard]] static Result<ChunkPlan> make(std::uint64_t chunk_bytes,
                                              std::uint64_t overlap_bytes);

  [[nodiscard]] std::uint64_t chunk_bytes() const noexcept { return chunk_; }
  [[nodiscard]] std::uint64_t overlap_bytes() const noexcept { return overlap_; }
  [[nodiscard]] std::uint64_t step() const noexcept { return chunk_ - overlap_; }
  [[nodiscard]] std::uint64_t chunks(std::uint64_t file_bytes) const noexcept;
  /// Fills all but `file`. `index` is below chunks(file_bytes).
  [[nodiscard]] StreamChunk chunk(std::uint64_t file_bytes, std::uint64_t index) const noexcept;

 private:
  std::uint64_t chunk_{kAlign};
  std::uint64_t overlap_{0};
};

}  // namespace vyre::runtime
