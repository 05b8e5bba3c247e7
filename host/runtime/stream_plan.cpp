// See stream_plan.hpp.
#include "stream_plan.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {

Result<ChunkPlan> ChunkPlan::make(std::uint64_t chunk_bytes, std::uint64_t overlap_bytes) {
  if (chunk_bytes < kAlign || chunk_bytes > kMaxChunkBytes) {
    return fail(Errc::invalid_argument,
                message("chunk_bytes is {}: choose {} to {}", chunk_bytes, kAlign, kMaxChunkBytes));
  }
  ChunkPlan plan;
  plan.chunk_ = chunk_bytes / kAlign * kAlign;
  // Compared before it is rounded up, which could wrap.
  if (overlap_bytes > plan.chunk_ / 2 ||
      (overlap_bytes + kAlign - 1) / kAlign * kAlign > plan.chunk_ / 2) {
    return fail(
        Errc::invalid_argument,
        message("overlap_bytes is {}: choose at most {}, half of chunk_bytes, or larger chunks",
                overlap_bytes, plan.chunk_ / 2 / kAlign * kAlign));
  }
  plan.overlap_ = (overlap_bytes + kAlign - 1) / kAlign * kAlign;
  return plan;
}

std::uint64_t ChunkPlan::chunks(std::uint64_t file_bytes) const noexcept {
  if (file_bytes <= chunk_) return 1;
  const std::uint64_t rest = file_bytes - chunk_;
  return 1 + rest / step() + (rest % step() != 0 ? 1 : 0);
}

StreamChunk ChunkPlan::chunk(std::uint64_t file_bytes, std::uint64_t index) const noexcept {
  StreamChunk chunk;
  chunk.index = index;
  chunk.offset = index * step();
  chunk.bytes = std::min(chunk_, file_bytes - chunk.offset);
  chunk.seen_bytes = index == 0 ? 0 : overlap_;
  chunk.last = chunk.offset + chunk.bytes == file_bytes;
  return chunk;
}

}  // namespace vyre::runtime
