// A job: what an item asks for once its handles are looked up, as phases of units that one warp
// runs at a time. Programs, built-in ops and the host's own commands all become jobs
// (planning.cuh), so that one piece of code runs them alone or shared among warps (units.cuh,
// worker.cuh). By whole warps, converged; everything here is the same on all lanes. Device only.
// Spec: docs/internals/megakernel.md, "Workers, jobs, sharing".
#pragma once

#include <cstdint>

#include "core/grid.hpp"
#include "core/image.hpp"
#include "cuda/builtin/builtin_ops.cuh"
#include "cuda/interpreter/interpret.cuh"
#include "cuda/megakernel/layout.hpp"
#include "egress.cuh"

namespace vyre::cuda::megakernel {

enum class JobKind : std::uint32_t { program, builtin, command };

/// Which of a program's first kWarp buffers are inputs, allocated, and written, a bit each.
struct Roles {
  std::uint32_t inputs;
  std::uint32_t allocated;
  std::uint32_t written;
};

/// The region that the warp is at, if any, and the member that its job is.
struct AtRegion {
  std::uint32_t block;  // kNoRegion: none
  std::uint32_t member;
  std::uint32_t members;
  RegionForm form;
  std::uint32_t ended;  // of a chain: how its members ended so far
  std::uint32_t queue;
  std::uint64_t position;
};
inline constexpr std::uint32_t kNoRegion{~0u};

struct Job {
  AtRegion region;  // planning leaves it as it is
  JobKind kind;
  Wrote wrote;
  std::uint32_t op;
  std::uint32_t queue;
  std::uint64_t position;
  // Of a program. What is behind `bound` follows from it, `shaped_by` and the lengths of its
  // buffers, and planning keeps it for the next item with the same.
  const DeviceProgram* program;
  core::BoundBuffer* bound;
  Roles roles;
  std::uint32_t shaped_by;  // param
  std::uint64_t workgroups;
  core::Grid grid;
  std::uint32_t unit_workgroups;
  std::uint32_t zeroing_units;
  std::uint32_t running_units;
  std::uint32_t is_small;  // quicker on one warp alone
  // Of an image of several members: which of all that ever lay at its address, else 0; and where
  // units of a shared one sum up what members executed.
  std::uint32_t image_serial;
  interpreter::Passed* passed;
  // Of a built-in op; of the host's command.
  builtin::Call call;
  ControlCommand command;
};
static_assert(sizeof(Job) <= kJobBytes);
[[nodiscard]] __device__ __forceinline__ bool is_image(const Job& job) {
  return job.kind == JobKind::program && job.image_serial != 0;
}

/// Workgroups of a unit of a program's job.
[[nodiscard]] __device__ __forceinline__ core::WorkgroupSpan span_of(const Job& job,
                                                                     std::uint32_t unit) {
  const std::uint64_t first = std::uint64_t{unit} * job.unit_workgroups;
  const std::uint64_t left = job.workgroups - first;
  return {first, left < job.unit_workgroups ? left : job.unit_workgroups};
}

/// Bound buffers that a warp keeps in shared memory; programs with more have them in scratch.
inline constexpr std::uint32_t kSharedBuffers{16};

/// The first bytes of a warp's slice of shared memory; the rest is the interpreter's.
struct WarpLocal {
  Job job;
  interpreter::Staged staged;
  std::uint32_t image_serial;  // of the last image of several members that was staged
  std::uint32_t reserved;
  core::BoundBuffer bound[kSharedBuffers];
};
inline constexpr std::uint32_t kWarpLocalBytes{(sizeof(WarpLocal) + 127) / 128 * 128};

/// Where a warp works.
struct WarpPlace {
  WarpLocal* local;
  std::uint8_t* shared;  // behind `local`
  std::uint32_t shared_bytes;
  std::uint8_t* scratch;  // behind the warp's notes
  std::uint64_t scratch_bytes;

  /// Of programs with more than kSharedBuffers.
  [[nodiscard]] __device__ __forceinline__ core::BoundBuffer* bound() const {
    return reinterpret_cast<core::BoundBuffer*>(scratch - kNotesBytes);
  }
  [[nodiscard]] __device__ __forceinline__ interpreter::Passed* passed() const {
    return reinterpret_cast<interpreter::Passed*>(scratch - kPassedBytes);
  }
};

}  // namespace vyre::cuda::megakernel
