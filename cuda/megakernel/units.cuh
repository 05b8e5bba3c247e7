// The phases of a job and their units: how many there are, and how a warp runs one. By whole warps,
// converged. Device only. Spec: docs/internals/megakernel.md, "Workers, jobs, sharing".
#pragma once

#include <cstdint>

#include "backend/handle.hpp"
#include "bytes.cuh"
#include "chain.cuh"
#include "cuda/builtin/builtin_ops.cuh"
#include "cuda/interpreter/interpret.cuh"
#include "cuda/ptx/access.cuh"
#include "job.cuh"
#include "zeroing.cuh"

namespace vyre::cuda::megakernel {

/// Units of `phase`; 0: it has none, and is_over() says whether another phase follows.
__device__ inline std::uint32_t units_of(const Job& job, std::uint32_t phase) {
  switch (job.kind) {
    case JobKind::program:
      return phase == 0 ? job.zeroing_units : phase == 1 ? job.running_units : 0;
    case JobKind::builtin:
      return builtin::units(job.call, phase);
    case JobKind::command:
      if (phase > 1) return 0;
      if (phase == 1) return 1;
      return job.command.command == Command::fill || job.command.command == Command::copy_in ||
                     job.command.command == Command::copy_out
                 ? units_for(job.command.bytes)
                 : 0;
  }
  return 0;
}
/// Whether no phase from `phase` on exists. Built-in ops end with their first phase without units.
__device__ inline bool is_over(const Job& job, std::uint32_t phase, std::uint32_t units) {
  return job.kind == JobKind::builtin ? units == 0 : phase > 1;
}

[[nodiscard]] __device__ inline std::uint64_t bytes_of(const builtin::Call& call) {
  std::uint64_t sum = 0;
#pragma unroll
  for (std::uint32_t i = 0; i < builtin::kMaxInputs; ++i) {
    if (i < call.input_count) sum += call.inputs[i].bytes;
  }
  // Only mem.fill reads nothing; elsewhere outputs may be much longer than what is written.
  return call.input_count == 0 ? call.outputs[0].bytes : sum;
}

/// After the last phase: whether the op itself found something wrong.
__device__ inline FaultCode outcome_of(const Job& job) {
  return job.kind == JobKind::builtin ? builtin::outcome(job.call) : FaultCode::none;
}

__device__ inline void command_unit(const KernelArguments& a, const ControlCommand& command,
                                    std::uint32_t phase, std::uint32_t unit) {
  if (phase == 0) {
    const std::uint64_t at = unit * kBytesAUnit;
    const std::uint64_t n = command.bytes - at < kBytesAUnit ? command.bytes - at : kBytesAUnit;
    auto* const to = reinterpret_cast<std::uint8_t*>(command.to) + at;
    if (command.command == Command::fill) {
      zero_bytes(to, n);
    } else {
      copy_bytes(to, reinterpret_cast<const std::uint8_t*>(command.from) + at, n);
    }
    return;
  }
  if (lane_id() != 0) return;
  if (command.command == Command::put_op) {
    ptx::store_relaxed_gpu_u64(reinterpret_cast<std::uint64_t*>(a.ops + command.op), command.from);
  } else if (command.entry.handle != 0) {
    const std::uint32_t index = backend::handle_index(command.entry.handle);
    if (index >= a.handle_count) return;  // cannot be: the host refuses such handles
    HandleEntry* const entry = a.handles + index;
    const auto* const words = reinterpret_cast<const uint4*>(&command.entry);
    ptx::store_relaxed_gpu_v4(entry, words[0]);
    ptx::store_relaxed_gpu_v4(&entry->handle, words[1]);
  }
}

/// Another image of several members may have come to lie at the address of the one that is staged.
__device__ __noinline__ void look_at_serial(const Job& job, WarpLocal& local) {
  if (job.image_serial == local.image_serial) return;
  __syncwarp();  // every lane has looked
  if (lane_id() == 0) {
    local.image_serial = job.image_serial;
    local.staged.code = nullptr;
  }
  __syncwarp();  // publishes that nothing is staged
}

/// Runs a unit of a program's workgroups, and those that `next` goes on with.
__device__ __forceinline__ core::RunResult run_workgroups(const KernelArguments& a, const Job& job,
                                                          std::uint32_t unit,
                                                          const WarpPlace& place,
                                                          interpreter::Staged& staged,
                                                          const Next& next) {
  const bool members = job.image_serial != 0;
  if (members) look_at_serial(job, *place.local);
  const core::RunResult result = interpreter::run(
      job.program->image, job.program->workgroup_bytes, job.program->uses_async != 0, job.bound,
      job.grid, span_of(job, unit), a.fuel, &a.relay->stop_running,
      {place.shared, place.shared_bytes, place.scratch, place.scratch_bytes,
       a.io.requests != nullptr ? &a.io : nullptr, job.queue, members ? place.passed() : nullptr},
      staged, next);
  __syncwarp();  // what all lanes wrote comes before what lane 0 tells of the unit
  return result;
}

/// Runs a unit of what is not a program's workgroups. Not inlined: two callers, and much code.
__device__ __noinline__ void run_other_unit(const KernelArguments& a, const Job& job,
                                            std::uint32_t phase, std::uint32_t unit,
                                            const WarpPlace place, interpreter::Staged& staged) {
  switch (job.kind) {
    case JobKind::program:
      zero_unit(job, unit);
      break;
    case JobKind::builtin:
      staged.code = nullptr;  // the op overwrites the slice, so no program is staged there
      builtin::run_unit(job.call, phase, unit, {place.shared, place.shared_bytes});
      break;
    case JobKind::command:
      command_unit(a, job.command, phase, unit);
      break;
  }
  __syncwarp();  // what all lanes wrote comes before what lane 0 tells of the unit
}

}  // namespace vyre::cuda::megakernel
