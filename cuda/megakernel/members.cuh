// Steps of the members of an image: what a warp counted while it ran units, summed over units, and
// given to the members' ops at the end. By whole warps, converged. Device only. Spec:
// docs/internals/megakernel.md, "Regions".
#pragma once

#include <cstdint>

#include "cuda/interpreter/passed.hpp"
#include "cuda/ptx/access.cuh"
#include "job.cuh"
#include "lane.cuh"

namespace vyre::cuda::megakernel {

static_assert(sizeof(interpreter::Passed) % sizeof(std::uint64_t) == 0);
inline constexpr std::uint32_t kPassedWords{sizeof(interpreter::Passed) / sizeof(std::uint64_t)};

__device__ __noinline__ void clear_passed(interpreter::Passed* passed) {
  auto* const words = reinterpret_cast<std::uint64_t*>(passed);
  for (std::uint32_t i = lane_id(); i < kPassedWords; i += kWarp)
    ptx::store_relaxed_gpu_u64(words + i, 0);
  __syncwarp();  // the zeros are there before lane 0 adds
}

__device__ __noinline__ void add_passed(interpreter::Passed* to, const interpreter::Passed* from) {
  __syncwarp();  // what lane 0 added is there
  auto* const sums = reinterpret_cast<std::uint64_t*>(to);
  const auto* const words = reinterpret_cast<const std::uint64_t*>(from);
  for (std::uint32_t i = lane_id(); i < kPassedWords; i += kWarp) {
    const std::uint64_t n = ptx::load_relaxed_gpu_u64(words + i);
    if (n != 0) ptx::add_relaxed_gpu_u64(sums + i, n);
  }
}

/// The steps of an image that ran without a fault, to the ops of its members. `total`: of all.
__device__ __noinline__ void count_members(const KernelArguments& a, const DeviceProgram& image,
                                           const interpreter::Passed& passed, std::uint64_t total) {
  __syncwarp();  // what lane 0 added is there
  for (std::uint32_t m = lane_id(); m < image.members; m += kWarp) {
    const std::uint64_t frames = ptx::load_relaxed_gpu_u64(&passed.frames);
    const std::uint64_t end =
        m + 1 == image.members ? frames : ptx::load_relaxed_gpu_u64(passed.members + m);
    // A frame begins where the one before it has ended, the first one of a unit at 0.
    const std::uint64_t begin =
        m == 0 ? frames - total : ptx::load_relaxed_gpu_u64(passed.members + m - 1);
    const std::uint64_t program = ptx::load_relaxed_gpu_u64(
        reinterpret_cast<const std::uint64_t*>(a.ops + (image.member_ops[m] - kFirstUserOp)));
    ptx::add_relaxed_gpu_u64(&reinterpret_cast<DeviceProgram*>(program)->steps, end - begin);
  }
}

/// Of the program that the job was; of its members unless they have to run again.
__device__ __forceinline__ void count_steps(const KernelArguments& a, const Job& job,
                                            std::uint64_t steps, const interpreter::Passed& passed,
                                            const Fault& fault) {
  if (steps == 0) return;
  if (is_image(job)) {
    if (fault.code == FaultCode::none) count_members(a, *job.program, passed, steps);
  } else if (lane_id() == 0) {
    ptx::add_relaxed_gpu_u64(const_cast<std::uint64_t*>(&job.program->steps), steps);
  }
}

}  // namespace vyre::cuda::megakernel
