// select.u32: how many words each tile keeps, where each tile's begin, then the words themselves,
// gathered in shared memory so that they leave side by side. Meaning: docs/ops.md. Contract:
// builtin.cuh.
#pragma once

#include "access.cuh"
#include "scan.cuh"

namespace vyre::cuda::builtin {

namespace select {

inline constexpr u32 kRows{4};
inline constexpr u32 kStep{kRows * kLanes * 4};  // words gathered at once, and their mask bytes
inline constexpr u32 kGrain{4 * kStep};

[[nodiscard]] __device__ inline u64 length(const Call& call) {
  return least(words_of(call.inputs[0]), call.inputs[1].bytes);
}

/// The high bit of each byte that is not 0.
[[nodiscard]] __device__ inline u32 nonzero_bytes(u32 word) {
  return (((word & 0x7F7F7F7Fu) + 0x7F7F7F7Fu) | word) & 0x80808080u;
}

[[nodiscard]] __device__ inline u64 count_range(const u8* mask, u64 begin, u64 end) {
  u64 count = 0;
  for (u64 at = begin + lane_index() * kVector; at < end; at += kStripe) {
    const uint4 v = load_bytes(mask, at, end);
    count += __popc(nonzero_bytes(v.x)) + __popc(nonzero_bytes(v.y)) + __popc(nonzero_bytes(v.z)) +
             __popc(nonzero_bytes(v.w));
  }
  return __shfl_sync(kWholeWarp, scan::warp_inclusive(count), 31);
}

/// Writes the kept words of begin..end-1 from place `to` on, none at or above the output's end.
/// Returns the place behind them.
[[nodiscard]] __device__ inline u64 gather_range(const Call& call, u64 begin, u64 end, u64 to,
                                                 const WarpMemory& memory) {
  u32* const kept = shared_array<u32>(memory);
  const u8* const values = call.inputs[0].data;
  const u8* const mask = call.inputs[1].data;
  u8* const out = call.outputs[0].data;
  const u64 capacity = words_of(call.outputs[0]);
  const u32 lane = lane_index();
  for (u64 at = begin; at < end; at += kStep) {
    uint4 v[kRows];
    u32 keep[kRows];
#pragma unroll
    for (u32 j = 0; j < kRows; ++j) {
      const u64 mine = at + j * 128 + lane * 4;
      v[j] = load_words(values, mine, end, 0);
      keep[j] = nonzero_bytes(mine + 4 <= end ? ptx::load_weak_u32(mask + mine)
                                              : load_bytes4(mask, mine, end));
    }
    u32 count = 0;
#pragma unroll
    for (u32 j = 0; j < kRows; ++j) {
      const u32 own = __popc(keep[j]);
      const u32 through = scan::warp_inclusive(own);
      u32 place = count + through - own;
      if (keep[j] & 0x80u) kept[place++] = v[j].x;
      if (keep[j] & 0x8000u) kept[place++] = v[j].y;
      if (keep[j] & 0x800000u) kept[place++] = v[j].z;
      if (keep[j] & 0x80000000u) kept[place] = v[j].w;
      count += __shfl_sync(kWholeWarp, through, 31);
    }
    __syncwarp();  // publishes the gathered words
    for (u32 i = lane; i < count; i += kLanes) {
      if (to + i < capacity) ptx::store_weak_u32(out + (to + i) * 4, kept[i]);
    }
    __syncwarp();  // they are read before the next ones come
    to += count;
  }
  return to;
}

/// A single tile is done at once; else counts, their scan, and the words.
[[nodiscard]] __device__ inline u32 units(const Call& call, u32 phase) {
  const u32 tiles = cut(length(call), kGrain).count;
  if (tiles <= 1) return phase == 0 ? 1 : 0;
  return phase == 1 ? 1 : phase <= 2 ? tiles : 0;
}

__device__ __noinline__ inline void run(const Call& call, u32 phase, u32 unit,
                                        const WarpMemory& memory) {
  const u64 n = length(call);
  const Tiles tiles = cut(n, kGrain);
  auto* const places = reinterpret_cast<u64*>(call.scratch);
  const u64 begin = unit * tiles.size;
  const u64 end = least(begin + tiles.size, n);
  const bool writer = lane_index() == 0;
  if (tiles.count <= 1) {
    const u64 total = gather_range(call, begin, end, 0, memory);
    if (writer) ptx::store_weak_u32(call.outputs[1].data, static_cast<u32>(total));
  } else if (phase == 0) {
    const u64 count = count_range(call.inputs[1].data, begin, end);
    if (writer) ptx::store_weak_u64(places + unit, count);
  } else if (phase == 1) {
    const u64 total = scan::scan_in_place(places, tiles.count);
    if (writer) ptx::store_weak_u32(call.outputs[1].data, static_cast<u32>(total));
  } else {
    (void)gather_range(call, begin, end, ptx::load_weak_u64(places + unit), memory);
  }
}

}  // namespace select

}  // namespace vyre::cuda::builtin
