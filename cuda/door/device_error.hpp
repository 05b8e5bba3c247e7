// What the CUDA runtime says, as an Error: the error's name, what was under way, and what kind it
// is. Host only; used by the door alone.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "base/error.hpp"

namespace vyre::cuda {

/// What the driver says when it does not lock memory of a caller, which leaves the device as it is.
[[nodiscard]] Error lock_error(cudaError_t error, std::uint64_t bytes);

[[nodiscard]] Error device_error(cudaError_t error, const std::string& doing);

}  // namespace vyre::cuda

/// Returns the CUDA error of `call` from the enclosing function as what happened while `doing`.
#define VYRE_CUDA_TRY(call, doing)                                                         \
  do {                                                                                     \
    if (const cudaError_t vyre_cuda_ = (call); vyre_cuda_ != cudaSuccess) {                \
      return tl::unexpected<::vyre::Error>(::vyre::cuda::device_error(vyre_cuda_, doing)); \
    }                                                                                      \
  } while (false)
