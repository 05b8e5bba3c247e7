// Regions: the warp that takes a region's slot runs the members of a chain one after another, and
// makes run entries of those of a bundle. A member is a job as any other, small or shared; the warp
// that ends it goes on with the chain. By whole warps, converged. Device only. Spec:
// docs/internals/megakernel.md, "Regions".
#pragma once

#include <cstdint>

#include "cuda/ptx/access.cuh"
#include "egress.cuh"
#include "job.cuh"
#include "region_rules.hpp"
#include "run_queue.cuh"

namespace vyre::cuda::megakernel {

struct DeviceCounts {
  static __device__ __forceinline__ std::uint32_t fetch_add_acq_rel(std::uint32_t* word,
                                                                    std::uint32_t n) {
    const std::uint32_t before = ptx::fetch_add_acq_rel_gpu_u32(word, n);  // [REGION-1]
    ptx::fence_acq_rel_gpu();  // [REGION-1] acquire of what the other members wrote
    return before;
  }
};

[[nodiscard]] __device__ __forceinline__ MegakernelWorkItem item_of(const uint4& words) {
  return {words.x, words.y, words.z, words.w};
}

/// The warp is at no region any more. Publishes that to all lanes.
__device__ __forceinline__ void leave_region(Job& job) {
  __syncwarp();  // every lane has read the job before lane 0 changes it
  if (lane_id() == 0) job.region.block = kNoRegion;
  __syncwarp();  // publishes it to all lanes
}

/// Takes the members out of a region's block. Those of a chain are the warp's: next_member() gives
/// them. Not inlined, as end_member(): items of their own want none of its registers.
__device__ __noinline__ void begin_region(const KernelArguments& a, Job& job, std::uint32_t number,
                                          std::uint32_t queue, std::uint64_t position) {
  static_assert(kMaxRegionMembers == 2 * kWarp);
  const std::uint32_t lane = lane_id();
  const RegionBlock& block = a.region_blocks[number];
  RegionRun& run = a.region_runs[number];
  // One round trip across the link for all of it. [RING-1] The item's publication published it.
  const uint4 head = ptx::load_relaxed_sys_v4(&block);
  const uint4 low = ptx::load_relaxed_sys_v4(block.items + lane);
  const uint4 high = ptx::load_relaxed_sys_v4(block.items + kWarp + lane);
  const std::uint32_t members = __shfl_sync(~0u, head.x, 0);
  if (__shfl_sync(~0u, head.y, 0) == 0) {
    reinterpret_cast<uint4*>(run.items)[lane] = low;
    reinterpret_cast<uint4*>(run.items)[kWarp + lane] = high;
    __syncwarp();  // every lane has read the job before lane 0 changes it
    if (lane == 0) job.region = {number, 0, members, 1, 0, queue, position};
    __syncwarp();  // publishes the items and the region to all lanes
    return;
  }
  std::uint64_t first = 0;
  if (lane == 0) {
    ptx::store_relaxed_gpu_u32(&run.ended, 0);  // relaxed: the fence below
    first = draw_numbers(a.run, members);
  }
  first = __shfl_sync(~0u, first, 0);
  __syncwarp();              // lane 0 has begun the count before any lane's fence
  ptx::fence_acq_rel_gpu();  // [RUN-1] release of the entries: the count, what ingress acquired
  KnownRoom known;
#pragma unroll
  for (std::uint32_t half = 0; half < 2; ++half) {
    const std::uint32_t member = half * kWarp + lane;
    if (member < members)
      write_entry(a, known, first + member, half == 0 ? low : high, RunEntryKind::member, queue,
                  position, BundleMember{number, member, members}.word());
  }
  __syncwarp();  // every entry is written before the warp looks for another
}

/// The warp has taken an entry of a bundle's member.
__device__ __forceinline__ void begin_member(Job& job, const Taken& taken) {
  const BundleMember of = BundleMember::of(taken.spread);
  __syncwarp();  // every lane has read the job before lane 0 changes it
  if (lane_id() == 0)
    job.region = {of.block, of.member, of.members, 0, 0, taken.queue, taken.position};
  __syncwarp();  // publishes the region to all lanes
}

/// The next item of the chain that the warp is at; false: it is at none.
[[nodiscard]] __device__ __forceinline__ bool next_member(const KernelArguments& a, const Job& job,
                                                          Taken& taken) {
  const AtRegion& region = job.region;
  if (region.block == kNoRegion) return false;
  // Ordered by what made the warp the one that goes on: its own stores, or [SPREAD-2].
  taken.item =
      item_of(reinterpret_cast<const uint4*>(a.region_runs[region.block].items)[region.member]);
  taken.kind = RunEntryKind::item;
  taken.queue = region.queue;
  taken.position = region.position;
  taken.spread = 0;
  return true;
}

/// Whether the member is not to start; looked at as is_cancelled() is.
__device__ __forceinline__ bool is_member_cancelled(const KernelArguments& a,
                                                    const AtRegion& region) {
  // Relaxed, as the marks of single items.
  const std::uint64_t bits = ptx::load_relaxed_sys_u64(&a.region_blocks[region.block].cancelled);
  return (bits >> region.member & 1) != 0;
}

/// Ends the member that the warp's job is, and with the last one the region. In a chain with more
/// members the warp stays at the region, else it leaves it.
__device__ __noinline__ void end_member(const KernelArguments& a, const QueueEnd& end, Job& job,
                                        CompletionStatus status, const Fault fault, Wrote wrote) {
  std::uint32_t ends = 0;  // of all members, by the last one
  const AtRegion region = job.region;
  __syncwarp();  // the other lanes' writes come before lane 0's fence below; all have read the job
  if (lane_id() == 0) {
    const bool done = status == CompletionStatus::done;
    if (!done) {
      const Completion c = Completion::make(
          status, fault.code, static_cast<std::uint32_t>(region.position),
          static_cast<std::uint32_t>(fault.workgroup), fault.lane, fault.statement);
      // [RING-4] The release is the fence of the region's completion.
      ptx::store_relaxed_sys_v4(a.region_blocks[region.block].results + region.member,
                                make_uint4(c.head, c.position_low, c.workgroup, c.lane));
    }
    const std::uint32_t own = member_end(done, !done || wrote == Wrote::host);
    // What went across the link has to have left this multiprocessor before another one goes on.
    if (is_for_host(own)) {
      ptx::fence_acq_rel_sys();  // [REGION-1] release to the warp of the last member, the host
    } else if (region.is_chain == 0) {
      ptx::fence_acq_rel_gpu();  // [REGION-1] release to the warp of the last member
    }
    if (region.is_chain == 0) {
      ends = count_member<DeviceCounts>(&a.region_runs[region.block].ended, own, region.members);
      job.region.block = kNoRegion;
    } else {
      const std::uint32_t so_far = region.ended + own;
      if (region.member + 1 == region.members) {
        ends = so_far;
        job.region.block = kNoRegion;
      } else {
        job.region.ended = so_far;
        job.region.member = region.member + 1;
      }
    }
  }
  ends = __shfl_sync(~0u, ends, 0);
  __syncwarp();  // publishes the region, and what lane 0 acquired, to all lanes
  if (ends == 0) return;
  end_item(end, region.position, status_of_members(ends), Fault{},
           is_for_host(ends) ? Wrote::host : Wrote::device);
}

}  // namespace vyre::cuda::megakernel
