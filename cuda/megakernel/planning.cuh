// Planning: an item becomes a job in the warp's slice, or the reason why it cannot. Fault codes and
// their order are those of the CPU backend. By whole warps, converged. Device only. Spec:
// docs/internals/megakernel.md, "Workers, jobs, sharing".
#pragma once

#include <cstdint>

#include "binding.cuh"
#include "builtin/rules.hpp"
#include "core/grid.hpp"
#include "cuda/builtin/builtin_ops.cuh"
#include "job.cuh"
#include "run_queue.cuh"
#include "zeroing.cuh"

namespace vyre::cuda::megakernel {

/// Lanes of a unit: enough to pay for its claim, few enough that the last ones end together.
inline constexpr std::uint64_t kLeastUnitLanes{512};
inline constexpr std::uint64_t kMostUnitLanes{8'192};
inline constexpr std::uint64_t kUnitsAWarp{16};
/// A job of at most so many lanes, or so many units of bytes, is quicker on one warp alone.
inline constexpr std::uint64_t kAloneLanes{1'024};
inline constexpr std::uint32_t kAloneUnits{2};

/// Workgroups of one unit.
[[nodiscard]] __device__ __forceinline__ std::uint32_t unit_workgroups(const KernelArguments& a,
                                                                       std::uint64_t lanes,
                                                                       std::uint64_t workgroups) {
  const std::uint64_t workers = std::uint64_t{gridDim.x - a.ingress_blocks} * kBlockWarps;
  std::uint64_t unit = workgroups / (workers * kUnitsAWarp);
  const std::uint64_t least = (kLeastUnitLanes + lanes - 1) / lanes;
  const std::uint64_t most = kMostUnitLanes / lanes > least ? kMostUnitLanes / lanes : least;
  unit = unit < least ? least : unit > most ? most : unit;
  // Claims count units in 32 bits.
  while (workgroups / unit >= 0x4000'0000u) unit *= 2;
  return static_cast<std::uint32_t>(unit);
}

/// The grid of a program's item, which covers `elements`; none: `workgroups` is their number.
[[nodiscard]] __device__ __forceinline__ FaultCode find_grid(const DeviceProgram& program,
                                                             std::uint64_t elements,
                                                             std::uint32_t (&grid)[3],
                                                             std::uint64_t& workgroups) {
  if (!core::shape_grid(program.rule, elements, grid)) return FaultCode::id_overflow;
  const std::uint64_t plane = std::uint64_t{grid[0]} * grid[1];
  if (plane == 0 || grid[2] == 0 || plane > ~std::uint64_t{0} / grid[2])
    return FaultCode::id_overflow;
  workgroups = plane * grid[2];
  return FaultCode::none;
}

[[nodiscard]] __device__ __forceinline__ std::uint64_t most_of_warp(std::uint64_t n) {
  for (int o = 16; o != 0; o >>= 1) {
    const std::uint64_t other = __shfl_xor_sync(~0u, n, o);
    n = other > n ? other : n;
  }
  return n;
}

[[nodiscard]] __device__ __forceinline__ std::uint64_t sum_of_warp(std::uint64_t n) {
  for (int o = 16; o != 0; o >>= 1) n += __shfl_xor_sync(~0u, n, o);
  return n;
}

/// Elements that the grid covers, and units of output that the item begins with zeroing, from the
/// lengths of its buffers.
struct Lengths {
  std::uint64_t elements;
  std::uint32_t zeroing_units;
};
[[nodiscard]] __device__ __forceinline__ Lengths lengths_of(const DeviceProgram& program,
                                                            const core::BoundBuffer* bound) {
  Lengths found{program.rule.at_least, 0};
  for (std::uint32_t i = lane_id(); i < program.image.buffer_count; i += kWarp) {
    const ProgramBuffer declared = program.buffers[i];
    if (declared.role == BufferRole::allocated) found.zeroing_units += units_for(bound[i].bytes);
    if (declared.grid.counts == 0 && program.rule.all_buffers == 0) continue;
    const std::uint64_t n = core::grid_elements(declared.grid, bound[i].bytes);
    found.elements = n > found.elements ? n : found.elements;
  }
  return {most_of_warp(found.elements), __reduce_add_sync(~0u, found.zeroing_units)};
}

/// Grid and units of a program, into the job. `zeroed_units`: of so many that is_small counts.
__device__ __forceinline__ void put_shape(const KernelArguments& a, const DeviceProgram& program,
                                          const std::uint32_t (&grid)[3], std::uint64_t workgroups,
                                          std::uint32_t zeroing_units, std::uint32_t zeroed_units,
                                          Job& job) {
  const std::uint32_t* const size = program.image.workgroup;
  const std::uint64_t lanes = std::uint64_t{size[0]} * size[1] * size[2];
  const bool few_lanes = workgroups == 1 || workgroups <= kAloneLanes / lanes;
  // What one warp runs alone it runs at once.
  const std::uint32_t unit =
      few_lanes ? static_cast<std::uint32_t>(workgroups) : unit_workgroups(a, lanes, workgroups);
  __syncwarp();  // no lane still reads the job before this one
  if (lane_id() == 0) {
    job.program = &program;
    job.workgroups = workgroups;
    job.grid = {grid[0], grid[1], grid[2]};
    job.unit_workgroups = unit;
    job.zeroing_units = zeroing_units;
    job.running_units = static_cast<std::uint32_t>((workgroups + unit - 1) / unit);
    job.is_small = few_lanes && zeroed_units <= kAloneUnits ? 1 : 0;
  }
}

/// Grid and units of a program over the buffers that are bound, into the job.
[[nodiscard]] __device__ __forceinline__ FaultCode shape_program(const KernelArguments& a,
                                                                 const DeviceProgram& program,
                                                                 const core::BoundBuffer* bound,
                                                                 const Roles& roles,
                                                                 std::uint32_t param, Job& job) {
  const Lengths lengths = lengths_of(program, bound);
  std::uint32_t grid[3];
  std::uint64_t workgroups = 0;
  if (const FaultCode refused =
          find_grid(program, param != 0 ? param : lengths.elements, grid, workgroups);
      refused != FaultCode::none)
    return refused;
  put_shape(a, program, grid, workgroups, lengths.zeroing_units, lengths.zeroing_units, job);
  if (lane_id() == 0) {
    job.roles = roles;
    job.shaped_by = param;
  }
  return FaultCode::none;
}

/// The warp keeps no shape: what is bound is that of no job.
__device__ __forceinline__ FaultCode refuse_program(Job& job, FaultCode why) {
  __syncwarp();  // no lane still reads the job before this one
  if (lane_id() == 0) job.program = nullptr;
  __syncwarp();  // publishes that to all lanes
  return why;
}

__device__ __forceinline__ FaultCode plan_program(const KernelArguments& a, const Taken& taken,
                                                  const WarpPlace& place) {
  const Looked looked = Looked::up(a, taken.item);
  const DeviceProgram* const program = looked.program;
  if (program == nullptr) return FaultCode::unknown_op;
  if (looked.inputs.lost() || looked.outputs.lost()) return FaultCode::unknown_handle;

  Job& job = place.local->job;
  core::BoundBuffer* bound = place.local->bound;
  bool for_host = false;
  // A job that came from another warp has its buffers elsewhere.
  const bool again = job.program == program && job.bound == bound &&
                     job.shaped_by == taken.item.param &&
                     bind_again(a, job.roles, looked.inputs, looked.outputs, bound, for_host);
  if (!again) {
    const std::uint32_t count = program->image.buffer_count;
    if (count > kSharedBuffers) bound = place.bound();
    BindingFacts facts;
    if (const FaultCode refused =
            bind_buffers(a, *program, looked.inputs, looked.outputs, bound, facts);
        refused != FaultCode::none)
      return refuse_program(job, refused);
    if (count > 1 && __any_sync(~0u, facts.writes) && is_written_twice(*program, bound))
      return refuse_program(job, FaultCode::bad_binding);
    if (const FaultCode refused =
            shape_program(a, *program, bound, facts.roles, taken.item.param, job);
        refused != FaultCode::none)
      return refuse_program(job, refused);
    for_host = __any_sync(~0u, facts.for_host);
  }
  __syncwarp();  // no lane still reads the job before this one
  if (lane_id() == 0) {
    job.kind = JobKind::program;
    job.wrote = for_host ? Wrote::host : Wrote::device;
    job.op = taken.item.op_handle;
    job.queue = taken.queue;
    job.position = taken.position;
    job.bound = bound;
    job.image_serial = 0;
  }
  __syncwarp();  // publishes the job to all lanes
  return FaultCode::none;
}

/// Not inlined, as plan_command(): programs want none of its registers.
__device__ __noinline__ FaultCode plan_builtin(const KernelArguments& a, const Taken taken,
                                               const WarpPlace place) {
  if (!vyre::builtin::is_op(taken.item.op_handle)) return FaultCode::unknown_op;
  const Named sides[2]{Named::of(a, taken.item.input_handle),
                       Named::of(a, taken.item.output_handle)};
  if (sides[0].lost() || sides[1].lost()) return FaultCode::unknown_handle;
  vyre::builtin::Binding bindings[2][vyre::builtin::kMaxOpBuffers]{};
  builtin::Buffer buffers[2][vyre::builtin::kMaxOpBuffers]{};
  bool known = true;
  bool absent = false;
  bool for_host = false;
#pragma unroll
  for (std::uint32_t s = 0; s < 2; ++s) {
#pragma unroll
    for (std::uint32_t i = 0; i < vyre::builtin::kMaxOpBuffers; ++i) {
      if (i >= sides[s].count) continue;
      const std::uint32_t handle = sides[s].handle_at(i);
      const Entry entry = sides[s].at(a, i);
      known = known && entry.known;
      bindings[s][i] = {entry.bytes, handle, entry.kind == EntryKind::file ? 1u : 0u};
      buffers[s][i] = {reinterpret_cast<std::uint8_t*>(entry.data), entry.bytes};
      absent = absent || (entry.kind == EntryKind::file && entry.data == 0);
      for_host = for_host || (s == 1 && is_hosts(a, buffers[s][i].data));
    }
  }
  if (!known) return FaultCode::unknown_handle;
  const FaultCode refused = vyre::builtin::check(taken.item.op_handle, bindings[0], sides[0].count,
                                                 bindings[1], sides[1].count, taken.item.param);
  if (refused != FaultCode::none) return refused;
  if (absent) return FaultCode::bad_binding;  // a file that the host has not brought
  Job& job = place.local->job;
  __syncwarp();  // no lane still reads the job before this one
  if (lane_id() == 0) {
    job.kind = JobKind::builtin;
    job.wrote = for_host ? Wrote::host : Wrote::device;
    job.op = taken.item.op_handle;
    job.queue = taken.queue;
    job.position = taken.position;
    builtin::Call& call = job.call;
    call.op = taken.item.op_handle;
    call.param = taken.item.param;
    call.input_count = sides[0].count;
    call.output_count = sides[1].count;
#pragma unroll
    for (std::uint32_t i = 0; i < vyre::builtin::kMaxOpBuffers; ++i) {
      call.inputs[i] = buffers[0][i];
      call.outputs[i] = buffers[1][i];
    }
    call.scratch = place.scratch;
  }
  __syncwarp();  // publishes the job to all lanes
  return builtin::check(job.call);
}

__device__ __noinline__ FaultCode plan_command(const KernelArguments& a, const Taken taken,
                                               const WarpPlace place) {
  Job& job = place.local->job;
  const std::uint32_t lane = lane_id();
  __syncwarp();  // no lane still reads the job before this one
  if (lane < sizeof(ControlCommand) / 16) {
    const auto* const from = reinterpret_cast<const uint4*>(a.commands + taken.item.param) + lane;
    reinterpret_cast<uint4*>(&job.command)[lane] = ptx::load_relaxed_sys_v4(from);
  }
  __syncwarp();  // publishes the command to lane 0
  if (lane == 0) {
    job.kind = JobKind::command;
    job.wrote = job.command.command == Command::copy_out ? Wrote::host : Wrote::device;
    job.op = taken.item.op_handle;
    job.queue = taken.queue;
    job.position = taken.position;
  }
  __syncwarp();  // publishes the job to all lanes
  return FaultCode::none;
}

}  // namespace vyre::cuda::megakernel
