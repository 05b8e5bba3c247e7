// Binding: from the handles of an item to the buffers that they name, and from those to the buffers
// that a program declares. By whole warps, converged. Device only. Spec:
// docs/internals/megakernel.md, "Workers, jobs, sharing"; the rules are those of the CPU backend.
#pragma once

#include <cstdint>

#include "backend/handle.hpp"
#include "core/grid.hpp"
#include "core/image.hpp"
#include "cuda/interpreter/io_access.hpp"
#include "cuda/megakernel/layout.hpp"
#include "cuda/ptx/access.cuh"
#include "job.cuh"
#include "lane.cuh"
#include "protocol/completion.hpp"
#include "protocol/work_item.hpp"

namespace vyre::cuda::megakernel {

// ---- handles ----

struct Entry {
  std::uint64_t data;
  std::uint64_t bytes;
  EntryKind kind;
  std::uint32_t members;
  bool known;

  [[nodiscard]] __device__ __forceinline__ Entry of_lane(std::uint32_t lane) const {
    return {__shfl_sync(~0u, data, lane), __shfl_sync(~0u, bytes, lane),
            static_cast<EntryKind>(__shfl_sync(~0u, static_cast<std::uint32_t>(kind), lane)),
            __shfl_sync(~0u, members, lane), __shfl_sync(~0u, known ? 1u : 0u, lane) != 0};
  }
};

__device__ inline Entry find_entry(const KernelArguments& a, std::uint32_t handle) {
  const std::uint32_t index = backend::handle_index(handle);
  if (handle == 0 || index >= a.handle_count) return {0, 0, EntryKind::none, 0, false};
  const HandleEntry* const at = a.handles + index;
  const uint4 low = ptx::load_relaxed_gpu_v4(at);
  const uint4 high = ptx::load_relaxed_gpu_v4(&at->handle);
  const auto kind = static_cast<EntryKind>(high.y);
  Entry entry{std::uint64_t{low.x} | std::uint64_t{low.y} << 32,
              std::uint64_t{low.z} | std::uint64_t{low.w} << 32, kind, high.z,
              high.x == handle && kind != EntryKind::none};
  if (kind == EntryKind::alias && entry.known) {
    // [ALIAS-1] The item's publication published it.
    const uint4 place = ptx::load_relaxed_sys_v4(reinterpret_cast<const void*>(entry.data));
    entry.data = std::uint64_t{place.x} | std::uint64_t{place.y} << 32;
    entry.bytes = std::uint64_t{place.z} | std::uint64_t{place.w} << 32;
    entry.kind = EntryKind::memory;
  }
  return entry;
}

/// Whether a buffer lies in memory of the host, which reads it once it has the completion: ingest
/// memory, or memory that a caller lends.
__device__ __forceinline__ bool is_hosts(const KernelArguments& a, const void* data) {
  return reinterpret_cast<std::uint64_t>(data) - reinterpret_cast<std::uint64_t>(a.arena) >=
         a.arena_bytes;
}

/// The buffers that a handle of an item names: itself, a set's members, or none.
struct Named {
  Entry entry;
  std::uint32_t handle;
  std::uint32_t count;

  __device__ static Named of(const KernelArguments& a, std::uint32_t handle) {
    return of(find_entry(a, handle), handle);
  }
  __device__ static Named of(const Entry& entry, std::uint32_t handle) {
    const bool set = entry.kind == EntryKind::set;
    return {entry, handle, handle == 0 ? 0 : set ? entry.members : 1};
  }
  [[nodiscard]] __device__ bool lost() const { return handle != 0 && !entry.known; }
  [[nodiscard]] __device__ std::uint32_t handle_at(std::uint32_t i) const {
    if (entry.kind != EntryKind::set) return handle;
    return ptx::load_relaxed_gpu_u32(reinterpret_cast<const std::uint32_t*>(entry.data) + i);
  }
  [[nodiscard]] __device__ Entry at(const KernelArguments& a, std::uint32_t i) const {
    return entry.kind != EntryKind::set ? entry : find_entry(a, handle_at(i));
  }
};

/// What a program's item names, looked up in one trip to the second-level cache, unless a buffer is
/// an alias. The same on all lanes.
struct Looked {
  const DeviceProgram* program;  // null: no program has the op
  Named inputs;
  Named outputs;

  __device__ __forceinline__ static Looked up(const KernelArguments& a,
                                              const MegakernelWorkItem& item) {
    const std::uint32_t index = item.op_handle - kFirstUserOp;
    std::uint64_t program = 0;
    if (item.op_handle >= kFirstUserOp && index < a.op_count)
      program = ptx::load_relaxed_gpu_u64(reinterpret_cast<const std::uint64_t*>(a.ops + index));
    const bool odd = (lane_id() & 1) != 0;
    const Entry entry = find_entry(a, odd ? item.output_handle : item.input_handle);
    return {reinterpret_cast<const DeviceProgram*>(program),
            Named::of(entry.of_lane(0), item.input_handle),
            Named::of(entry.of_lane(1), item.output_handle)};
  }
};

// ---- the buffers of a program ----

/// What a warp learns while it binds.
struct BindingFacts {
  Roles roles{};         // the same on all lanes
  bool writes{false};    // the program may write a buffer of this lane
  bool for_host{false};  // it may write memory of the host
};

/// The bytes that the buffer at `at` of `list` lends to the declared one, or why it cannot.
__device__ __forceinline__ FaultCode find_view(const KernelArguments& a, const Named& list,
                                               std::uint32_t at, const ProgramBuffer& declared,
                                               core::BufferView& view) {
  if (at >= list.count) return FaultCode::bad_binding;
  const BufferRole role = declared.role;
  const Entry entry = list.at(a, at);
  if (!entry.known) return FaultCode::unknown_handle;
  if (entry.kind == EntryKind::set || entry.bytes < declared.min_bytes ||
      (role != BufferRole::read && entry.kind != EntryKind::memory))
    return FaultCode::bad_binding;
  if (entry.kind == EntryKind::file && entry.data == 0) {
    // Its bytes are not here, so it has no address: copies ask for them by its handle.
    view = {reinterpret_cast<std::uint8_t*>(interpreter::kFileTag | list.handle_at(at)),
            entry.bytes};
    return (declared.traits & kOnlyAsync) == 0 ? FaultCode::bad_binding : FaultCode::none;
  }
  // An allocated buffer is exactly as long as declared; what a longer one has behind it stays as
  // it was.
  view = {reinterpret_cast<std::uint8_t*>(entry.data),
          role == BufferRole::allocated ? declared.min_bytes : entry.bytes};
  return FaultCode::none;
}

/// Binds the named buffers where the warp's job before, of the same program, had buffers of the
/// same lengths in memory. False: bind_buffers() has to look; nothing has changed.
[[nodiscard]] __device__ __forceinline__ bool bind_again(const KernelArguments& a,
                                                         const Roles& roles, const Named& inputs,
                                                         const Named& outputs,
                                                         core::BoundBuffer* bound, bool& for_host) {
  if (inputs.count != __popc(roles.inputs) || outputs.count != __popc(roles.allocated))
    return false;
  const std::uint32_t lane = lane_id();
  const std::uint32_t before = (1u << lane) - 1u;
  const bool in = (roles.inputs >> lane & 1) != 0;
  const bool out = (roles.allocated >> lane & 1) != 0;
  const bool written = (roles.written >> lane & 1) != 0;
  std::uint64_t data = 0;
  bool fits = true;
  if (in || out) {
    const std::uint32_t at = __popc((in ? roles.inputs : roles.allocated) & before);
    const Entry entry = in ? inputs.at(a, at) : outputs.at(a, at);
    data = entry.data;
    // An allocated buffer is bound as long as declared, whatever it has behind that.
    fits = entry.known && entry.kind == EntryKind::memory &&
           (in ? entry.bytes == bound[lane].bytes : entry.bytes >= bound[lane].bytes);
  }
  // As is_written_twice(), which then says so.
  for (std::uint32_t left = roles.inputs | roles.allocated; left != 0; left &= left - 1) {
    const auto k = static_cast<std::uint32_t>(__ffs(static_cast<int>(left))) - 1u;
    if (__shfl_sync(~0u, data, k) == data && k != lane && written) fits = false;
  }
  if (!__all_sync(~0u, fits)) return false;
  for_host = __any_sync(~0u, written && is_hosts(a, reinterpret_cast<const void*>(data)));
  if (in || out) bound[lane].data = reinterpret_cast<std::uint8_t*>(data);
  __syncwarp();  // publishes the bound buffers to all lanes
  return true;
}

/// Where a buffer of an image of several members lies, as long as it is what the plan saw: live, of
/// that length, and if it is written in memory that goes by no other name. Null: it is not.
[[nodiscard]] __device__ __forceinline__ std::uint8_t* find_planned(const KernelArguments& a,
                                                                    std::uint32_t handle,
                                                                    std::uint64_t bytes,
                                                                    BufferRole role) {
  const std::uint32_t index = backend::handle_index(handle);
  if (index >= a.handle_count) return nullptr;
  const HandleEntry* const at = a.handles + index;
  const uint4 low = ptx::load_relaxed_gpu_v4(at);
  const uint4 high = ptx::load_relaxed_gpu_v4(&at->handle);
  auto* const data =
      reinterpret_cast<std::uint8_t*>(std::uint64_t{low.x} | std::uint64_t{low.y} << 32);
  const auto kind = static_cast<EntryKind>(high.y);
  const bool reads = role == BufferRole::read;
  const bool fits =
      high.x == handle && bytes == (std::uint64_t{low.z} | std::uint64_t{low.w} << 32);
  // A file is memory that items only read. An alias may be another name of any memory.
  if (kind != EntryKind::memory && !(kind == EntryKind::file && reads)) return nullptr;
  if (!fits || (!reads && (role != BufferRole::allocated || is_hosts(a, data)))) return nullptr;
  return data;
}

/// Binds the named buffers to those that `program` declares, in their order, into `bound`.
/// Publishes `bound` to the warp.
__device__ __forceinline__ FaultCode bind_buffers(const KernelArguments& a,
                                                  const DeviceProgram& program, const Named& inputs,
                                                  const Named& outputs, core::BoundBuffer* bound,
                                                  BindingFacts& facts) {
  const std::uint32_t lane = lane_id();
  const std::uint32_t count = program.image.buffer_count;
  const core::BufferFacts* const image_facts = program.image.buffers;
  std::uint32_t next_input = 0;
  std::uint32_t next_output = 0;
  for (std::uint32_t base = 0; base < count; base += kWarp) {
    const std::uint32_t i = base + lane;
    FaultCode code = FaultCode::none;
    const BufferRole role = i < count ? program.buffers[i].role : BufferRole::workgroup;
    const bool in = role == BufferRole::read || role == BufferRole::read_write;
    const bool out = role == BufferRole::allocated;
    const std::uint32_t ins = __ballot_sync(~0u, in);
    const std::uint32_t outs = __ballot_sync(~0u, out);
    if (base == 0)
      facts.roles = {ins, outs, __ballot_sync(~0u, out || role == BufferRole::read_write)};
    const std::uint32_t before = (1u << lane) - 1u;
    if (i < count) {
      const ProgramBuffer declared = program.buffers[i];
      core::BufferView view{nullptr, declared.min_bytes};
      if (in || out) {
        const std::uint32_t at =
            in ? next_input + __popc(ins & before) : next_output + __popc(outs & before);
        code = find_view(a, in ? inputs : outputs, at, declared, view);
      }
      bound[i] = core::bind_buffer(view, image_facts[i]);
      facts.writes = facts.writes || out || role == BufferRole::read_write;
      facts.for_host =
          facts.for_host || ((out || role == BufferRole::read_write) && is_hosts(a, view.data));
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
  __syncwarp();  // publishes the bound buffers to all lanes
  return FaultCode::none;
}

/// A buffer that is written must not also be bound under a second name: executors would differ.
/// The same on all lanes.
[[nodiscard]] __device__ __forceinline__ bool is_written_twice(const DeviceProgram& program,
                                                               const core::BoundBuffer* bound) {
  const std::uint32_t count = program.image.buffer_count;
  bool twice = false;
  for (std::uint32_t i = lane_id(); i < count; i += kWarp) {
    const BufferRole role = program.buffers[i].role;
    if (role != BufferRole::read_write && role != BufferRole::allocated) continue;
    for (std::uint32_t k = 0; k < count; ++k) {
      twice = twice || (k != i && bound[k].data == bound[i].data &&
                        program.buffers[k].role != BufferRole::workgroup);
    }
  }
  return __any_sync(~0u, twice);
}

}  // namespace vyre::cuda::megakernel
