// Regions: the warp that takes a region's slot runs the members of a chain one after another, makes
// run entries of those of a bundle, and runs members in one image as one job. A member is a job as
// any other, small or shared; the warp that ends it goes on with the chain. By whole warps,
// converged. Device only. Spec:
// docs/internals/megakernel.md, "Regions".
#pragma once

#include <cstdint>

#include "cuda/ptx/access.cuh"
#include "egress.cuh"
#include "job.cuh"
#include "planning.cuh"
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

/// The members of a region as its block has them, two a lane.
struct Members {
  uint4 low;
  uint4 high;

  __device__ __forceinline__ static Members of(const RegionBlock& block) {
    static_assert(kMaxRegionMembers == 2 * kWarp);
    // [RING-1] The item's publication published it.
    return {ptx::load_relaxed_sys_v4(block.items + lane_id()),
            ptx::load_relaxed_sys_v4(block.items + kWarp + lane_id())};
  }
};

/// From now on next_member() gives the warp the members.
__device__ __forceinline__ void begin_chain(const KernelArguments& a, Job& job,
                                            const AtRegion& region, const Members& items) {
  RegionRun& run = a.region_runs[region.block];
  reinterpret_cast<uint4*>(run.items)[lane_id()] = items.low;
  reinterpret_cast<uint4*>(run.items)[kWarp + lane_id()] = items.high;
  __syncwarp();  // every lane has read the job before lane 0 changes it
  if (lane_id() == 0) {
    job.region = region;
    job.region.form = RegionForm::chain;
  }
  __syncwarp();  // publishes the items and the region to all lanes
}

/// What a region's block says of its image.
struct PlannedImage {
  const DeviceProgram* program;
  std::uint32_t serial;
  std::uint32_t buffer_count;
  std::uint32_t grid[3];
  uint4 buffers[2];  // the first ones, two a lane: RegionBuffer

  __device__ __forceinline__ static PlannedImage of(const RegionBlock& block) {
    const uint4 at = ptx::load_relaxed_sys_v4(&block.image);
    const uint4 grid = ptx::load_relaxed_sys_v4(block.grid);
    return {reinterpret_cast<const DeviceProgram*>(std::uint64_t{at.x} | std::uint64_t{at.y} << 32),
            at.z,
            at.w,
            {grid.x, grid.y, grid.z},
            {ptx::load_relaxed_sys_v4(block.buffers + lane_id()),
             ptx::load_relaxed_sys_v4(block.buffers + kWarp + lane_id())}};
  }
};

/// The image over the buffers that the plan named becomes the warp's job. False: one of them is not
/// what the plan saw, and nothing has changed.
__device__ __forceinline__ bool begin_image(const KernelArguments& a, const WarpPlace& place,
                                            const RegionBlock& block, const PlannedImage& image,
                                            const AtRegion& region) {
  const std::uint32_t lane = lane_id();
  const DeviceProgram& program = *image.program;
  core::BoundBuffer* const bound =
      image.buffer_count <= kSharedBuffers ? place.local->bound : place.bound();
  bool fits = true;
  std::uint32_t zeroed = 0;  // of the first buffers, a bit each
  std::uint32_t zeroing_units = 0;
  std::uint64_t zeroed_bytes = 0;
  for (std::uint32_t base = 0; base < image.buffer_count; base += kWarp) {
    const std::uint32_t i = base + lane;
    bool zeroes = false;
    if (i < image.buffer_count) {
      const uint4 named = base == 0       ? image.buffers[0]
                          : base == kWarp ? image.buffers[1]
                                          : ptx::load_relaxed_sys_v4(block.buffers + i);
      const std::uint64_t bytes = std::uint64_t{named.z} | std::uint64_t{named.w} << 32;
      const ProgramBuffer declared = program.buffers[i];
      const bool out = declared.role == BufferRole::allocated;
      std::uint8_t* const data = find_planned(a, named.x, bytes, declared.role);
      fits = fits && data != nullptr;
      bound[i] =
          core::bind_buffer({data, out ? declared.min_bytes : bytes}, program.image.buffers[i]);
      zeroes = out && (declared.traits & kUnzeroed) == 0;
      if (zeroes) {
        zeroing_units += units_for(declared.min_bytes);
        zeroed_bytes += declared.min_bytes;
      }
    }
    const std::uint32_t bits = __ballot_sync(~0u, zeroes);
    if (base == 0) zeroed = bits;
  }
  Job& job = place.local->job;
  // The bound buffers of the job before may have been there.
  if (!__all_sync(~0u, fits)) {
    (void)refuse_program(job, FaultCode::none);
    return false;
  }
  zeroing_units = __reduce_add_sync(~0u, zeroing_units);
  // As if all of it lay together: many short buffers are quickly zeroed by one warp.
  const auto together = units_for(sum_of_warp(zeroed_bytes));
  const std::uint64_t workgroups = std::uint64_t{image.grid[0]} * image.grid[1] * image.grid[2];
  put_shape(a, program, image.grid, workgroups, zeroing_units, together, job);
  if (lane == 0) {
    job.region = region;
    job.kind = JobKind::program;
    job.wrote = Wrote::device;
    job.op = kRegionOp;
    job.queue = region.queue;
    job.position = region.position;
    job.bound = bound;
    job.roles = {0, zeroed, 0};
    job.shaped_by = 0;
    job.image_serial = image.serial;
  }
  __syncwarp();  // publishes the job and the bound buffers to all lanes
  return true;
}

/// Takes the members out of a region's block. True: the warp's job is their image, to be run now.
/// Not inlined, as end_member(): items of their own want none of its registers.
__device__ __noinline__ bool begin_region(const KernelArguments& a, const WarpPlace place,
                                          const Taken taken) {
  const std::uint32_t lane = lane_id();
  const std::uint32_t number = taken.item.param;
  const std::uint32_t queue = taken.queue;
  const std::uint64_t position = taken.position;
  const RegionBlock& block = a.region_blocks[number];
  // One round trip across the link for all of it.
  const uint4 head = ptx::load_relaxed_sys_v4(&block);  // [RING-1] as the members
  const Members items = Members::of(block);
  const PlannedImage image = PlannedImage::of(block);
  const std::uint32_t members = __shfl_sync(~0u, head.x, 0);
  const auto form = static_cast<RegionForm>(__shfl_sync(~0u, head.y, 0));
  const AtRegion region{number, 0, members, form, 0, queue, position};
  if (form != RegionForm::bundle) {
    const bool marked = __shfl_sync(~0u, head.z | head.w, 0) != 0;
    if (form == RegionForm::image && !marked && begin_image(a, place, block, image, region))
      return true;
    begin_chain(a, place.local->job, region, items);
    return false;
  }
  RegionRun& run = a.region_runs[number];
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
      write_entry(a, known, first + member, half == 0 ? items.low : items.high,
                  RunEntryKind::member, queue, position,
                  BundleMember{number, member, members}.word());
  }
  __syncwarp();  // every entry is written before the warp looks for another
  return false;
}

/// Ends the region whose image the warp's job is, if it ran without a fault. Else the run is void,
/// and the warp goes on with the members one after another.
__device__ __noinline__ void end_image(const KernelArguments& a, const QueueEnd& end, Job& job,
                                       CompletionStatus status) {
  const AtRegion region = job.region;
  if (status != CompletionStatus::done) {
    begin_chain(a, job, region, Members::of(a.region_blocks[region.block]));
    return;
  }
  leave_region(job);
  end_item(end, region.position, CompletionStatus::done, Fault{}, Wrote::device);
}

/// The warp has taken an entry of a bundle's member.
__device__ __forceinline__ void begin_member(Job& job, const Taken& taken) {
  const BundleMember of = BundleMember::of(taken.spread);
  __syncwarp();  // every lane has read the job before lane 0 changes it
  if (lane_id() == 0)
    job.region = {of.block, of.member,   of.members,    RegionForm::bundle,
                  0,        taken.queue, taken.position};
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
    } else if (region.form == RegionForm::bundle) {
      ptx::fence_acq_rel_gpu();  // [REGION-1] release to the warp of the last member
    }
    if (region.form == RegionForm::bundle) {
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

/// Ends what the warp's job is: an item of its own, a member, or all members at once.
__device__ __forceinline__ void end_job(const KernelArguments& a, const QueueEnd& end, Job& job,
                                        std::uint64_t position, CompletionStatus status,
                                        const Fault& fault, Wrote wrote) {
  if (job.region.block == kNoRegion) {
    end_item(end, position, status, fault, wrote);
  } else if (job.region.form == RegionForm::image) {
    end_image(a, end, job, status);
  } else {
    end_member(a, end, job, status, fault, wrote);
  }
}

}  // namespace vyre::cuda::megakernel
