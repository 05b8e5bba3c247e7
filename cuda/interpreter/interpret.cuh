// One warp runs workgroups of an image: the contract between the resident kernel's workers (and the
// plain-launch probe) and the interpreter on the device. Called by all 32 lanes of a warp,
// converged. Spec: docs/internals/image.md, docs/internals/megakernel.md.
#pragma once

#include <cstdint>

#include "core/machine.hpp"
#include "core/run.hpp"
#include "cuda/interpreter/io_access.hpp"
#include "cuda/interpreter/passed.hpp"
#include "plan.cuh"
#include "warp_policy.cuh"

namespace vyre::cuda::interpreter {

/// Memory of one warp. `shared`: its slice of the block's dynamic shared memory, 16-byte aligned,
/// at least kMinSliceBytes; frames that fit live there. `scratch`: device memory, 256-byte aligned,
/// for those that do not, for workgroup memory above the slice, and for copies under way. `io`: how
/// to ask for bytes of files that are not on the device, by an item of queue `queue`; null where
/// no buffer is one. `passed`: of an image of several members, where to add what each of them
/// executes; null: it is not asked for.
struct WarpMemory {
  std::uint8_t* shared;
  std::uint32_t shared_bytes;
  std::uint8_t* scratch;
  std::uint64_t scratch_bytes;
  const IoAccess* io{nullptr};
  std::uint32_t queue{0};
  Passed* passed{nullptr};
};

/// Bytes of scratch that a warp with a slice of `shared_bytes` needs for an image; 0: none. Host
/// and device, so that a program that does not fit is refused when it is added.
[[nodiscard]] VYRE_HD inline std::uint64_t scratch_needed(const core::ImageView& image,
                                                          std::uint64_t workgroup_bytes,
                                                          bool uses_async,
                                                          std::uint32_t shared_bytes) {
  std::uint64_t most = 0;
  for (std::uint64_t lanes = kWarpLanes; lanes <= kMaxFlatWidth; lanes *= 2) {
    const Plan plan = make_plan(image, workgroup_bytes, uses_async, shared_bytes, lanes);
    most = plan.scratch_bytes > most ? plan.scratch_bytes : most;
  }
  return most;
}

/// What stays in the slice between items, so that the next item of the same program need not bring
/// it again, and how the slice is laid out for spans of so many lanes. Owned by the warp, whose
/// lanes may share it, and zero at the start; anything else that writes the slice, or puts another
/// image at the same address, clears it.
struct Staged {
  const core::Instruction* code{nullptr};
  std::uint64_t lanes{0};
  std::uint64_t fuel{0};
  std::uint32_t flat{0};
  Plan plan{};
};

/// Nothing follows a span.
struct NoNext {
  [[nodiscard]] VYRE_DEVICE bool operator()(core::BoundBuffer*, core::WorkgroupSpan&) const {
    return false;
  }
  VYRE_DEVICE void close() const {}
};

/// Runs workgroups `span` of `grid`, exactly as the reference would: bytes, fault, fuel.
/// `image`: its arrays in device memory, `code` 16-byte aligned. `buffers`: bound by declaration
/// index, in device memory; workgroup buffers are the interpreter's own and their entries are
/// ignored; where a buffer's address has kFileTag, the rest of it is the handle of a file that is
/// only copied out of asynchronously. `stop`: a device word (may be null); nonzero ends the run as
/// FaultCode::shutdown soon. Too little scratch ends it as out_of_memory. The result is the same on
/// all lanes. `next`: asked after a span without a fault, unless the program copies asynchronously;
/// where it says true, it has put another span of the same grid into its argument, or other buffers
/// of the same lengths into the table that it gets, and that runs next. The result is that of the
/// last one, with the sum of instructions. run() asks a copy of `next`, and close()s it at the end.
template <class Next = NoNext>
[[nodiscard]] __noinline__ VYRE_DEVICE core::RunResult run(
    const core::ImageView& image, std::uint64_t workgroup_bytes, bool uses_async,
    const core::BoundBuffer* buffers, const core::Grid& grid, core::WorkgroupSpan span,
    std::uint64_t fuel, const std::uint32_t* stop, const WarpMemory memory, Staged& staged,
    const Next& next = {});

}  // namespace vyre::cuda::interpreter

#include "run.cuh"
