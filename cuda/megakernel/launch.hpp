// The host's way into the resident kernel: how large its grid may be, and its launch. Host header
// that needs the CUDA runtime's types; implemented in kernel.cu, called by the device door alone.
// Spec: docs/internals/megakernel.md.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cuda/megakernel/layout.hpp"

namespace vyre::cuda::megakernel {

/// Blocks of the kernel that are resident at once on the current device, the dynamic shared memory
/// of one, and the slice of it that one warp has. Touches every kernel of the module: nothing is
/// left to be loaded when the first one has gone resident.
[[nodiscard]] cudaError_t query_grid(std::uint32_t& blocks, std::uint32_t& shared_bytes_a_block,
                                     std::uint32_t& warp_shared_bytes);

/// One cooperative launch; returns when it is queued. arguments.shared_bytes is what query_grid
/// gave.
[[nodiscard]] cudaError_t launch(const KernelArguments& arguments, std::uint32_t blocks,
                                 cudaStream_t stream);

}  // namespace vyre::cuda::megakernel
