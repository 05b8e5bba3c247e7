// See stream_plan.hpp.
#include "stream_plan.hpp"

#include <algorithm>

#include "protocol/limits.hpp"

namespace vyre::runtime {

Result<ChunkPlan> ChunkPlan::make(std::uint64_t chunk_bytes, std::uint64_t overlap_bytes) {
  if (chunk_bytes < kAlign || chunk_bytes > kMaxChunkBytes) {
    return fail(Errc::invalid_argument, "chunk_bytes is " + std::to_string(chunk_bytes) +
                                            ": choose " + std::to_string(kAlign) + " to " +
                                            std::to_string(kMaxChunkBytes));
  }
  ChunkPlan plan;
  plan.chunk_ = chunk_bytes / kAlign * kAlign;
  // Compared before it is rounded up, which could wrap.
  if (overlap_bytes > plan.chunk_ / 2 ||
      (overlap_bytes + kAlign - 1) / kAlign * kAlign > plan.chunk_ / 2) {
    return fail(Errc::invalid_argument, "overlap_bytes is " + std::to_string(overlap_bytes) +
                                            ": choose at most " +
                                            std::to_string(plan.chunk_ / 2 / kAlign * kAlign) +
                                            ", half of chunk_bytes, or larger chunks");
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
