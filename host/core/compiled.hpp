// How the compiled form of an image is called: the signature that host/jit gives its functions and
// by which a worker of the device calls them. Plain values, host and device. Spec:
// docs/internals/jit.md, "The function".
#pragma once

#include <cstdint>

#include "core/machine.hpp"

namespace vyre::core {

/// What a function answers for a thread. A unit ends with the greatest answer of its threads.
enum class CompiledAnswer : std::uint32_t { done = 0, run_again = 1, stopped = 2 };

/// Called by all 32 threads of a warp, converged. `buffers`: bound, by declaration index; of each
/// entry the function reads `data` and `bytes`, and nothing of workgroup buffers. `scratch`: of
/// this warp, 16-byte aligned, as many bytes as the function was emitted with. `fuel`: of a
/// workgroup. `stop`: nonzero ends the run soon. The answer is a CompiledAnswer.
using CompiledUnit = std::uint32_t (*)(const BoundBuffer* buffers, void* scratch,
                                       std::uint64_t first_workgroup, std::uint64_t workgroups,
                                       std::uint32_t grid_x, std::uint32_t grid_y,
                                       std::uint32_t grid_z, std::uint64_t fuel,
                                       const std::uint32_t* stop);

}  // namespace vyre::core
