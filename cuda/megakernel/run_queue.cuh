// The run queue: numbered tickets in device memory, written by ingress (and by workers that look
// for help), read by workers. A worker draws a number and waits at that place, so nobody contends
// for a ticket and idle workers cost no link traffic. Every number below `tail` gets written.
// Device only. Spec: docs/megakernel.md, "Run queue".
#pragma once

#include "cuda/megakernel/egress.cuh"

namespace vyre::cuda::megakernel {

inline constexpr std::uint64_t kNoTicket{~std::uint64_t{0}};

/// Numbers [result, result + count) are the caller's to write, soon: workers wait at them.
__device__ __forceinline__ std::uint64_t draw_numbers(const RunQueue& run, std::uint32_t count) {
  return add_relaxed_gpu(run.tail, count);
}

__device__ __forceinline__ void write_ticket(const RunQueue& run, std::uint64_t number, uint4 item,
                                             TicketKind kind, std::uint32_t queue,
                                             std::uint64_t position, std::uint32_t spread) {
  const std::uint32_t phase = phase_of(number, run.slots_log2);
  Ticket* const ticket = run.tickets + slot_of(number, run.slots_log2);
  item.x = (item.x & ~kSlotPhaseBit) | phase;
  // [RUN-1] The release is the fence that the writer did after it took the item.
  store_relaxed_gpu(&ticket->head, item);
  store_relaxed_gpu(&ticket->tail,
                    make_uint4(phase | static_cast<std::uint32_t>(kind) << 16 | queue,
                               static_cast<std::uint32_t>(position),
                               static_cast<std::uint32_t>(position >> 32), spread));
}

/// What a worker takes. The same on all lanes.
struct Taken {
  MegakernelWorkItem item;
  TicketKind kind;
  std::uint32_t queue;
  std::uint64_t position;
  std::uint32_t spread;
};

/// Draws a number and waits for its ticket; false: the kernel ends. By the whole warp.
__device__ inline bool take_ticket(const RunQueue& run, const Relay& relay, Taken& out) {
  // So many places in front of a ticket are filled within the time of a short sleep.
  constexpr std::uint64_t kNear{64};
  constexpr std::uint32_t kFarSleepNs{1'000};
  constexpr std::uint32_t kNearSleepNs{20};
  const std::uint32_t lane = threadIdx.x & (kWarp - 1);
  std::uint64_t number = 0;
  if (lane == 0) number = add_relaxed_gpu(run.head, 1);
  number = __shfl_sync(~0u, number, 0);
  const std::uint32_t phase = phase_of(number, run.slots_log2);
  const Ticket* const ticket = run.tickets + slot_of(number, run.slots_log2);
  // Even lanes look at the first half, odd lanes at the second: one transaction.
  const void* const half = (lane & 1) != 0 ? static_cast<const void*>(&ticket->tail)
                                           : static_cast<const void*>(&ticket->head);
  uint4 v;
  // Near the front a look acquires; far from it, where a warp looks long, it does not: an acquire
  // empties the cache that the multiprocessor's other warps work with.
  bool near = true;
  for (std::uint32_t looks = 1;; ++looks) {
    v = near ? load_acquire_gpu(half) : load_relaxed_gpu(half);  // [RUN-1] acquire
    if (__all_sync(~0u, (v.x & kSlotPhaseBit) == phase)) break;
    if ((looks & 7u) != 0) continue;
    const std::uint64_t tail = load_relaxed_gpu_u64(run.tail);
    const auto leave = static_cast<Leave>(load_relaxed_gpu_u32(&relay.leave));
    if (__any_sync(~0u, leave == Leave::go)) return false;
    near = __shfl_sync(~0u, number, 0) <= __shfl_sync(~0u, tail, 0) + kNear;
    __nanosleep(near ? kNearSleepNs : kFarSleepNs);
  }
  if (!near) fence_acq_rel_gpu();  // [RUN-1] acquire
  out.item.op_handle = __shfl_sync(~0u, v.x, 0) & kSlotOpMask;
  out.item.input_handle = __shfl_sync(~0u, v.y, 0);
  out.item.output_handle = __shfl_sync(~0u, v.z, 0);
  out.item.param = __shfl_sync(~0u, v.w, 0);
  const std::uint32_t kind = __shfl_sync(~0u, v.x, 1);
  out.kind = static_cast<TicketKind>(kind >> 16 & 0x7FFFu);
  out.queue = kind & 0xFFFFu;
  out.position = std::uint64_t{__shfl_sync(~0u, v.y, 1)} | std::uint64_t{__shfl_sync(~0u, v.z, 1)}
                                                               << 32;
  out.spread = __shfl_sync(~0u, v.w, 1);
  return true;
}

}  // namespace vyre::cuda::megakernel
