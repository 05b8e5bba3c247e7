// What all built-in ops on the device share: loads and stores of a warp, cutting a buffer into
// tiles. Loads are never of the non-coherent kind: earlier phases and earlier items wrote what they
// read. Runs in one warp, all lanes together. Contract: builtin.cuh.
#pragma once

#include <cstdint>

#include "builtin.cuh"
#include "cuda/ptx/weak.cuh"

namespace vyre::cuda::builtin {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

inline constexpr u32 kLanes{32};
inline constexpr u32 kWholeWarp{0xFFFFFFFFu};
inline constexpr u32 kVector{16};                // bytes of one load of a lane
inline constexpr u32 kStripe{kLanes * kVector};  // bytes of one load of the warp
inline constexpr u32 kMaxTiles{4096};            // of one phase: twice the warps of a large device

[[nodiscard]] __device__ inline u32 lane_index() {
  u32 lane;
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  return lane;
}

/// The warp's shared memory as an array. Tells the compiler which memory it is.
template <class T>
[[nodiscard]] __device__ inline T* shared_array(const WarpMemory& memory, u32 offset = 0) {
  __builtin_assume(__isShared(memory.shared));
  return reinterpret_cast<T*>(memory.shared + offset);
}

/// Words i..i+3 of `words` (i a multiple of 4); those from n on are `fill`.
[[nodiscard]] __device__ inline uint4 load_words(const u8* words, u64 i, u64 n, u32 fill) {
  if (i + 4 <= n) return ptx::load_weak_v4(words + i * 4);
  uint4 v{fill, fill, fill, fill};
  if (i < n) v.x = ptx::load_weak_u32(words + i * 4);
  if (i + 1 < n) v.y = ptx::load_weak_u32(words + i * 4 + 4);
  if (i + 2 < n) v.z = ptx::load_weak_u32(words + i * 4 + 8);
  return v;
}
/// Words i..i+3 = v, but none from n on.
__device__ inline void store_words(u8* words, u64 i, u64 n, uint4 v) {
  if (i + 4 <= n) {
    ptx::store_weak_v4(words + i * 4, v);
    return;
  }
  if (i < n) ptx::store_weak_u32(words + i * 4, v.x);
  if (i + 1 < n) ptx::store_weak_u32(words + i * 4 + 4, v.y);
  if (i + 2 < n) ptx::store_weak_u32(words + i * 4 + 8, v.z);
}

[[nodiscard]] __device__ inline u32 load_bytes4(const u8* bytes, u64 at, u64 end) {
  u32 word = 0;
#pragma unroll
  for (u32 k = 0; k < 4; ++k) {
    if (at + k < end) word |= ptx::load_weak_u8(bytes + at + k) << (8 * k);
  }
  return word;
}
/// Bytes at..at+15 (`at` a multiple of 16); those from `end` on are 0.
[[nodiscard]] __device__ inline uint4 load_bytes(const u8* bytes, u64 at, u64 end) {
  if (at + kVector <= end) return ptx::load_weak_v4(bytes + at);
  if (at >= end) return {0, 0, 0, 0};
  return {load_bytes4(bytes, at, end), load_bytes4(bytes, at + 4, end),
          load_bytes4(bytes, at + 8, end), load_bytes4(bytes, at + 12, end)};
}

[[nodiscard]] __device__ constexpr u64 divide_up(u64 a, u64 b) {
  return (a + b - 1) / b;
}
[[nodiscard]] __device__ constexpr u64 least(u64 a, u64 b) {
  return a < b ? a : b;
}
[[nodiscard]] __device__ constexpr u64 most(u64 a, u64 b) {
  return a > b ? a : b;
}

/// A buffer cut into equal tiles, the last one shorter: at most `max_tiles` of a multiple of
/// `grain`, so that partial results have a bounded place whatever the length.
struct Tiles {
  u64 size;
  u32 count;
};
[[nodiscard]] __device__ inline Tiles cut(u64 length, u32 grain, u32 max_tiles = kMaxTiles) {
  const u64 size = most(divide_up(divide_up(length, grain), max_tiles), 1) * grain;
  return {size, static_cast<u32>(divide_up(length, size))};
}

[[nodiscard]] __device__ inline u64 words_of(const Buffer& buffer) {
  return buffer.bytes / 4;
}

}  // namespace vyre::cuda::builtin
