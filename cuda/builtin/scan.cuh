// scan.inclusive.u32 and scan.exclusive.u32: sums of tiles, a scan of the sums, then every tile
// again from where it starts. Also the scans that other ops make of their counts.
// Meaning: docs/ops.md. Contract: builtin.cuh.
#pragma once

#include <cub/warp/warp_scan.cuh>

#include "access.cuh"
#include "reduce.cuh"

namespace vyre::cuda::builtin {

namespace scan {

inline constexpr u32 kInFlight{4};
inline constexpr u32 kStep{kInFlight * kStripe / 4};  // words
inline constexpr u32 kGrain{2 * kStep};

template <class T>
[[nodiscard]] __device__ inline T warp_inclusive(T value) {
  using Warp = cub::WarpScan<T>;
  typename Warp::TempStorage none;
  T sum;
  Warp(none).InclusiveSum(value, sum);
  return sum;
}

/// to[i] = carry + the sum of from[begin..i], without from[i] if exclusive, for i below end (begin
/// a multiple of 4). `from` may be `to`. Returns the carry behind the range.
[[nodiscard]] __device__ inline u32 scan_range(const u8* from, u8* to, u64 begin, u64 end,
                                               u32 carry, bool inclusive) {
  for (u64 at = begin; at < end; at += kStep) {
    const u64 mine = at + lane_index() * 4;
    uint4 v[kInFlight];
    if (at + kStep <= end) {
#pragma unroll
      for (u32 j = 0; j < kInFlight; ++j) v[j] = ptx::load_weak_v4(from + (mine + j * 128) * 4);
    } else {
#pragma unroll
      for (u32 j = 0; j < kInFlight; ++j) v[j] = load_words(from, mine + j * 128, end, 0);
    }
    u32 sums[kInFlight];
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) sums[j] = warp_inclusive(v[j].x + v[j].y + v[j].z + v[j].w);
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      const u32 before_w = carry + sums[j] - v[j].w;
      const u32 before_z = before_w - v[j].z;
      const u32 before_y = before_z - v[j].y;
      const uint4 out = inclusive ? uint4{before_y, before_z, before_w, carry + sums[j]}
                                  : uint4{before_y - v[j].x, before_y, before_z, before_w};
      store_words(to, mine + j * 128, end, out);
      carry += __shfl_sync(kWholeWarp, sums[j], 31);
    }
  }
  return carry;
}

/// Exclusive sums of `count` 64-bit numbers in their place; returns the sum of all.
[[nodiscard]] __device__ inline u64 scan_in_place(u64* values, u32 count) {
  u64 carry = 0;
  for (u32 at = 0; at < count; at += 4 * kLanes) {
    const u32 mine = at + lane_index() * 4;
    u64 v[4];
#pragma unroll
    for (u32 j = 0; j < 4; ++j) v[j] = mine + j < count ? ptx::load_weak_u64(values + mine + j) : 0;
    const u64 sum = v[0] + v[1] + v[2] + v[3];
    const u64 through = warp_inclusive(sum);
    u64 before = carry + through - sum;
#pragma unroll
    for (u32 j = 0; j < 4; ++j) {
      if (mine + j < count) ptx::store_weak_u64(values + mine + j, before);
      before += v[j];
    }
    carry += __shfl_sync(kWholeWarp, through, 31);
  }
  return carry;
}

[[nodiscard]] __device__ inline u32 units(const Call& call, u32 phase) {
  const u32 tiles = cut(words_of(call.inputs[0]), kGrain).count;
  if (tiles <= 1) return phase == 0 ? tiles : 0;
  return phase == 1 ? 1 : phase <= 2 ? tiles : 0;
}

__device__ __noinline__ inline void run(const Call& call, u32 phase, u32 unit) {
  const bool inclusive = call.op == static_cast<u32>(vyre::builtin::Op::scan_inclusive_u32);
  const u64 n = words_of(call.inputs[0]);
  const Tiles tiles = cut(n, kGrain);
  const u8* const from = call.inputs[0].data;
  const u64 begin = unit * tiles.size;
  const u64 end = least(begin + tiles.size, n);
  if (phase == 0 && tiles.count > 1) {
    const u32 sum = reduce::fold_range(from, begin, end, reduce::Sum{});
    if (lane_index() == 0) ptx::store_weak_u32(call.scratch + unit * 4, sum);
    return;
  }
  if (phase == 1) {
    (void)scan_range(call.scratch, call.scratch, 0, tiles.count, 0, false);
    return;
  }
  const u32 carry = tiles.count > 1 ? ptx::load_weak_u32(call.scratch + unit * 4) : 0;
  (void)scan_range(from, call.outputs[0].data, begin, end, carry, inclusive);
}

}  // namespace scan

}  // namespace vyre::cuda::builtin
