// A warp zeroes bytes, or copies them, by accesses as wide as both places allow. By whole warps;
// the caller synchronises. Device only.
#pragma once

#include <cstdint>

#include "cuda/ptx/access.cuh"
#include "lane.cuh"

namespace vyre::cuda::megakernel {

/// n bytes at `to` become zero.
__device__ inline void zero_bytes(std::uint8_t* to, std::uint64_t n) {
  const std::uint32_t lane = lane_id();
  const std::uint64_t misplaced = reinterpret_cast<std::uint64_t>(to) & 15;
  const std::uint64_t head = misplaced == 0 ? 0 : (16 - misplaced < n ? 16 - misplaced : n);
  if (lane < head) to[lane] = 0;
  const std::uint64_t wide = (n - head) / 16;
  auto* const words = reinterpret_cast<uint4*>(to + head);
  for (std::uint64_t i = lane; i < wide; i += kWarp) words[i] = make_uint4(0, 0, 0, 0);
  const std::uint64_t done = head + wide * 16;
  if (lane < n - done) to[done + lane] = 0;
}

/// n bytes from one place to another; either may be across the link. Reads see what the host wrote
/// before it published the item, because they bypass the multiprocessor's own cache.
__device__ inline void copy_bytes(std::uint8_t* to, const std::uint8_t* from, std::uint64_t n) {
  constexpr std::uint32_t kInFlight{8};
  const std::uint32_t lane = lane_id();
  const std::uint64_t to_at = reinterpret_cast<std::uint64_t>(to);
  const std::uint64_t from_at = reinterpret_cast<std::uint64_t>(from);
  const auto* const bytes = static_cast<const volatile std::uint8_t*>(from);
  if (((to_at ^ from_at) & 15) != 0) {
    // Differently placed within 16 bytes: by words where both allow it, else by bytes.
    if (((to_at | from_at) & 3) == 0) {
      const auto* const words = reinterpret_cast<const volatile std::uint32_t*>(from);
      auto* const out = reinterpret_cast<std::uint32_t*>(to);
      for (std::uint64_t i = lane; i < n / 4; i += kWarp) out[i] = words[i];
      for (std::uint64_t i = n / 4 * 4 + lane; i < n; i += kWarp) to[i] = bytes[i];
    } else {
      for (std::uint64_t i = lane; i < n; i += kWarp) to[i] = bytes[i];
    }
    return;
  }
  const std::uint64_t misplaced = to_at & 15;
  const std::uint64_t head = misplaced == 0 ? 0 : (16 - misplaced < n ? 16 - misplaced : n);
  if (lane < head) to[lane] = bytes[lane];
  const std::uint64_t wide = (n - head) / 16;
  const auto* const in = reinterpret_cast<const uint4*>(from + head);
  auto* const out = reinterpret_cast<uint4*>(to + head);
  std::uint64_t i = lane;
  for (; i + (kInFlight - 1) * kWarp < wide; i += kInFlight * kWarp) {
    uint4 v[kInFlight];
#pragma unroll
    for (std::uint32_t k = 0; k < kInFlight; ++k)
      v[k] = ptx::load_relaxed_sys_v4(in + i + k * kWarp);
#pragma unroll
    for (std::uint32_t k = 0; k < kInFlight; ++k) out[i + k * kWarp] = v[k];
  }
  for (; i < wide; i += kWarp) out[i] = ptx::load_relaxed_sys_v4(in + i);
  const std::uint64_t done = head + wide * 16;
  if (lane < n - done) to[done + lane] = bytes[done + lane];
}

}  // namespace vyre::cuda::megakernel
