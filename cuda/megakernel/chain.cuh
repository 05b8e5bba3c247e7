// Neighbours in a chain that run the same program over buffers of the same lengths: the machine
// that ran one goes on with the next, whose buffers are put in place of the others. By whole warps,
// converged. Device only. Spec: docs/internals/megakernel.md, "Regions".
#pragma once

#include <cstdint>

#include "binding.cuh"
#include "claims.cuh"
#include "cuda/ptx/access.cuh"
#include "job.cuh"
#include "region_rules.hpp"
#include "zeroing.cuh"

namespace vyre::cuda::megakernel {

/// Ends the member that the warp's job is, as done, and makes the job the next member's; `table`:
/// where the machine has the bound buffers. False: nothing has changed, and the member ends as
/// others do. Not inlined: the machine's registers are not wanted here.
__device__ __noinline__ bool go_on_with_chain(const KernelArguments& a, WarpLocal& local,
                                              core::BoundBuffer* table) {
  Job& job = local.job;
  const std::uint32_t lane = lane_id();
  const AtRegion region = job.region;
  const std::uint32_t member = region.member + 1;
  // The end of a member that wrote memory of the host has a fence.
  if (member == region.members || job.wrote == Wrote::host || job.bound != local.bound)
    return false;
  const auto* const items = reinterpret_cast<const uint4*>(a.region_runs[region.block].items);
  const uint4 words = items[member];
  if (words.x != job.op || words.w != job.shaped_by) return false;
  const std::uint32_t order = ptx::load_relaxed_gpu_u32(&a.relay->cancel);
  const Looked looked = Looked::up(a, {words.x, words.y, words.z, words.w});
  if (__shfl_sync(~0u, order, 0) != 0 || looked.program != job.program) return false;
  bool for_host = false;
  if (!bind_again(a, job.roles, looked.inputs, looked.outputs, job.bound, for_host)) return false;
  const std::uint32_t named = job.roles.inputs | job.roles.allocated;
  if ((named >> lane & 1) != 0) table[lane].data = job.bound[lane].data;
  for (std::uint32_t unit = 0; unit < job.zeroing_units; ++unit) zero_unit(job, unit);
  __syncwarp();  // every lane has read the job before lane 0 changes it
  if (lane == 0) {
    job.region.ended = region.ended + member_end(true, false);
    job.region.member = member;
    job.wrote = for_host ? Wrote::host : Wrote::device;
  }
  __syncwarp();  // publishes the job, the table and the zeros to all lanes
  return true;
}

/// What follows a span of the interpreter: the next unit that the warp claims of a shared job, or
/// the next member of a chain. The claims are a copy while the interpreter runs, which stays in
/// registers; close() gives them back.
class Next {
 public:
  __device__ __forceinline__ Next(const KernelArguments* a, WarpLocal* local, UnitClaims* claims)
      : a_(a), local_(local), theirs_(claims) {
    if (claims != nullptr) claims_ = *claims;
  }

  [[nodiscard]] __device__ __forceinline__ bool operator()(core::BoundBuffer* table,
                                                           core::WorkgroupSpan& span) {
    if (theirs_ == nullptr) return a_ != nullptr && go_on_with_chain(*a_, *local_, table);
    if (!claims_.next()) return false;
    span = span_of(local_->job, claims_.unit);
    return true;
  }
  __device__ __forceinline__ void close() const {
    if (theirs_ != nullptr) *theirs_ = claims_;
  }

 private:
  const KernelArguments* a_;  // null: no member of a chain follows
  WarpLocal* local_;
  UnitClaims* theirs_;  // null: the warp runs its job alone
  UnitClaims claims_{};
};

}  // namespace vyre::cuda::megakernel
