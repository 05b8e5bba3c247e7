// The shared memory of a worker's block: where queues end, the arguments, then a slice a warp. What
// a worker works with is found from here and is in no member: after an acquire, a word of a
// thread's own memory has to come from the second-level cache again, and so have arguments that are
// read through a pointer. Device only. Spec: docs/internals/megakernel.md, "Workers, jobs,
// sharing".
#pragma once

#include <cstdint>

#include "cuda/megakernel/layout.hpp"
#include "egress.cuh"
#include "job.cuh"
#include "lane.cuh"

namespace vyre::cuda::megakernel {

inline constexpr std::uint32_t kEndsBytes{(sizeof(QueueEnd) * kMaxDeviceQueues + 127) / 128 * 128};
inline constexpr std::uint32_t kArgumentBytes{(sizeof(KernelArguments) + 127) / 128 * 128};
static_assert(sizeof(KernelArguments) % sizeof(std::uint32_t) == 0);

[[nodiscard]] __host__ __device__ constexpr std::uint32_t slice_bytes(std::uint32_t shared_bytes) {
  return (shared_bytes - kEndsBytes - kArgumentBytes) / kBlockWarps / 128 * 128;
}

extern __shared__ __align__(128) std::uint8_t block_memory[];

[[nodiscard]] __device__ __forceinline__ QueueEnd* block_ends() {
  return reinterpret_cast<QueueEnd*>(block_memory);
}
[[nodiscard]] __device__ __forceinline__ KernelArguments& block_arguments() {
  return *reinterpret_cast<KernelArguments*>(block_memory + kEndsBytes);
}
/// This warp's slice.
[[nodiscard]] __device__ __forceinline__ std::uint8_t* warp_slice() {
  return block_memory + kEndsBytes + kArgumentBytes +
         threadIdx.x / kWarp * slice_bytes(block_arguments().shared_bytes);
}
[[nodiscard]] __device__ __forceinline__ WarpLocal& warp_local() {
  return *reinterpret_cast<WarpLocal*>(warp_slice());
}
[[nodiscard]] __device__ __forceinline__ std::uint32_t grid_warp() {
  return blockIdx.x * kBlockWarps + threadIdx.x / kWarp;
}
[[nodiscard]] __device__ __forceinline__ WarpPlace warp_place() {
  const KernelArguments& a = block_arguments();
  std::uint8_t* const slice = warp_slice();
  WarpPlace place;
  place.local = reinterpret_cast<WarpLocal*>(slice);
  place.shared = slice + kWarpLocalBytes;
  place.shared_bytes = slice_bytes(a.shared_bytes) - kWarpLocalBytes;
  place.scratch = a.scratch + std::uint64_t{grid_warp()} * a.scratch_bytes + kNotesBytes;
  place.scratch_bytes = a.scratch_bytes - kNotesBytes;
  return place;
}

/// By the whole block of workers, before any of them begins.
__device__ __forceinline__ void fill_block(const KernelArguments& arguments) {
  load_queue_ends(arguments, block_ends());
  const auto* const from = reinterpret_cast<const std::uint32_t*>(&arguments);
  auto* const to = reinterpret_cast<std::uint32_t*>(&block_arguments());
  for (std::uint32_t i = threadIdx.x; i < sizeof(KernelArguments) / 4; i += blockDim.x)
    to[i] = from[i];
  __syncthreads();  // publishes ends and arguments to the block's workers
}

}  // namespace vyre::cuda::megakernel
