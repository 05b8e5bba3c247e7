// Zeroing the allocated outputs of a program's item, in units. By whole warps, converged; the
// caller synchronises. Device only. Spec: docs/internals/megakernel.md, "Workers, jobs, sharing".
#pragma once

#include <cstdint>

#include "bytes.cuh"
#include "job.cuh"

namespace vyre::cuda::megakernel {

/// Bytes of output that one warp zeroes, or copies, in one unit.
inline constexpr std::uint64_t kBytesAUnit{std::uint64_t{64} << 10};

__device__ inline std::uint32_t units_for(std::uint64_t bytes) {
  return static_cast<std::uint32_t>((bytes + kBytesAUnit - 1) / kBytesAUnit);
}

/// Zeroes a piece of the allocated buffers; units count over them in their order.
__device__ inline void zero_unit(const Job& job, std::uint32_t unit) {
  const auto has_zeroed = [&](const core::BoundBuffer& buffer) {
    const std::uint32_t units = units_for(buffer.bytes);
    if (unit >= units) {
      unit -= units;
      return false;
    }
    const std::uint64_t at = unit * kBytesAUnit;
    zero_bytes(buffer.data + at, buffer.bytes - at < kBytesAUnit ? buffer.bytes - at : kBytesAUnit);
    return true;
  };
  for (std::uint32_t left = job.roles.allocated; left != 0; left &= left - 1) {
    if (has_zeroed(job.bound[__ffs(static_cast<int>(left)) - 1])) return;
  }
  for (std::uint32_t i = kWarp; i < job.program->image.buffer_count; ++i) {
    const ProgramBuffer& declared = job.program->buffers[i];
    if (declared.role == BufferRole::allocated && (declared.traits & kUnzeroed) == 0 &&
        has_zeroed(job.bound[i]))
      return;
  }
}

/// Zeroes all that zero_unit() does, for a job that one warp runs alone. `local`: where the warp
/// has the bound buffers of programs with few.
__device__ __forceinline__ void zero_all(const Job& job, const core::BoundBuffer* local) {
  if (job.zeroing_units == 0) return;
  for (std::uint32_t left = job.roles.allocated; left != 0; left &= left - 1) {
    const core::BoundBuffer& buffer = job.bound[__ffs(static_cast<int>(left)) - 1];
    zero_bytes(buffer.data, buffer.bytes);
  }
  static_assert(kSharedBuffers <= kWarp);
  if (job.bound == local) return;
  const std::uint32_t count = job.program->image.buffer_count;
  for (std::uint32_t i = kWarp; i < count; ++i) {
    const ProgramBuffer& declared = job.program->buffers[i];
    if (declared.role == BufferRole::allocated && (declared.traits & kUnzeroed) == 0)
      zero_bytes(job.bound[i].data, job.bound[i].bytes);
  }
}

}  // namespace vyre::cuda::megakernel
