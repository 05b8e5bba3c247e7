// A job: what an item asks for once its handles are looked up, as phases of units that one warp
// runs at a time. Programs, built-in ops and the host's own commands all become jobs, so that one
// piece of code runs them alone or shared among warps. By whole warps, converged; everything here
// is the same on all lanes. Device only. Spec: docs/internals/megakernel.md, "Workers, jobs,
// sharing".
#pragma once

#include "backend/handle.hpp"
#include "builtin/rules.hpp"
#include "cuda/builtin/builtin_ops.cuh"
#include "cuda/interpreter/interpret.cuh"
#include "run_queue.cuh"

namespace vyre::cuda::megakernel {

enum class JobKind : std::uint32_t { program, builtin, command };

struct Job {
  JobKind kind;
  Wrote wrote;
  std::uint32_t op;
  std::uint32_t queue;
  std::uint32_t param;
  std::uint64_t position;
  // Of a program.
  const DeviceProgram* program;
  core::BoundBuffer* bound;
  std::uint64_t workgroups;
  core::Grid grid;
  std::uint32_t unit_workgroups;
  // Of a built-in op; of the host's command.
  builtin::Call call;
  ControlCommand command;
};
static_assert(sizeof(Job) <= kJobBytes);

/// Bound buffers that a warp keeps in shared memory; programs with more have them in scratch.
inline constexpr std::uint32_t kSharedBuffers{16};

/// The first bytes of a warp's slice of shared memory; the rest is the interpreter's.
struct WarpLocal {
  Job job;
  core::BoundBuffer bound[kSharedBuffers];
};
inline constexpr std::uint32_t kWarpLocalBytes{(sizeof(WarpLocal) + 127) / 128 * 128};

/// Bytes of output that one warp zeroes, or copies, in one unit.
inline constexpr std::uint64_t kBytesAUnit{std::uint64_t{64} << 10};

/// Where a warp works.
struct WarpPlace {
  WarpLocal* local;
  std::uint8_t* shared;  // behind `local`
  std::uint32_t shared_bytes;
  std::uint8_t* scratch;  // behind the bound buffers
  std::uint64_t scratch_bytes;
};

__device__ __forceinline__ std::uint32_t lane_id() {
  return threadIdx.x & (kWarp - 1);
}

// ---- bytes ----

/// n bytes at `to` become zero.
__device__ inline void zero_bytes(std::uint8_t* to, std::uint64_t n) {
  const std::uint32_t lane = lane_id();
  const std::uint64_t misplaced = reinterpret_cast<std::uint64_t>(to) & 15;
  const std::uint64_t head = misplaced == 0 ? 0 : (16 - misplaced < n ? 16 - misplaced : n);
  if (lane < head) to[lane] = 0;
  const std::uint64_t wide = (n - head) / 16;
  auto* const words = reinterpret_cast<uint4*>(to + head);
  for (std::uint64_t i = lane; i < wide; i += kWarp) words[i] = make_uint4(0, 0, 0, 0);
  const std::uint64_t done = head + wide * 16;
  if (lane < n - done) to[done + lane] = 0;
}

/// n bytes from one place to another; either may be across the link. Reads see what the host wrote
/// before it published the item: no cache of this multiprocessor is asked.
__device__ inline void copy_bytes(std::uint8_t* to, const std::uint8_t* from, std::uint64_t n) {
  constexpr std::uint32_t kInFlight{8};
  const std::uint32_t lane = lane_id();
  const std::uint64_t to_at = reinterpret_cast<std::uint64_t>(to);
  const std::uint64_t from_at = reinterpret_cast<std::uint64_t>(from);
  const auto* const bytes = static_cast<const volatile std::uint8_t*>(from);
  if (((to_at ^ from_at) & 15) != 0) {
    // Differently placed within 16 bytes: by words where both allow it, else by bytes.
    if (((to_at | from_at) & 3) == 0) {
      const auto* const words = reinterpret_cast<const volatile std::uint32_t*>(from);
      auto* const out = reinterpret_cast<std::uint32_t*>(to);
      for (std::uint64_t i = lane; i < n / 4; i += kWarp) out[i] = words[i];
      for (std::uint64_t i = n / 4 * 4 + lane; i < n; i += kWarp) to[i] = bytes[i];
    } else {
      for (std::uint64_t i = lane; i < n; i += kWarp) to[i] = bytes[i];
    }
    return;
  }
  const std::uint64_t misplaced = to_at & 15;
  const std::uint64_t head = misplaced == 0 ? 0 : (16 - misplaced < n ? 16 - misplaced : n);
  if (lane < head) to[lane] = bytes[lane];
  const std::uint64_t wide = (n - head) / 16;
  const auto* const in = reinterpret_cast<const uint4*>(from + head);
  auto* const out = reinterpret_cast<uint4*>(to + head);
  std::uint64_t i = lane;
  for (; i + (kInFlight - 1) * kWarp < wide; i += kInFlight * kWarp) {
    uint4 v[kInFlight];
#pragma unroll
    for (std::uint32_t k = 0; k < kInFlight; ++k) v[k] = load_relaxed_sys(in + i + k * kWarp);
#pragma unroll
    for (std::uint32_t k = 0; k < kInFlight; ++k) out[i + k * kWarp] = v[k];
  }
  for (; i < wide; i += kWarp) out[i] = load_relaxed_sys(in + i);
  const std::uint64_t done = head + wide * 16;
  if (lane < n - done) to[done + lane] = bytes[done + lane];
}

// ---- handles ----

struct Entry {
  std::uint64_t data;
  std::uint64_t bytes;
  EntryKind kind;
  std::uint32_t members;
  bool known;
};

__device__ inline Entry find_entry(const KernelArguments& a, std::uint32_t handle) {
  const std::uint32_t index = backend::handle_index(handle);
  if (handle == 0 || index >= a.handle_count) return {0, 0, EntryKind::none, 0, false};
  const HandleEntry* const at = a.handles + index;
  const uint4 low = load_relaxed_gpu(at);
  const uint4 high = load_relaxed_gpu(&at->handle);
  const auto kind = static_cast<EntryKind>(high.y);
  Entry entry{std::uint64_t{low.x} | std::uint64_t{low.y} << 32,
              std::uint64_t{low.z} | std::uint64_t{low.w} << 32, kind, high.z,
              high.x == handle && kind != EntryKind::none};
  if (kind == EntryKind::alias && entry.known) {
    // [ALIAS-1] The item's publication published it.
    const uint4 place = load_relaxed_sys(reinterpret_cast<const void*>(entry.data));
    entry.data = std::uint64_t{place.x} | std::uint64_t{place.y} << 32;
    entry.bytes = std::uint64_t{place.z} | std::uint64_t{place.w} << 32;
    entry.kind = EntryKind::memory;
  }
  return entry;
}

/// Whether a buffer lies in pinned memory: then the host reads it once it has the completion.
__device__ __forceinline__ bool is_hosts(const KernelArguments& a, const void* data) {
  return reinterpret_cast<std::uint64_t>(data) - reinterpret_cast<std::uint64_t>(a.ingest) <
         a.ingest_bytes;
}

/// The buffers that a handle of an item names: itself, a set's members, or none.
struct Named {
  Entry entry;
  std::uint32_t handle;
  std::uint32_t count;

  __device__ static Named of(const KernelArguments& a, std::uint32_t handle) {
    const Entry entry = find_entry(a, handle);
    const bool set = entry.kind == EntryKind::set;
    return {entry, handle, handle == 0 ? 0 : set ? entry.members : 1};
  }
  [[nodiscard]] __device__ bool lost() const { return handle != 0 && !entry.known; }
  [[nodiscard]] __device__ std::uint32_t handle_at(std::uint32_t i) const {
    if (entry.kind != EntryKind::set) return handle;
    return load_relaxed_gpu_u32(reinterpret_cast<const std::uint32_t*>(entry.data) + i);
  }
  [[nodiscard]] __device__ Entry at(const KernelArguments& a, std::uint32_t i) const {
    return entry.kind != EntryKind::set ? entry : find_entry(a, handle_at(i));
  }
};

// ---- planning: an item becomes a job, or the reason why not ----

/// Lanes of a unit: enough to pay for its claim, few enough that the last ones end together.
inline constexpr std::uint64_t kLeastUnitLanes{512};
inline constexpr std::uint64_t kMostUnitLanes{16'384};
inline constexpr std::uint64_t kUnitsAWarp{8};

__device__ inline FaultCode plan_program(const KernelArguments& a, const Taken& taken,
                                         const WarpPlace& place) {
  const std::uint32_t lane = lane_id();
  const std::uint32_t index = taken.item.op_handle - kFirstUserOp;
  const Named inputs = Named::of(a, taken.item.input_handle);
  const Named outputs = Named::of(a, taken.item.output_handle);
  const DeviceProgram* program = nullptr;
  if (taken.item.op_handle >= kFirstUserOp && index < a.op_count) {
    program = reinterpret_cast<const DeviceProgram*>(
        load_relaxed_gpu_u64(reinterpret_cast<const std::uint64_t*>(a.ops + index)));
  }
  if (program == nullptr) return FaultCode::unknown_op;
  if (inputs.lost() || outputs.lost()) return FaultCode::unknown_handle;

  const std::uint32_t count = program->image.buffer_count;
  const core::BufferFacts* const facts = program->image.buffers;
  core::BoundBuffer* const bound =
      count <= kSharedBuffers ? place.local->bound
                              : reinterpret_cast<core::BoundBuffer*>(place.scratch - kBoundBytes);
  std::uint32_t next_input = 0;
  std::uint32_t next_output = 0;
  std::uint64_t elements = program->rule.at_least;
  bool writes = false;
  bool for_host = false;
  for (std::uint32_t base = 0; base < count; base += kWarp) {
    const std::uint32_t i = base + lane;
    FaultCode code = FaultCode::none;
    const Role role = i < count ? program->buffers[i].role : Role::workgroup;
    const bool in = role == Role::read || role == Role::read_write;
    const bool out = role == Role::allocated;
    const std::uint32_t ins = __ballot_sync(~0u, in);
    const std::uint32_t outs = __ballot_sync(~0u, out);
    const std::uint32_t before = (1u << lane) - 1u;
    if (i < count) {
      const ProgramBuffer declared = program->buffers[i];
      core::BufferView view{nullptr, declared.min_bytes};
      if (in || out) {
        const Named& list = in ? inputs : outputs;
        const std::uint32_t at =
            in ? next_input + __popc(ins & before) : next_output + __popc(outs & before);
        if (at >= list.count) {
          code = FaultCode::bad_binding;
        } else {
          const Entry entry = list.at(a, at);
          if (!entry.known) {
            code = FaultCode::unknown_handle;
          } else if (entry.kind == EntryKind::set || entry.bytes < declared.min_bytes ||
                     (role != Role::read && entry.kind != EntryKind::memory)) {
            code = FaultCode::bad_binding;
          } else if (entry.kind == EntryKind::file && entry.data == 0) {
            // Its bytes are not here, so it has no address: copies ask for them by its handle.
            if (declared.only_async == 0) code = FaultCode::bad_binding;
            view = {reinterpret_cast<std::uint8_t*>(interpreter::kFileTag | list.handle_at(at)),
                    entry.bytes};
          } else {
            // An allocated buffer is exactly as long as declared; what a longer one has behind it
            // stays as it was.
            view = {reinterpret_cast<std::uint8_t*>(entry.data),
                    out ? declared.min_bytes : entry.bytes};
          }
        }
      }
      bound[i] = core::bind_buffer(view, facts[i]);
      writes = writes || out || role == Role::read_write;
      for_host = for_host || ((out || role == Role::read_write) && is_hosts(a, view.data));
      if (declared.grid.counts != 0 || program->rule.all_buffers != 0) {
        const std::uint64_t n = core::grid_elements(declared.grid, view.bytes);
        elements = n > elements ? n : elements;
      }
    }
    const std::uint32_t bad = __ballot_sync(~0u, code != FaultCode::none);
    if (bad != 0) {
      return static_cast<FaultCode>(
          __shfl_sync(~0u, static_cast<std::uint32_t>(code), __ffs(static_cast<int>(bad)) - 1));
    }
    next_input += __popc(ins);
    next_output += __popc(outs);
  }
  if (next_input != inputs.count || next_output != outputs.count) return FaultCode::bad_binding;
  __syncwarp();  // every lane sees the bound buffers
  if (count > 1 && __any_sync(~0u, writes)) {
    // A buffer that is written must not also be bound under a second name: executors would differ.
    bool twice = false;
    for (std::uint32_t i = lane; i < count; i += kWarp) {
      const Role role = program->buffers[i].role;
      if (role != Role::read_write && role != Role::allocated) continue;
      for (std::uint32_t k = 0; k < count; ++k) {
        twice = twice || (k != i && bound[k].data == bound[i].data &&
                          program->buffers[k].role != Role::workgroup);
      }
    }
    if (__any_sync(~0u, twice)) return FaultCode::bad_binding;
  }

  for (int o = 16; o != 0; o >>= 1) {
    const std::uint64_t other = __shfl_xor_sync(~0u, elements, o);
    elements = other > elements ? other : elements;
  }
  if (taken.item.param != 0) elements = taken.item.param;
  std::uint32_t grid[3];
  if (!core::shape_grid(program->rule, elements, grid)) return FaultCode::id_overflow;
  const std::uint64_t plane = std::uint64_t{grid[0]} * grid[1];
  if (plane == 0 || grid[2] == 0 || plane > ~std::uint64_t{0} / grid[2])
    return FaultCode::id_overflow;
  const std::uint64_t workgroups = plane * grid[2];

  const std::uint32_t* const size = program->image.workgroup;
  const std::uint64_t lanes = std::uint64_t{size[0]} * size[1] * size[2];
  const std::uint64_t workers = std::uint64_t{gridDim.x - a.ingress_blocks} * kBlockWarps;
  std::uint64_t unit = workgroups / (workers * kUnitsAWarp);  // workgroups
  const std::uint64_t least = (kLeastUnitLanes + lanes - 1) / lanes;
  const std::uint64_t most = kMostUnitLanes / lanes > least ? kMostUnitLanes / lanes : least;
  unit = unit < least ? least : unit > most ? most : unit;
  // Claims count units in 32 bits.
  while (workgroups / unit >= 0x4000'0000u) unit *= 2;
  for_host = __any_sync(~0u, for_host);
  Job& job = place.local->job;
  __syncwarp();
  if (lane == 0) {
    job.kind = JobKind::program;
    job.wrote = for_host ? Wrote::host : Wrote::device;
    job.op = taken.item.op_handle;
    job.queue = taken.queue;
    job.param = taken.item.param;
    job.position = taken.position;
    job.program = program;
    job.bound = bound;
    job.workgroups = workgroups;
    job.grid = {grid[0], grid[1], grid[2]};
    job.unit_workgroups = static_cast<std::uint32_t>(unit);
  }
  __syncwarp();
  return FaultCode::none;
}

__device__ inline FaultCode plan_builtin(const KernelArguments& a, const Taken& taken,
                                         const WarpPlace& place) {
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
  __syncwarp();
  if (lane_id() == 0) {
    job.kind = JobKind::builtin;
    job.wrote = for_host ? Wrote::host : Wrote::device;
    job.op = taken.item.op_handle;
    job.queue = taken.queue;
    job.param = taken.item.param;
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
  __syncwarp();
  return builtin::check(job.call);
}

__device__ inline FaultCode plan_command(const KernelArguments& a, const Taken& taken,
                                         const WarpPlace& place) {
  Job& job = place.local->job;
  const std::uint32_t lane = lane_id();
  __syncwarp();
  if (lane < sizeof(ControlCommand) / 16) {
    const auto* const from = reinterpret_cast<const uint4*>(a.commands + taken.item.param) + lane;
    reinterpret_cast<uint4*>(&job.command)[lane] = load_relaxed_sys(from);
  }
  __syncwarp();  // publishes the command
  if (lane == 0) {
    job.kind = JobKind::command;
    job.wrote = job.command.command == Command::copy_out ? Wrote::host : Wrote::device;
    job.op = taken.item.op_handle;
    job.queue = taken.queue;
    job.position = taken.position;
  }
  __syncwarp();
  return FaultCode::none;
}

// ---- phases and units ----

__device__ inline std::uint32_t units_for(std::uint64_t bytes) {
  return static_cast<std::uint32_t>((bytes + kBytesAUnit - 1) / kBytesAUnit);
}

/// Units of output that a program's item begins with zeroing.
__device__ inline std::uint32_t zeroing_units(const Job& job) {
  std::uint32_t sum = 0;
  for (std::uint32_t i = lane_id(); i < job.program->image.buffer_count; i += kWarp) {
    if (job.program->buffers[i].role == Role::allocated) sum += units_for(job.bound[i].bytes);
  }
  return __reduce_add_sync(~0u, sum);
}

/// Units of `phase`; 0: nothing to do there. See is_over.
__device__ inline std::uint32_t units_of(const Job& job, std::uint32_t phase) {
  switch (job.kind) {
    case JobKind::program:
      if (phase == 0) return zeroing_units(job);
      if (phase > 1) return 0;
      return static_cast<std::uint32_t>((job.workgroups + job.unit_workgroups - 1) /
                                        job.unit_workgroups);
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

/// After the last phase: whether the op itself found something wrong.
__device__ inline FaultCode outcome_of(const Job& job) {
  return job.kind == JobKind::builtin ? builtin::outcome(job.call) : FaultCode::none;
}

__device__ inline void zero_unit(const Job& job, std::uint32_t unit) {
  for (std::uint32_t i = 0; i < job.program->image.buffer_count; ++i) {
    if (job.program->buffers[i].role != Role::allocated) continue;
    const core::BoundBuffer& buffer = job.bound[i];
    const std::uint32_t units = units_for(buffer.bytes);
    if (unit < units) {
      const std::uint64_t at = unit * kBytesAUnit;
      zero_bytes(buffer.data + at,
                 buffer.bytes - at < kBytesAUnit ? buffer.bytes - at : kBytesAUnit);
      return;
    }
    unit -= units;
  }
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
    store_relaxed_gpu_u64(reinterpret_cast<std::uint64_t*>(a.ops + command.op), command.from);
  } else if (command.entry.handle != 0) {
    const std::uint32_t index = backend::handle_index(command.entry.handle);
    if (index >= a.handle_count) return;  // the host refuses such handles by name
    HandleEntry* const entry = a.handles + index;
    const auto* const words = reinterpret_cast<const uint4*>(&command.entry);
    store_relaxed_gpu(entry, words[0]);
    store_relaxed_gpu(&entry->handle, words[1]);
  }
}

/// Runs one unit. Only programs give anything back.
__device__ inline core::RunResult run_unit(const KernelArguments& a, const Job& job,
                                           std::uint32_t phase, std::uint32_t unit,
                                           const WarpPlace& place, interpreter::Staged& staged) {
  core::RunResult result;
  switch (job.kind) {
    case JobKind::program:
      if (phase == 0) {
        zero_unit(job, unit);
      } else {
        const std::uint64_t first = std::uint64_t{unit} * job.unit_workgroups;
        const std::uint64_t left = job.workgroups - first;
        result = interpreter::run(
            job.program->image, job.program->workgroup_bytes, job.program->uses_async != 0,
            job.bound, job.grid, {first, left < job.unit_workgroups ? left : job.unit_workgroups},
            a.fuel, &a.relay->stop_running,
            {place.shared, place.shared_bytes, place.scratch, place.scratch_bytes,
             a.io.requests != nullptr ? &a.io : nullptr, job.queue},
            staged);
      }
      break;
    case JobKind::builtin:
      staged = {};  // the op has the slice now
      builtin::run_unit(job.call, phase, unit, {place.shared, place.shared_bytes});
      break;
    case JobKind::command:
      command_unit(a, job.command, phase, unit);
      break;
  }
  __syncwarp();
  return result;
}

}  // namespace vyre::cuda::megakernel
