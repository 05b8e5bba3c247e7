// The run queue: numbered entries in device memory, written by ingress (and by workers that look
// for help), read by workers. A worker draws a number and waits at that place, so no two contend
// for an entry and idle workers cost no link traffic. Every number below `tail` gets written, and
// no entry is written over that a worker has not read. Device only. Spec:
// docs/internals/megakernel.md, "Run queue"; its rules: run_queue_rules.hpp.
#pragma once

#include <cstdint>

#include "cuda/megakernel/run_queue_rules.hpp"
#include "cuda/ptx/access.cuh"
#include "cuda/ptx/clock.cuh"
#include "departure.hpp"
#include "egress.cuh"
#include "lane.cuh"

namespace vyre::cuda::megakernel {

/// After so long without room a writer says so; by the size of the queue it never waits for a
/// worker that is busy with an item.
inline constexpr std::uint64_t kNoRoomNs{1'000'000'000};

/// Tells the host of a promise that the kernel found broken; the first one stays. By one lane.
__device__ __noinline__ void tell_broken(const KernelArguments& a, Broken what,
                                         std::uint64_t number, std::uint64_t seen) {
  const auto code = static_cast<std::uint32_t>(what);
  if (ptx::compare_exchange_acq_rel_gpu_u32(&a.relay->broken, 0, code) != 0) return;
  ptx::store_relaxed_sys_u64(&a.report->broken_number, number);
  ptx::store_relaxed_sys_u64(&a.report->broken_seen, seen);
  ptx::fence_acq_rel_sys();  // [BROKEN-1] release of the two values
  ptx::store_relaxed_sys_u32(&a.report->broken, code);
}

struct RunCounts {
  static __device__ __forceinline__ std::uint64_t load_count(const std::uint64_t* word) {
    return ptx::load_relaxed_gpu_u64(word);
  }
  static __device__ __forceinline__ void add_count(std::uint64_t* word, std::uint64_t n) {
    ptx::add_relaxed_gpu_u64(word, n);
  }
};

/// Draws numbers [result, result + count). The caller must write their entries soon, because
/// workers wait at them.
__device__ __forceinline__ std::uint64_t draw_numbers(const RunQueue& run, std::uint32_t count) {
  return ptx::fetch_add_relaxed_gpu_u64(run.tail, count);
}

/// Waits until the lane's number may be written. [RUN-2]
__device__ __forceinline__ void await_room(const KernelArguments& a, std::uint64_t number,
                                           KnownRoom& known) {
  if (has_room<RunCounts>(a.run, number, known)) return;
  const std::uint64_t since = ptx::device_ns();
  while (!has_room<RunCounts>(a.run, number, known)) {
    __nanosleep(100);
    if (ptx::device_ns() - since < kNoRoomNs) continue;
    tell_broken(a, Broken::no_room, number,
                ptx::load_relaxed_gpu_u64(a.run.read + section_of(number, a.run.entries_log2)));
  }
}

/// Each lane writes its own entry, once there is room.
__device__ __forceinline__ void write_entry(const KernelArguments& a, KnownRoom& known,
                                            std::uint64_t number, uint4 item, RunEntryKind kind,
                                            std::uint32_t queue, std::uint64_t position,
                                            std::uint32_t spread) {
  await_room(a, number, known);
  const std::uint32_t mark = entry_mark(number, a.run.entries_log2);
  RunEntry* const entry = a.run.entries + slot_of(number, a.run.entries_log2);
  item.x = (item.x & ~kEntryMarkMask) | mark;
  // [RUN-1] The release is the fence that the writer did after it took the item.
  ptx::store_relaxed_gpu_v4(&entry->head, item);
  ptx::store_relaxed_gpu_v4(&entry->tail,
                            make_uint4(mark | static_cast<std::uint32_t>(kind) << 16 | queue,
                                       static_cast<std::uint32_t>(position),
                                       static_cast<std::uint32_t>(position >> 32), spread));
}

/// What a worker takes. The same on all lanes.
struct Taken {
  MegakernelWorkItem item;
  RunEntryKind kind;
  std::uint32_t queue;
  std::uint64_t position;
  std::uint32_t spread;
};

/// Draws a number and waits for its entry; false: the kernel ends. By the whole warp.
__device__ inline bool take_entry(const KernelArguments& a, Taken& out) {
  const RunQueue& run = a.run;
  // Writers fill so many entries within the time of a short sleep.
  constexpr std::uint64_t kNear{64};
  constexpr std::uint32_t kFarSleepNs{1'000};
  constexpr std::uint32_t kNearSleepNs{20};
  const std::uint32_t lane = lane_id();
  std::uint64_t number = 0;
  if (lane == 0) number = ptx::fetch_add_relaxed_gpu_u64(run.head, 1);
  number = __shfl_sync(~0u, number, 0);
  const std::uint32_t mark = entry_mark(number, run.entries_log2);
  const RunEntry* const entry = run.entries + slot_of(number, run.entries_log2);
  // Even lanes look at the first half, odd lanes at the second: one transaction.
  const void* const half = (lane & 1) != 0 ? static_cast<const void*>(&entry->tail)
                                           : static_cast<const void*>(&entry->head);
  uint4 v;
  // Only the first look acquires, and one more when the entry is there: an acquire empties the
  // cache that the multiprocessor's other warps work with.
  bool near = true;
  for (std::uint32_t looks = 1;; ++looks) {
    v = looks == 1 ? ptx::load_acquire_gpu_v4(half)   // [RUN-1] acquire
                   : ptx::load_relaxed_gpu_v4(half);  // relaxed: the look below
    if (__all_sync(~0u, is_entry(v.x, mark))) {
      if (looks != 1) v = ptx::load_acquire_gpu_v4(half);  // [RUN-1] acquire
      break;
    }
    if ((looks & 7u) != 0) continue;
    if (const std::uint32_t lost = __ballot_sync(~0u, is_overwritten(v.x, mark)); lost != 0) {
      const std::uint32_t found = __shfl_sync(~0u, v.x, static_cast<int>(lowest_of(lost)));
      if (lane == 0) tell_broken(a, Broken::entry_overwritten, number, found);
      return false;
    }
    const std::uint64_t tail = ptx::load_relaxed_gpu_u64(run.tail);
    const Leave leave = leave_of(ptx::load_relaxed_gpu_u32(&a.relay->leave));
    if (__any_sync(~0u, leave == Leave::go)) return false;
    near = __shfl_sync(~0u, number, 0) <= __shfl_sync(~0u, tail, 0) + kNear;
    __nanosleep(near ? kNearSleepNs : kFarSleepNs);
  }
  if (lane == 0) count_read<RunCounts>(run, number);  // [RUN-2]
  out.item.op_handle = __shfl_sync(~0u, v.x, 0) & kSlotOpMask;
  out.item.input_handle = __shfl_sync(~0u, v.y, 0);
  out.item.output_handle = __shfl_sync(~0u, v.z, 0);
  out.item.param = __shfl_sync(~0u, v.w, 0);
  const std::uint32_t kind = __shfl_sync(~0u, v.x, 1);
  out.kind = static_cast<RunEntryKind>(kind >> 16 & 0xFFu);
  out.queue = kind & 0xFFFFu;
  out.position = std::uint64_t{__shfl_sync(~0u, v.y, 1)} | std::uint64_t{__shfl_sync(~0u, v.z, 1)}
                                                               << 32;
  out.spread = __shfl_sync(~0u, v.w, 1);
  return true;
}

}  // namespace vyre::cuda::megakernel
