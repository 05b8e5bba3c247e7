// Which lane of its warp a thread is. Device only.
#pragma once

#include <cstdint>

#include "cuda/megakernel/layout.hpp"

namespace vyre::cuda::megakernel {

__device__ __forceinline__ std::uint32_t lane_id() {
  return threadIdx.x & (kWarp - 1);
}

}  // namespace vyre::cuda::megakernel
