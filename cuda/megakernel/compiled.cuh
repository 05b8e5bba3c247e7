// A unit of a program that has a compiled form: its function is called in place of the interpreter.
// By whole warps, converged. Device only, part of the kernel that calls compiled programs
// (calling_kernel.cu). Spec: docs/internals/jit.md, "A run".
#pragma once

#include <cstdint>

#include "chain.cuh"
#include "core/compiled.hpp"
#include "core/run.hpp"
#include "cuda/interpreter/io_access.hpp"
#include "cuda/megakernel/compiled_form.hpp"
#include "cuda/ptx/access.cuh"
#include "job.cuh"
#include "units.cuh"

namespace vyre::cuda::megakernel {

/// Whether a buffer of the job is a file whose bytes are not here: only the interpreter asks for
/// them.
[[nodiscard]] __device__ __forceinline__ bool is_over_files(const Job& job) {
  if (job.program->uses_async == 0) return false;
  bool tagged = false;
  for (std::uint32_t i = lane_id(); i < job.program->image.buffer_count; i += kWarp) {
    tagged = tagged ||
             (reinterpret_cast<std::uint64_t>(job.bound[i].data) & interpreter::kFileTag) != 0;
  }
  return __any_sync(~0u, tagged);
}

/// Runs workgroups `span` of the job, and of the members that follow it, by the function of its
/// program. False: the interpreter has to run them, from the member that the job is now. Not
/// inlined: registers that the call does not keep are not wanted around the interpreter.
__device__ __noinline__ bool run_compiled(const KernelArguments& a, const Job& job,
                                          const core::WorkgroupSpan& span, const WarpPlace& place,
                                          const NextMember& next, core::RunResult& result) {
  if (is_over_files(job)) return false;
  CompiledForm& form = *compiled_form(job.program);
  const auto unit = reinterpret_cast<core::CompiledUnit>(form.address);
  for (;;) {
    const std::uint32_t own =
        unit(job.bound, place.scratch, span.first, span.count, job.grid[0], job.grid[1],
             job.grid[2], a.fuel, &a.relay->stop_running);
    __syncwarp();  // all lanes are back, and what they wrote comes before what follows
    const auto answer = static_cast<core::CompiledAnswer>(__reduce_max_sync(~0u, own));
    const bool again = answer == core::CompiledAnswer::run_again;
    if (lane_id() == 0) ptx::add_relaxed_gpu_u64(again ? &form.units_again : &form.units, 1);
    if (again) return false;
    if (answer == core::CompiledAnswer::stopped) {
      result.fault.code = FaultCode::shutdown;
      result.fault.workgroup = span.first;
      return true;
    }
    if (!next(job.bound)) return true;
  }
}

/// As interpret_unit() in units.cuh, which runs everything that is no compiled program.
__device__ inline core::RunResult run_unit(const KernelArguments& a, const Job& job,
                                           std::uint32_t phase, std::uint32_t unit,
                                           const WarpPlace& place, interpreter::Staged& staged,
                                           const NextMember& next) {
  if (job.kind == JobKind::program && phase != 0 && job.image_serial == 0 &&
      compiled_form(job.program)->address != 0) {
    const std::uint64_t first = std::uint64_t{unit} * job.unit_workgroups;
    const std::uint64_t left = job.workgroups - first;
    staged.code = nullptr;  // what was staged may lie in scratch, which the function uses
    core::RunResult result;
    if (run_compiled(a, job, {first, left < job.unit_workgroups ? left : job.unit_workgroups},
                     place, next, result)) {
      __syncwarp();  // what all lanes wrote comes before what lane 0 tells of the unit
      return result;
    }
  }
  return interpret_unit(a, job, phase, unit, place, staged, next);
}

}  // namespace vyre::cuda::megakernel
