// mem.fill and mem.copy: one phase, a tile a unit. Meaning: docs/ops.md. Contract: builtin.cuh.
#pragma once

#include "access.cuh"

namespace vyre::cuda::builtin {

namespace bulk {

inline constexpr u32 kInFlight{8};  // loads of a lane
inline constexpr u32 kStep{kInFlight * kStripe};

[[nodiscard]] __device__ inline u64 copy_bytes(const Call& call) {
  const u64 limit = call.param != 0 ? call.param : ~u64{0};
  return least(limit, least(call.inputs[0].bytes, call.outputs[0].bytes));
}

__device__ inline void fill(const Call& call, u32 unit) {
  const Tiles tiles = cut(call.outputs[0].bytes, kStep);
  const u64 begin = unit * tiles.size;
  const u64 end = least(begin + tiles.size, call.outputs[0].bytes);
  u8* const to = call.outputs[0].data;
  const u32 p = call.param;
  for (u64 at = begin + lane_index() * kVector; at < end; at += kStripe) {
    if (at + kVector <= end) {
      ptx::store_weak_v4(to + at, {p, p, p, p});
      continue;
    }
    for (u64 b = at; b < end; ++b) ptx::store_weak_u8(to + b, p >> (8 * (b % 4)) & 0xFFu);
  }
}

__device__ inline void copy(const Call& call, u32 unit) {
  const u64 bytes = copy_bytes(call);
  const Tiles tiles = cut(bytes, kStep);
  const u64 begin = unit * tiles.size;
  const u64 end = least(begin + tiles.size, bytes);
  const u8* const from = call.inputs[0].data;
  u8* const to = call.outputs[0].data;
  u64 at = begin;
  for (; at + kStep <= end; at += kStep) {
    const u64 mine = at + lane_index() * kVector;
    uint4 v[kInFlight];
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) v[j] = ptx::load_weak_v4(from + mine + j * kStripe);
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) ptx::store_weak_v4(to + mine + j * kStripe, v[j]);
  }
  for (at += lane_index() * kVector; at < end; at += kStripe) {
    if (at + kVector <= end) {
      ptx::store_weak_v4(to + at, ptx::load_weak_v4(from + at));
      continue;
    }
    for (u64 b = at; b < end; ++b) ptx::store_weak_u8(to + b, ptx::load_weak_u8(from + b));
  }
}

}  // namespace bulk

}  // namespace vyre::cuda::builtin
