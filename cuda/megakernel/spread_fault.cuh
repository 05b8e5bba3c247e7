// The fault of a spread item: of all faults that its warps meet, the one of the lowest workgroup is
// kept, under a lock. By one lane. Device only. Spec: docs/internals/megakernel.md, "Workers, jobs,
// sharing".
#pragma once

#include <cstdint>

#include "cuda/ptx/access.cuh"
#include "run_queue.cuh"

namespace vyre::cuda::megakernel {

/// So many tries at the lock around a fault, each followed by a sleep of kFaultLockSleepNs: about a
/// second. The lock is held for a few stores, so the worker then tells the host
/// (Broken::lock_kept).
inline constexpr std::uint32_t kFaultLockTries{20'000'000};
inline constexpr std::uint32_t kFaultLockSleepNs{50};

/// Takes the lock around a fault. A lock that is not given back loses the device; the caller notes
/// its fault all the same, so that the item cannot end as done. One lane. Not inlined: it is rare,
/// and its registers are not wanted in the loop that claims units.
__device__ __noinline__ void lock_fault(const KernelArguments& a, SpreadItem& slot) {
  std::uint32_t tries = 0;
  while (ptx::compare_exchange_acq_rel_gpu_u32(&slot.fault_lock, 0, 1) != 0) {
    if (++tries == kFaultLockTries) {
      tell_broken(a, Broken::lock_kept, static_cast<std::uint64_t>(&slot - a.spread), tries);
      return;
    }
    __nanosleep(kFaultLockSleepNs);
  }
}

/// Keeps `fault` if its workgroup is the lowest so far. The lock is held for a few stores, by warps
/// that all run.
__device__ __forceinline__ void note_fault(const KernelArguments& a, SpreadItem& slot,
                                           const Fault& fault) {
  lock_fault(a, slot);
  if (fault.workgroup < ptx::load_relaxed_gpu_u64(&slot.lowest_fault)) {
    volatile Fault& there = slot.fault;
    there.code = fault.code;
    there.workgroup = fault.workgroup;
    there.lane = fault.lane;
    there.statement = fault.statement;
    ptx::store_relaxed_gpu_u64(&slot.lowest_fault, fault.workgroup);
  }
  ptx::store_release_gpu_u32(&slot.fault_lock, 0);
}

}  // namespace vyre::cuda::megakernel
