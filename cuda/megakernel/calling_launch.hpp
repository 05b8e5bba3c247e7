// The host's way into the resident kernel that calls compiled programs. Host header that needs the
// CUDA runtime's types; called by the device door alone, and only where a session compiles. Spec:
// docs/internals/jit.md, "Loading".
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cuda/megakernel/layout.hpp"

namespace vyre::cuda::megakernel {

/// Bytes of a thread's stack that the kernel needs. No tool knows them, because the kernel calls
/// functions that are linked elsewhere: the sum of the frames on its deepest path is 1,840 bytes.
inline constexpr std::uint64_t kKernelStackBytes{2'560};
/// Bytes behind them that a function which the kernel calls may have.
inline constexpr std::uint64_t kFunctionStackBytes{1'024};

/// Whether the build has this kernel.
[[nodiscard]] bool has_calling_kernel() noexcept;
/// Loads the kernel, gives threads of the current device their stack, and says how many blocks of
/// `shared_bytes` are resident at once and how many registers a thread has, which bound those of a
/// function that is called. No kernel may be resident that has a smaller stack.
[[nodiscard]] cudaError_t query_calling_grid(std::uint32_t shared_bytes, std::uint32_t& blocks,
                                             std::uint32_t& registers);
/// As launch(), after query_calling_grid().
[[nodiscard]] cudaError_t launch_calling(const KernelArguments& arguments, std::uint32_t blocks,
                                         cudaStream_t stream);

}  // namespace vyre::cuda::megakernel
