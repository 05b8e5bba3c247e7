// Ending items: the completion goes straight to its place in the pinned ring, beside it the marks
// that ordering inside the kernel needs. There is no egress warp: a completion has a place of its
// own (docs/decisions/0006), so the warp that ends an item writes it, and no hand-over is paid for.
// Device only. Spec: docs/internals/megakernel.md, docs/internals/protocol.md.
#pragma once

#include <cstdint>

#include "cuda/megakernel/layout.hpp"
#include "cuda/ptx/access.cuh"
#include "lane.cuh"
#include "protocol/completion.hpp"
#include "queue/cancel_marks.hpp"

namespace vyre::cuda::megakernel {

__device__ __forceinline__ std::uint32_t phase_of(std::uint64_t position, std::uint32_t log2) {
  return (position >> log2 & 1) != 0 ? 0u : kSlotPhaseBit;
}
__device__ __forceinline__ std::uint32_t slot_of(std::uint64_t position, std::uint32_t log2) {
  return static_cast<std::uint32_t>(position) & ((1u << log2) - 1u);
}

/// Whether the item is not to start. A look across the link, so only while the orders say
/// kItemsCancelled. `log2`: of the completion slots.
__device__ __forceinline__ bool is_cancelled(const KernelArguments& a, std::uint32_t queue,
                                             std::uint64_t position, std::uint32_t log2) {
  // Relaxed: queue/cancel_marks.hpp.
  return ptx::load_relaxed_sys_u64(a.queues[queue].cancels + slot_of(position, log2)) ==
         queue::cancel_mark(position);
}

/// The words that the end of an item of one queue is written to. Kept in the shared memory of each
/// block: after an acquire the same words would have to come from the second-level cache again, in
/// the middle of a round trip.
struct QueueEnd {
  RingSlot* completions;       // pinned
  std::uint32_t* ended;        // device
  std::uint64_t* ended_count;  // device
  std::uint32_t log2;          // of the completion slots
  std::uint32_t reserved;
};

/// By the whole block; the caller synchronises it.
__device__ inline void load_queue_ends(const KernelArguments& a, QueueEnd* ends) {
  for (std::uint32_t q = threadIdx.x; q < a.queue_count; q += blockDim.x) {
    DeviceQueue& queue = a.queues[q];
    ends[q] = {queue.completions, queue.ended, &queue.ended_count, queue.completion_slots_log2, 0};
  }
}

/// Writes the completion of `position` and marks it as ended, without any order: the caller's fence
/// comes before. The count of ended items is the caller's, too.
__device__ __forceinline__ void put_completion(const QueueEnd& end, std::uint64_t position,
                                               CompletionStatus status, FaultCode code,
                                               std::uint32_t workgroup, std::uint32_t lane,
                                               std::uint32_t statement) {
  const std::uint32_t slot = slot_of(position, end.log2);
  const Completion c = Completion::make(status, code, static_cast<std::uint32_t>(position),
                                        workgroup, lane, statement);
  // [RING-4] The release is the fence of the caller.
  ptx::store_relaxed_sys_v4(
      end.completions + slot,
      make_uint4(c.head | phase_of(position, end.log2), c.position_low, c.workgroup, c.lane));
  // [ORDER-1] The same fence.
  ptx::store_relaxed_gpu_u32(end.ended + slot, static_cast<std::uint32_t>(position));
}

[[nodiscard]] __device__ inline CompletionStatus status_of(const Fault& fault) {
  switch (fault.code) {
    case FaultCode::none:
      return CompletionStatus::done;
    case FaultCode::shutdown:
    case FaultCode::out_of_memory:
      return CompletionStatus::cancelled;
    default:
      return CompletionStatus::faulted;
  }
}
/// As its completion tells it: a cancelled item has its reason only.
[[nodiscard]] __device__ inline Fault packed(const Fault& fault) {
  if (status_of(fault) == CompletionStatus::cancelled) return {fault.code, 0, 0, 0};
  return fault;
}

/// Which side can see what an item wrote.
enum class Wrote : std::uint32_t {
  device,  // device memory, which only items read
  host,    // pinned memory, which the host reads once it has the completion
};

/// Ends one item that a whole warp ran; what its lanes wrote is visible to a thread that sees the
/// completion. A fence across the link costs 1.4 us of a round trip and is paid only where the host
/// reads what was written. For device memory a fence of the device is enough although the next item
/// is caused by the host: all multiprocessors meet in one second-level cache, and the fence ends
/// when the writes are there, before the completion leaves (docs/internals/memory-reasons.md).
__device__ __forceinline__ void end_item(const QueueEnd& end, std::uint64_t position,
                                         CompletionStatus status, const Fault& fault, Wrote wrote) {
  __syncwarp();  // the other lanes' writes come before lane 0's fence below
  if (lane_id() == 0) {
    // [RING-4], [ORDER-1], [ORDER-2] release: what the item wrote.
    if (wrote == Wrote::host) {
      ptx::fence_acq_rel_sys();  // to the host and to other warps
    } else {
      ptx::fence_acq_rel_gpu();  // to the other warps of the device
    }
    put_completion(end, position, status, fault.code, static_cast<std::uint32_t>(fault.workgroup),
                   fault.lane, fault.statement);
    ptx::add_relaxed_gpu_u64(end.ended_count, 1);  // [ORDER-2] the fence above
  }
}

}  // namespace vyre::cuda::megakernel
