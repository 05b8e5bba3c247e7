// The device's clock. Device code.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace vyre::cuda::ptx {

/// Nanoseconds of one clock for all multiprocessors.
__device__ __forceinline__ std::uint64_t device_ns() {
  std::uint64_t ns = 0;
#if VYRE_ON_DEVICE
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(ns));
#endif
  return ns;
}

}  // namespace vyre::cuda::ptx
