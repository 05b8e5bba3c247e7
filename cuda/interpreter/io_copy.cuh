// Copies the data of a request line across the link into device memory. By whole warps, converged.
// Device code.
#pragma once

#include <cstdint>

#include "cuda/ptx/access.cuh"
#include "io_lines.cuh"
#include "warp.cuh"

namespace vyre::cuda::interpreter::io {

/// `to` is aligned to 16 bytes, and the copy may write up to 15 bytes behind `count`. Line data
/// have room behind what was read. The caller synchronises.
VYRE_WARP_FN void copy_line_data(std::uint8_t* to, const std::uint8_t* from, u64 count) {
  constexpr u32 kInFlight{8};
  const u32 self = warp::self();
  auto* const out = reinterpret_cast<u32*>(to);
  const auto misplaced = static_cast<u32>(reinterpret_cast<std::uintptr_t>(from) & 15);
  if (misplaced == 0) {
    const u64 wide = (count + 15) / 16;
    for (u64 k = self; k < wide; k += kInFlight * 32) {
      uint4 v[kInFlight]{};
#pragma unroll
      for (u32 j = 0; j < kInFlight; ++j) {
        if (k + j * 32 < wide) v[j] = ptx::load_relaxed_sys_v4(from + 16 * (k + j * 32));
      }
#pragma unroll
      for (u32 j = 0; j < kInFlight; ++j) {
        if (k + j * 32 < wide)
          warp::store4(out + 4 * (k + j * 32), {v[j].x, v[j].y, v[j].z, v[j].w});
      }
    }
    return;
  }
  // Two aligned words give one: reads of a byte each would take all the link's round trips.
  const u32 shift = 8 * (misplaced & 3);
  const auto* const words = reinterpret_cast<const u32*>(from - (misplaced & 3));
  const u64 narrow = (count + 3) / 4;
  for (u64 k = self; k < narrow; k += kInFlight * 32) {
    u32 low[kInFlight]{};
    u32 high[kInFlight]{};
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      if (k + j * 32 >= narrow) continue;
      low[j] = ptx::load_relaxed_sys_u32(words + k + j * 32);
      high[j] = shift != 0 ? ptx::load_relaxed_sys_u32(words + k + j * 32 + 1) : 0;
    }
#pragma unroll
    for (u32 j = 0; j < kInFlight; ++j) {
      if (k + j * 32 >= narrow) continue;
      out[k + j * 32] = static_cast<u32>((u64{high[j]} << 32 | low[j]) >> shift);
    }
  }
}

}  // namespace vyre::cuda::interpreter::io
