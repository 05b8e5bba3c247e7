// Workers: every warp of a block that is not ingress takes run entries and runs jobs. A small job
// is run by the warp that took its item; a large one is spread: it goes into a spread item, help
// entries go into the run queue, and warps that come claim units until none is left. The warp that
// ends the last unit of a phase opens the next one or ends the item. No warp waits for another: a
// job that is open has a warp at work on it. Device only. Spec: docs/internals/megakernel.md,
// "Workers".
#pragma once

#include <cstddef>
#include <cstdint>

#include "block.cuh"
#include "claims.cuh"
#include "cuda/builtin/builtin_ops.cuh"
#include "cuda/ptx/access.cuh"
#include "egress.cuh"
#include "job.cuh"
#include "members.cuh"
#include "planning.cuh"
#include "region.cuh"
#include "run_queue.cuh"
#include "spread_fault.cuh"
#include "units.cuh"

namespace vyre::cuda::megakernel {

/// So many looks for a free spread item, each followed by a sleep of kSpreadSleepNs: about ten
/// minutes. An item that must have a slot and gets none ends as cancelled, out of memory.
inline constexpr std::uint32_t kSpreadLooks{1'200'000'000};
inline constexpr std::uint32_t kSpreadSleepNs{500};

class Worker {
 public:
  __device__ void run() {
    Taken taken;
    forget_job();
    tell(WarpActivity::waiting, 0, 0);
    while (next_member(args(), job(), taken) || take_entry(args(), taken)) {
      switch (taken.kind) {
        case RunEntryKind::member:
          begin_member(job(), taken);
          [[fallthrough]];
        case RunEntryKind::item:
          tell(WarpActivity::item, taken.queue, taken.position);
          run_item(taken);
          tell(WarpActivity::waiting, 0, 0);
          break;
        case RunEntryKind::help: {
          SpreadItem& slot = args().spread[taken.spread];
          if (lane_id() == 0) (void)ptx::fetch_add_relaxed_gpu_u32(&slot.helpers, ~0u);  // one less
          __syncwarp();  // no lane claims a unit before lane 0 has counted the helper
          share(slot);
          tell(WarpActivity::waiting, 0, 0);
          break;
        }
        case RunEntryKind::empty:
          if (lane_id() == 0)
            (void)ptx::fetch_add_relaxed_gpu_u32(&args().queues[taken.queue].spares_taken, 1);
          break;
      }
    }
    tell(WarpActivity::gone, 0, 0);
  }

 private:
  __device__ void tell(WarpActivity activity, std::uint32_t queue, std::uint64_t position) {
    if (lane_id() != 0) return;
    ptx::store_relaxed_gpu_v4(args().warps + grid_warp(),
                              make_uint4(static_cast<std::uint32_t>(activity), queue,
                                         static_cast<std::uint32_t>(position),
                                         static_cast<std::uint32_t>(position >> 32)));
  }

  /// What the launch before left in the slice.
  __device__ void forget_job() {
    if (lane_id() == 0) {
      job().program = nullptr;
      staged() = {};
      place().local->image_serial = 0;
    }
    leave_region(job());
  }

  __device__ __forceinline__ void run_item(const Taken& taken) {
    const std::uint32_t order = ptx::load_relaxed_gpu_u32(&args().relay->cancel);
    const bool own = taken.queue == args().queue_count - 1;  // the host's: never cancelled
    FaultCode why = FaultCode::none;
    if (own) {
      why = plan_command(args(), taken, place());
    } else if (taken.item.op_handle >= kFirstUserOp) {
      why = plan_program(args(), taken, place());
    } else {
      why = plan_builtin(args(), taken, place());
    }
    Fault fault;
    CompletionStatus status = CompletionStatus::done;
    Wrote wrote = Wrote::device;
    const FaultCode cancelled = own ? FaultCode::none : cancelled_by(order, taken);
    if (cancelled != FaultCode::none) {
      status = CompletionStatus::cancelled;
      fault.code = cancelled;
    } else if (const bool region = taken.item.op_handle == kRegionOp;
               why != FaultCode::none && (!region || !begin_region(args(), place(), taken))) {
      if (region) return;
      status = CompletionStatus::faulted;
      fault.code = why;
    } else if (SpreadItem* const slot = worth_spreading(fault.code)) {
      spread(*slot);
      return;
    } else if (fault.code != FaultCode::none) {
      status = CompletionStatus::cancelled;
    } else {
      fault = run_alone();
      status = status_of(fault);
      wrote = job().wrote;
    }
    end_job(args(), ends()[taken.queue], job(), taken.position, status, fault, wrote);
  }

  /// Why the item is not to start, or none. `order`: the relay's word; lane 0's counts.
  [[nodiscard]] __device__ FaultCode cancelled_by(std::uint32_t order, const Taken& taken) const {
    order = __shfl_sync(~0u, order, 0);
    const FaultCode why = cancel_reason(order);
    if ((order & kItemsCancelled) == 0 || why != FaultCode::none) return why;
    const bool marked =
        job().region.block != kNoRegion
            ? is_member_cancelled(args(), job().region)
            : is_cancelled(args(), taken.queue, taken.position, ends()[taken.queue].log2);
    return __shfl_sync(~0u, marked ? 1u : 0u, 0) != 0 ? FaultCode::cancelled : FaultCode::none;
  }

  [[nodiscard]] __device__ bool stop_asked() const {
    return __shfl_sync(~0u, ptx::load_relaxed_gpu_u32(&args().relay->stop_running), 0) != 0;
  }

  __device__ __forceinline__ Fault run_alone() {
    return job().kind == JobKind::program ? run_program_alone() : run_units_alone();
  }
  __device__ __forceinline__ Fault run_program_alone() {
    const bool is_chained =
        job().region.block != kNoRegion && job().region.form == RegionForm::chain;
    const std::uint32_t units = job().running_units;
    if (is_image(job())) clear_passed(place().passed());
    zero_all(job(), warp_local().bound);
    __syncwarp();  // the zeros of all lanes come before what the program does
    Fault fault;
    std::uint64_t steps = 0;
    for (std::uint32_t unit = 0; unit < units && fault.code == FaultCode::none; ++unit) {
      const core::RunResult result =
          run_workgroups(args(), job(), unit, place(), staged(),
                         {is_chained && units == 1 ? &args() : nullptr, &warp_local(), nullptr});
      fault = result.fault;  // units rise: the first fault is the lowest
      steps += result.instructions;
    }
    count_steps(args(), job(), steps, *place().passed(), fault);
    return packed(fault);
  }
  /// Of a built-in op, or of the host's command. Not inlined: what programs need is not to move.
  __device__ __noinline__ Fault run_units_alone() {
    Fault fault;
    for (std::uint32_t phase = 0; fault.code == FaultCode::none; ++phase) {
      const std::uint32_t units = units_of(job(), phase);
      if (is_over(job(), phase, units)) break;
      for (std::uint32_t unit = 0; unit < units && fault.code == FaultCode::none; ++unit) {
        if (unit != 0 && job().kind == JobKind::builtin && stop_asked()) {
          fault.code = FaultCode::shutdown;
          break;
        }
        run_other_unit(args(), job(), phase, unit, place(), staged());
      }
    }
    if (fault.code == FaultCode::none) fault.code = outcome_of(job());
    return packed(fault);
  }

  // ---- sharing ----

  /// A slot for the job, or null: run it alone. A built-in op that needs more scratch than a warp
  /// has must have a slot, and waits: every slot is worked on by another warp, so one becomes free.
  /// If none does within kSpreadLooks, the item cannot run, and `why` says so.
  __device__ SpreadItem* worth_spreading(FaultCode& why) {
    bool must = false;
    switch (job().kind) {
      case JobKind::program:
        if (job().is_small != 0) return nullptr;
        break;
      case JobKind::builtin:
        must = builtin::scratch_needed(job().call) > place().scratch_bytes;
        // Judged by its bytes, because many units may follow a small first phase.
        if (!must && bytes_of(job().call) <= kAloneUnits * kBytesAUnit) return nullptr;
        break;
      case JobKind::command:
        if (units_of(job(), 0) <= kAloneUnits) return nullptr;
        break;
    }
    std::uint32_t found = kMaxSpreadItems;
    for (std::uint32_t looks = 0;; ++looks) {
      const std::uint32_t first = grid_warp() % kMaxSpreadItems;
      if (lane_id() == 0) {
        for (std::uint32_t i = 0; i < kMaxSpreadItems; ++i) {
          const std::uint32_t candidate = (first + i) % kMaxSpreadItems;
          if (ptx::load_relaxed_gpu_u32(&args().spread[candidate].taken) != 0) continue;
          if (ptx::compare_exchange_acq_rel_gpu_u32(&args().spread[candidate].taken, 0, 1) == 0) {
            found = candidate;
            break;
          }
        }
      }
      found = __shfl_sync(~0u, found, 0);
      __syncwarp();  // publishes lane 0's acquire of the slot to all lanes
      if (found != kMaxSpreadItems) return args().spread + found;
      if (!must) return nullptr;
      if (looks == kSpreadLooks) break;
      __nanosleep(kSpreadSleepNs);
    }
    why = FaultCode::out_of_memory;
    return nullptr;
  }

  [[nodiscard]] __device__ std::uint8_t* memory_of(const SpreadItem& slot) const {
    return args().spread_memory + static_cast<std::uint64_t>(&slot - args().spread) * kSpreadBytes;
  }
  [[nodiscard]] __device__ interpreter::Passed* passed_of(const SpreadItem& slot) const {
    return reinterpret_cast<interpreter::Passed*>(memory_of(slot) + kBoundBytes);
  }

  /// Puts the job into a slot that this warp has taken, opens it and works on it.
  __device__ void spread(SpreadItem& slot) {
    const std::uint32_t lane = lane_id();
    std::uint8_t* const memory = memory_of(slot);
    if (job().kind == JobKind::program) {
      auto* const bound = reinterpret_cast<core::BoundBuffer*>(memory);
      for (std::uint32_t i = lane; i < job().program->image.buffer_count; i += kWarp)
        bound[i] = job().bound[i];
      if (is_image(job())) clear_passed(passed_of(slot));
      __syncwarp();  // every lane has copied its buffers before lane 0 changes the pointer
      if (lane == 0) {
        job().bound = bound;
        job().passed = passed_of(slot);
      }
    } else if (lane == 0) {
      job().call.scratch = memory + kNotesBytes + kJobBytes;
    }
    __syncwarp();  // publishes the job as lane 0 changed it to the lanes that copy it
    static_assert(sizeof(Job) % 8 == 0);
    auto* const to = reinterpret_cast<std::uint64_t*>(memory + kNotesBytes);
    const auto* const from = reinterpret_cast<const std::uint64_t*>(&job());
    for (std::uint32_t i = lane; i < sizeof(Job) / 8; i += kWarp) to[i] = from[i];
    if (lane == 0) {
      slot.lowest_fault = ~std::uint64_t{0};
      slot.fault = Fault{};
      slot.steps = 0;
      ptx::store_relaxed_gpu_u32(&slot.serial, ptx::load_relaxed_gpu_u32(&slot.serial) + 1);
    }
    __syncwarp();  // what all lanes wrote into the slot comes before lane 0's release in open()
    if (open(slot, 0)) {
      share(slot);
    } else {
      conclude(slot);  // nothing to do at all: an op without a unit
    }
  }

  /// Opens the first phase from `phase` on that has units, to all warps; false: the job is over.
  /// By the warp that owns the slot at that moment: the one that filled it, or that ended the last
  /// unit of the phase before.
  __device__ bool open(SpreadItem& slot, std::uint32_t phase) {
    std::uint32_t units = units_of(job(), phase);
    while (units == 0) {
      if (is_over(job(), phase, units)) return false;
      units = units_of(job(), ++phase);
    }
    const std::uint32_t workers = (gridDim.x - args().ingress_blocks) * kBlockWarps;
    std::uint32_t help = units - 1 < workers ? units - 1 : workers;
    std::uint64_t first = 0;
    __syncwarp();  // what all lanes wrote for the phase comes before lane 0's release of it
    if (lane_id() == 0) {
      ptx::store_relaxed_gpu_u32(&slot.finished, 0);
      ptx::store_relaxed_gpu_u32(&slot.phase, phase);
      ptx::fence_acq_rel_gpu();  // [SPREAD-1] release: the job, the phase, what earlier ones wrote
      ptx::store_relaxed_gpu_u64(&slot.claim, std::uint64_t{units} << 32);
      // Entries of this item that no warp took yet still bring help; so their sum is bounded.
      const std::uint32_t there = ptx::load_relaxed_gpu_u32(&slot.helpers);
      help = help > there ? help - there : 0;
      if (help != 0) {
        (void)ptx::fetch_add_relaxed_gpu_u32(&slot.helpers, help);
        first = draw_numbers(args().run, help);
      }
    }
    help = __shfl_sync(~0u, help, 0);
    first = __shfl_sync(~0u, first, 0);
    const auto index = static_cast<std::uint32_t>(&slot - args().spread);
    KnownRoom known;
    for (std::uint32_t i = lane_id(); i < help; i += kWarp) {
      write_entry(args(), known, first + i, make_uint4(0, 0, 0, 0), RunEntryKind::help, 0, 0,
                  index);
    }
    __syncwarp();  // every help entry is written before the warp works on the item
    return true;
  }

  /// Claims units of whatever the slot holds until nothing is left to claim.
  __device__ void share(SpreadItem& slot) {
    constexpr std::uint64_t kNothing{~std::uint64_t{0}};
    std::uint64_t have = kNothing;  // serial of the job in this warp's slice
    for (;;) {
      std::uint64_t claim = 0;
      if (lane_id() == 0)
        claim = ptx::fetch_add_acquire_gpu_u64(&slot.claim, 1);  // [SPREAD-1] acquire
      claim = __shfl_sync(~0u, claim, 0);
      __syncwarp();  // publishes lane 0's acquire to all lanes: a shuffle orders nothing
      const auto units = static_cast<std::uint32_t>(claim >> 32);
      const auto unit = static_cast<std::uint32_t>(claim);
      if (unit >= units) break;
      // From here until what this warp claims is counted as finished, the slot stays as it is.
      static_assert(offsetof(SpreadItem, phase) == offsetof(SpreadItem, serial) + 4);
      const std::uint64_t words = __shfl_sync(
          ~0u, ptx::load_relaxed_gpu_u64(reinterpret_cast<const std::uint64_t*>(&slot.serial)), 0);
      const auto serial = static_cast<std::uint32_t>(words);
      const auto phase = static_cast<std::uint32_t>(words >> 32);
      if (have != serial) {
        __syncwarp();  // no lane still reads the job before this one
        const auto* const from = reinterpret_cast<const uint4*>(memory_of(slot) + kNotesBytes);
        auto* const to = reinterpret_cast<uint4*>(&job());
        for (std::uint32_t i = lane_id(); i < kJobBytes / 16; i += kWarp)
          if ((i + 1) * 16 <= (sizeof(Job) + 15) / 16 * 16)
            to[i] = ptx::load_relaxed_gpu_v4(from + i);
        __syncwarp();  // publishes the job to all lanes
        have = serial;
        tell(WarpActivity::sharing, job().queue, job().position);
      }
      const std::uint32_t ended = run_claimed(slot, phase, units, unit);
      std::uint32_t finished = 0;
      if (lane_id() == 0) {
        // What went across the link has to have left this multiprocessor before another one says
        // so.
        if (job().wrote == Wrote::host) {
          ptx::fence_acq_rel_sys();  // [SPREAD-2] release to the warp of the last unit, the host
        } else {
          ptx::fence_acq_rel_gpu();  // [SPREAD-2] release to the warp of the last unit
        }
        finished = ptx::fetch_add_relaxed_gpu_u32(&slot.finished, ended) + ended;
        if (finished == units)
          ptx::fence_acq_rel_gpu();  // [SPREAD-2] acquire of what the other units wrote
      }
      finished = __shfl_sync(~0u, finished, 0);
      __syncwarp();  // publishes lane 0's acquire of what the other units wrote to all lanes
      // The warp that ends a member of a chain stays at its region.
      if (finished == units && !advance(slot, phase)) return;
    }
    leave_region(job());
  }

  /// Runs units of a phase, from one that is claimed, until none is left to claim; the number of
  /// those that ended.
  __device__ std::uint32_t run_claimed(SpreadItem& slot, std::uint32_t phase, std::uint32_t units,
                                       std::uint32_t first) {
    UnitClaims claims{&slot, units, (gridDim.x - args().ingress_blocks) * kBlockWarps, 0, 0, 0,
                      0,     0};
    claims.begin(first);
    const bool runs = job().kind == JobKind::program && phase == 1;
    const bool members = runs && is_image(job());
    if (members) clear_passed(place().passed());
    std::uint64_t steps = 0;
    Fault fault;
    bool more = true;
    while (more) {
      if (job().kind == JobKind::builtin && stop_asked()) {
        fault.code = FaultCode::shutdown;
      } else if (!runs) {
        run_other_unit(args(), job(), phase, claims.unit, place(), staged());
      } else {
        const core::RunResult result = run_workgroups(args(), job(), claims.unit, place(), staged(),
                                                      {nullptr, &warp_local(), &claims});
        fault = result.fault;
        steps += result.instructions;
      }
      if (fault.code != FaultCode::none) {
        claims.give_up();
        break;
      }
      more = claims.next();
    }
    if (members) add_passed(job().passed, place().passed());
    if (runs && lane_id() == 0) ptx::add_relaxed_gpu_u64(&slot.steps, steps);
    if (fault.code != FaultCode::none && lane_id() == 0) note_fault(args(), slot, fault);
    __syncwarp();  // what all lanes wrote comes before lane 0's release of the units
    return claims.held;
  }

  /// After the last unit of a phase: the next one, or the end of the item (false).
  __device__ bool advance(SpreadItem& slot, std::uint32_t phase) {
    const bool faulted =
        __shfl_sync(~0u, ptx::load_relaxed_gpu_u64(&slot.lowest_fault), 0) != ~std::uint64_t{0};
    if (!faulted && open(slot, phase + 1)) return true;
    conclude(slot);
    return false;
  }

  /// Ends the item of a slot whose units have all ended, and frees the slot.
  __device__ void conclude(SpreadItem& slot) {
    Fault fault;
    if (__shfl_sync(~0u, ptx::load_relaxed_gpu_u64(&slot.lowest_fault), 0) != ~std::uint64_t{0}) {
      const volatile Fault& there = slot.fault;
      fault = {there.code, there.workgroup, there.lane, there.statement};
    } else {
      fault.code = outcome_of(job());
    }
    count_steps(args(), job(), __shfl_sync(~0u, ptx::load_relaxed_gpu_u64(&slot.steps), 0),
                *passed_of(slot), fault);
    __syncwarp();  // every lane has read the slot before lane 0 ends the item
    end_job(args(), ends()[job().queue], job(), job().position, status_of(fault), packed(fault),
            job().wrote);
    if (lane_id() == 0) ptx::store_release_gpu_u32(&slot.taken, 0);
    __syncwarp();  // no lane looks for work before lane 0 has freed the slot
  }

  // Found anew where they are used: block.cuh says why.
  [[nodiscard]] static __device__ __forceinline__ const KernelArguments& args() {
    return block_arguments();
  }
  [[nodiscard]] static __device__ __forceinline__ const QueueEnd* ends() { return block_ends(); }
  [[nodiscard]] static __device__ __forceinline__ WarpPlace place() { return warp_place(); }
  [[nodiscard]] static __device__ __forceinline__ Job& job() { return warp_local().job; }
  [[nodiscard]] static __device__ __forceinline__ interpreter::Staged& staged() {
    return warp_local().staged;
  }
};

}  // namespace vyre::cuda::megakernel
