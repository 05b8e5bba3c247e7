// histogram.u8, and counting by 256 bins in the warp's shared memory, which the sort uses as well.
// Meaning: docs/ops.md. Contract: builtin.cuh.
#pragma once

#include "access.cuh"

namespace vyre::cuda::builtin {

namespace histogram {

inline constexpr u32 kBins{256};
/// Each bin is there eight times, for lanes that differ in their low three bits: fewer lanes add to
/// one word or wait for one bank. 8 KiB, what every warp has.
inline constexpr u32 kCopies{8};
inline constexpr u32 kGrain{16 *
                            1024};  // bytes: clearing and joining the bins costs as much as 2 KiB
inline constexpr u32 kInFlight{4};
/// Every tile ends with 256 additions to device memory, and they are the slow ones.
inline constexpr u32 kHistogramTiles{2048};

/// The warp's bins, cleared.
[[nodiscard]] __device__ inline u32* clear_bins(const WarpMemory& memory) {
  u32* const bins = shared_array<u32>(memory);
  auto* const vectors = reinterpret_cast<uint4*>(bins);
#pragma unroll 4
  for (u32 i = lane_index(); i < kBins * kCopies / 4; i += kLanes) vectors[i] = {0, 0, 0, 0};
  __syncwarp();  // publishes the cleared bins
  return bins;
}

__device__ inline void count_one(u32* bins, u32 value) {
  atomicAdd(bins + value * kCopies + lane_index() % kCopies, 1u);
}

/// All copies of bin `value`; after a __syncwarp() behind the last count_one().
[[nodiscard]] __device__ inline u32 bin_total(const u32* bins, u32 value) {
  const auto* const copies = reinterpret_cast<const uint4*>(bins + value * kCopies);
  const uint4 a = copies[0];
  const uint4 b = copies[1];
  return a.x + a.y + a.z + a.w + b.x + b.y + b.z + b.w;
}

__device__ inline void count_bytes(u32* bins, u32 word) {
#pragma unroll
  for (u32 k = 0; k < 4; ++k) count_one(bins, word >> (8 * k) & 0xFFu);
}

__device__ inline void count_range(u32* bins, const u8* from, u64 begin, u64 end) {
  u64 at = begin;
  for (; at + kInFlight * kStripe <= end; at += kInFlight * kStripe) {
    uint4 v[kInFlight];
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j)
      v[j] = ptx::load_weak_v4(from + at + j * kStripe + lane_index() * kVector);
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      count_bytes(bins, v[j].x);
      count_bytes(bins, v[j].y);
      count_bytes(bins, v[j].z);
      count_bytes(bins, v[j].w);
    }
  }
  for (at += lane_index(); at < end; at += kLanes) count_one(bins, ptx::load_weak_u8(from + at));
}

/// Phase 0 clears the output, phase 1 counts a tile a unit; a single tile writes its counts.
[[nodiscard]] __device__ inline u32 units(const Call& call, u32 phase) {
  const u32 tiles = cut(call.inputs[0].bytes, kGrain, kHistogramTiles).count;
  return phase == 0 ? 1 : phase == 1 && tiles > 1 ? tiles : 0;
}

__device__ __noinline__ inline void run(const Call& call, u32 phase, u32 unit,
                                        const WarpMemory& memory) {
  const u64 bytes = call.inputs[0].bytes;
  const Tiles tiles = cut(bytes, kGrain, kHistogramTiles);
  u8* const out = call.outputs[0].data;
  if (phase == 0 && tiles.count > 1) {
    for (u32 i = lane_index() * kVector; i < kBins * 4; i += kStripe)
      ptx::store_weak_v4(out + i, {0, 0, 0, 0});
    return;
  }
  u32* const bins = clear_bins(memory);
  const u64 begin = unit * tiles.size;
  count_range(bins, call.inputs[0].data, begin, least(begin + tiles.size, bytes));
  __syncwarp();  // publishes the counts
  for (u32 value = lane_index(); value < kBins; value += kLanes) {
    const u32 total = bin_total(bins, value);
    if (phase == 0) {
      ptx::store_weak_u32(out + value * 4, total);
    } else if (total != 0) {
      atomicAdd(reinterpret_cast<u32*>(out) + value, total);
    }
  }
  __syncwarp();  // the bins are read before the next unit clears them
}

}  // namespace histogram

}  // namespace vyre::cuda::builtin
