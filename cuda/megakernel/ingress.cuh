// Ingress: warps that read the submission rings over the link, in order, and either end an item
// themselves (no-ops, cancelled ones) or write an entry for the workers. Each ring has a team of
// warps; runs of 256 slots go round the team, and a turn in shared memory keeps the order in
// which they start. When the ring is quiet one warp polls one group; when groups come in full the
// whole team fetches ahead. Device only. Spec: docs/internals/megakernel.md, "Ingress".
#pragma once

#include <cstdint>

#include "cuda/ptx/access.cuh"
#include "departure.hpp"
#include "egress.cuh"
#include "lane.cuh"
#include "run_queue.cuh"

namespace vyre::cuda::megakernel {

inline constexpr std::uint32_t kGroupSlots{32};
inline constexpr std::uint32_t kGroupSlotsLog2{5};
/// Consecutive groups that belong to one member of the team, which loads all of them at once.
inline constexpr int kRunGroups{8};
inline constexpr std::uint32_t kRunSlots{kRunGroups * kGroupSlots};
inline constexpr std::uint32_t kRunSlotsLog2{8};
static_assert(kRunSlots == 1u << kRunSlotsLog2);
/// A look that finds so many items calls the team; fewer are taken faster by one warp.
inline constexpr std::uint32_t kBurstItems{16};
/// After so many looks at an empty group the team stops fetching ahead.
inline constexpr std::uint32_t kBurstLooks{16};

/// One ring as its team shares it (shared memory of the ingress block).
struct IngressRing {
  std::uint64_t begin;  // where this launch began
  std::uint64_t turn;   // next position to take; written by the warp whose run it is in
  std::uint64_t
      reserved;          // a number drawn ahead of the next item, or kNoNumber; goes with the turn
  std::uint64_t last;    // once the kernel leaves: nothing from there on is taken
  std::uint32_t burst;   // 1: fetch ahead
  std::uint32_t closed;  // departure.hpp; by the warp with the turn while 0, else by the keeper
  std::uint32_t leave;   // ring_word(): kept by the keeper
  /// Numbers drawn ahead in this launch and not used for an item. By atomic additions: the poller
  /// that used one may have passed the turn on.
  std::uint32_t spares;
  std::uint32_t queue;
};

struct IngressBlock {
  IngressRing rings[kBlockWarps];
  QueueEnd ends[kMaxDeviceQueues];
  std::uint32_t cancel;  // copy of the relay's, kept by the block's keeper
  std::uint32_t frozen;
};

template <class T>
__device__ __forceinline__ T look(const T& word) {
  return *const_cast<const volatile T*>(&word);
}
/// What lane 0 sees, on all lanes: a warp decides as one.
template <class T>
__device__ __forceinline__ T agree(const T& word) {
  return __shfl_sync(~0u, look(word), 0);
}
template <class T>
__device__ __forceinline__ void put(T& word, T value) {
  *const_cast<volatile T*>(&word) = value;
}

/// A member of a ring's team.
class Poller {
 public:
  __device__ Poller(const KernelArguments& arguments, IngressBlock& block, IngressRing& ring,
                    std::uint32_t member, std::uint32_t team)
      : a_(arguments),
        block_(block),
        ring_(ring),
        end_(block.ends[ring.queue]),
        submissions_(arguments.queues[ring.queue].submissions),
        spares_taken_(&arguments.queues[ring.queue].spares_taken),
        log2_(arguments.queues[ring.queue].slots_log2),
        window_(arguments.queues[ring.queue].window),
        unlimited_(window_ >= 1u << end_.log2),
        own_(ring.queue + 1 == arguments.queue_count),
        lane_(lane_id()),
        team_(team),
        run_((ring.begin >> kRunSlotsLog2) + member) {}

  __device__ void run() {
    for (;;) {
      if (agree(block_.frozen) != 0) continue;  // a fault that a test injects
      const std::uint64_t turn = agree(ring_.turn);
      const bool mine = turn >> kRunSlotsLog2 == run_;
      const bool burst = agree(ring_.burst) != 0;
      if (agree(ring_.closed) != 0) {
        // Until the keeper opens the ring again, or the kernel ends.
        if (leave_of(agree(ring_.leave)) == Leave::go) break;
        __nanosleep(200);
        continue;
      }
      // A slot further ahead than the ring is long still holds an item of an earlier lap, which may
      // have the same phase: only the owner of the turn looks there, and it stops at the first gap.
      const bool in_reach =
          mine || (run_ + 1) << kRunSlotsLog2 <= turn + (std::uint64_t{1} << log2_);
      if (burst && in_reach) {
        fetch_ahead();
      } else if (mine) {  // and quiet
        poll_one(turn);
      } else {
        __nanosleep(64);
      }
    }
  }

 private:
  [[nodiscard]] __device__ const RingSlot* slot(std::uint64_t group) const {
    return submissions_ + slot_of((group << kGroupSlotsLog2) + lane_, log2_);
  }
  /// The end of the slots from `from` on that carry this lap's items without a gap. Those before
  /// `from` have been taken, and may carry the next lap's by now.
  [[nodiscard]] __device__ std::uint32_t ready(const uint4& v, std::uint64_t group,
                                               std::uint32_t from) const {
    const std::uint32_t phase = phase_of(group << kGroupSlotsLog2, log2_);
    const std::uint32_t there =
        __ballot_sync(~0u, (v.x & kSlotPhaseBit) == phase) | ((1u << from) - 1u);
    return there == ~0u ? kGroupSlots : static_cast<std::uint32_t>(__ffs(~there)) - 1u;
  }

  /// The way of a quiet ring: one load of one group.
  __device__ void poll_one(std::uint64_t turn) {
    const std::uint32_t word = agree(ring_.leave);
    if (takes_nothing(word, turn)) {
      close(word);
      return;
    }
    reserve();
    const std::uint64_t group = turn >> kGroupSlotsLog2;
    const uint4 v = ptx::load_acquire_sys_v4(slot(group));  // [RING-1] acquire: the item
    const std::uint32_t from = static_cast<std::uint32_t>(turn) & (kGroupSlots - 1);
    const std::uint32_t upto = ready(v, group, from);
    if (upto <= from) {
      // The leave word was read before the slot, so an item that was published before the word was
      // written would be in the slot.
      if (leave_of(word) != Leave::stay) {
        close(word);
      } else {
        back_off();
      }
      return;
    }
    idle_looks_ = 0;
    released_ = false;
    const bool many = upto - from >= kBurstItems && team_ > 1;
    if (many && lane_ == 0) put(ring_.burst, 1u);
    // A team that fetches ahead neither uses a reserved number nor looks after it.
    hand_over(v, group, from, upto, !many);
  }

  /// The way of a busy ring: a whole run is loaded at once, with one fence and one turn for all of
  /// it.
  __device__ void fetch_ahead() {
    const std::uint64_t base = run_ << kRunSlotsLog2;
    const std::uint64_t first = run_ * kRunGroups;
    uint4 v[kRunGroups];
#pragma unroll
    for (int i = 0; i < kRunGroups; ++i) {
      v[i] = ptx::load_relaxed_sys_v4(slot(first + static_cast<std::uint32_t>(i)));
    }
    if (const std::uint32_t word = agree(ring_.leave); leave_of(word) != Leave::stay) {
      const std::uint64_t turn = agree(ring_.turn);
      if (turn >> kRunSlotsLog2 == run_ && takes_nothing(word, turn)) {
        close(word);
        return;
      }
    }
    const std::uint32_t from = place_in_run();
    // Slots from `from` on that are ready without a gap; whether any of them waits for others.
    std::uint32_t upto = from;
    bool waits = false;
#pragma unroll
    for (int i = 0; i < kRunGroups; ++i) {
      const std::uint32_t begin = static_cast<std::uint32_t>(i) * kGroupSlots;
      if (upto < begin || upto >= begin + kGroupSlots) continue;
      upto = begin + ready(v[i], first + static_cast<std::uint32_t>(i), upto - begin);
      waits = waits || (v[i].x >> kSlotFlagsShift & kQueueFlagsOfCallers) != 0;
    }
    if (upto == from) {
      quiet();
      return;
    }
    ptx::fence_acq_rel_sys();  // [RING-1] acquire of all the slots; [RUN-1] release of the entries
    released_ = true;
    idle_looks_ = 0;
    const bool whole = from == 0 && upto == kRunSlots && unlimited_ && !__any_sync(~0u, waits);
    // Order: the runs before this one are taken by their owners first. What is between the coming
    // of the turn and its going bounds the rate of the ring, so a run that waits for nothing passes
    // it on at once.
    std::uint64_t turn = look(ring_.turn);
    for (std::uint32_t looks = 1; turn < base; ++looks) {
      if ((looks & 15u) == 0 && look(ring_.closed) != 0) break;
      turn = look(ring_.turn);
    }
    if (whole && lane_ == 0 && turn == base) put(ring_.turn, base + kRunSlots);
    turn = __shfl_sync(~0u, turn, 0);
    if (turn < base) return;  // closed
    if (whole) {
      run_ += team_;
#pragma unroll
      for (int i = 0; i < kRunGroups; ++i) {
        std::uint64_t none = kNoNumber;
        start(v[i], base + static_cast<std::uint32_t>(i) * kGroupSlots, 0, kGroupSlots, none);
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < kRunGroups; ++i) {
      const std::uint32_t begin = static_cast<std::uint32_t>(i) * kGroupSlots;
      if (from >= begin + kGroupSlots || upto <= begin) continue;
      hand_over(v[i], first + static_cast<std::uint32_t>(i), from > begin ? from - begin : 0,
                upto - begin < kGroupSlots ? upto - begin : kGroupSlots, true);
    }
  }

  /// Slots of this warp's run that are done.
  [[nodiscard]] __device__ std::uint32_t place_in_run() const {
    const std::uint64_t turn = agree(ring_.turn);
    return turn >> kRunSlotsLog2 == run_ ? static_cast<std::uint32_t>(turn) & (kRunSlots - 1) : 0;
  }

  /// Nothing new in this warp's run while fetching ahead.
  __device__ void quiet() {
    if (agree(ring_.turn) >> kRunSlotsLog2 != run_) {
      __nanosleep(40);
      return;
    }
    if (++idle_looks_ < kBurstLooks && leave_of(agree(ring_.leave)) == Leave::stay) return;
    if (lane_ == 0) put(ring_.burst, 0u);
    __syncwarp();  // no lane looks at `burst` before lane 0 has written it
    idle_looks_ = 0;
  }

  /// Draws a number ahead, so that an item that comes alone need not wait for it. Only with the
  /// turn.
  __device__ void reserve() {
    // A number that is not used keeps a worker waiting, so this needs many more workers than
    // queues.
    const std::uint32_t workers = (gridDim.x - a_.ingress_blocks) * kBlockWarps;
    if (a_.queue_count * 4 > workers) return;
    const std::uint64_t reserved = agree(ring_.reserved);
    if (reserved == kNoNumber) {
      if (!own_ && all_cancelled()) return;  // nothing is handed over any more
      const std::uint32_t spares = agree(ring_.spares);
      if (!may_draw_ahead(spares, spares_seen_)) {
        if ((++looks_ & 7u) != 0) return;
        spares_seen_ = __shfl_sync(~0u, ptx::load_relaxed_gpu_u32(spares_taken_), 0);
        if (!may_draw_ahead(spares, spares_seen_)) return;
      }
      __syncwarp();  // every lane has read `reserved` before lane 0 writes it
      if (lane_ == 0) {
        (void)atomicAdd(&ring_.spares, 1u);
        put(ring_.reserved, draw_numbers(a_.run, 1));
      }
    } else {
      if ((++looks_ & 31u) != 0) return;
      const std::uint64_t tail = __shfl_sync(~0u, ptx::load_relaxed_gpu_u64(a_.run.tail), 0);
      if (!is_overdue(tail, reserved, a_.run.entries_log2)) return;
      __syncwarp();  // every lane has read `reserved` before lane 0 writes it
      if (lane_ == 0) {
        put(ring_.reserved, kNoNumber);
        give_back(reserved);
      }
    }
    __syncwarp();  // publishes `reserved` to all lanes
  }
  /// Writes an empty entry at a number that is not needed. By one lane.
  __device__ void give_back(std::uint64_t number) {
    write_entry(a_, room_, number, make_uint4(0, 0, 0, 0), RunEntryKind::empty, ring_.queue, 0, 0);
  }

  /// Whether the ring takes nothing from here on, whatever the next slot holds. Only with the turn.
  [[nodiscard]] __device__ bool takes_nothing(std::uint32_t word, std::uint64_t turn) {
    return closes_at_once(word) || (leave_of(word) == Leave::finish && is_past_last(turn));
  }

  /// Whether the turn is past the last position that this launch takes. Only with the turn, once
  /// the kernel leaves for good. That position is one lap after the turn of the first such look, so
  /// all that was published before the host was told lies below it. Without the bound, a ring that
  /// is fed on and on would keep the others, which are closed already, from the next launch.
  [[nodiscard]] __device__ bool is_past_last(std::uint64_t turn) {
    const std::uint64_t last = agree(ring_.last);
    if (last != kNoNumber) return turn >= last;
    if (lane_ == 0) put(ring_.last, turn + (std::uint64_t{1} << log2_));
    __syncwarp();  // publishes `last` to all lanes
    return false;
  }

  __device__ void close(std::uint32_t word) {
    __syncwarp();  // every lane has read the ring's words before lane 0 writes them
    if (lane_ == 0) {
      const std::uint64_t reserved = look(ring_.reserved);
      if (reserved != kNoNumber) {
        put(ring_.reserved, kNoNumber);
        give_back(reserved);
      }
      __threadfence_block();  // [BLOCK-1] release: the turn is the last one that the keeper sees
      put(ring_.closed, closed_by(word));
    }
    __syncwarp();  // publishes `closed` to all lanes
  }

  __device__ void back_off() {
    // A ring that was quiet for about a millisecond is looked at every half microsecond or so.
    if (idle_looks_ < 1'000) {
      ++idle_looks_;
    } else {
      __nanosleep(500);
    }
  }

  __device__ void pass_turn(std::uint64_t position) {
    if (position >> kRunSlotsLog2 != run_) run_ += team_;
    __syncwarp();  // every lane has read the turn before lane 0 writes it
    if (lane_ == 0) {
      __threadfence_block();  // [BLOCK-1] release: `reserved` goes with the turn
      put(ring_.turn, position);
    }
    __syncwarp();  // publishes the turn to all lanes
  }

  /// Starts the items in slots [from, upto) of a group and passes the turn on. Only with the turn.
  /// `keep`: a reserved number that is not used stays reserved.
  __device__ void hand_over(const uint4& v, std::uint64_t group, std::uint32_t from,
                            std::uint32_t upto, bool keep) {
    const std::uint64_t base = group << kGroupSlotsLog2;
    const std::uint32_t flags = v.x >> kSlotFlagsShift & kSlotFlagsMask;
    const bool mine = lane_ >= from && lane_ < upto;
    std::uint32_t waiting = __ballot_sync(~0u, mine && (flags & kQueueFlagsOfCallers) != 0);
    const bool work = (v.x & kSlotOpMask) != 0 && (flags & kQueueFlagAbandoned) == 0;
    const bool waits = waiting != 0 || !unlimited_;
    std::uint64_t reserved = kNoNumber;
    if (__any_sync(~0u, mine && work) || waits || !keep) {
      reserved = agree(ring_.reserved);
      if (reserved != kNoNumber && lane_ == 0) {
        put(ring_.reserved, kNoNumber);
        // [RUN-2] How long the wait for other items takes is not known.
        if (waits) give_back(reserved);
      }
      if (waits) reserved = kNoNumber;
    }
    hold_window(base + upto);
    Group slots{*this, v, base, flags, reserved};
    start_in_order(slots, from, upto, waiting);
    if (reserved != kNoNumber && lane_ == 0) give_back(reserved);
  }

  /// What start_in_order() asks of a group.
  struct Group {
    Poller& poller;
    const uint4& v;
    const std::uint64_t base;
    const std::uint32_t flags;
    std::uint64_t& reserved;

    __device__ __forceinline__ void advance(std::uint32_t slot) {
      __syncwarp();  // every lane has read the turn before lane 0 writes it
      if (poller.lane_ == 0) put(poller.ring_.turn, base + slot);  // in this run: the turn stays
      __syncwarp();  // publishes the turn to all lanes
    }
    __device__ __forceinline__ void pass(std::uint32_t slot) { poller.pass_turn(base + slot); }
    __device__ __forceinline__ void start(std::uint32_t from, std::uint32_t upto) {
      poller.start(v, base, from, upto, reserved);
    }
    __device__ __forceinline__ void await(std::uint32_t slot) {
      poller.await_order(base + slot, __shfl_sync(~0u, flags, static_cast<int>(slot)));
    }
  };

  [[nodiscard]] __device__ bool all_cancelled() const {
    return cancel_reason(agree(block_.cancel)) != FaultCode::none;
  }

  /// Waits until the items below `upto` fit the queue's share: no more than `window` of its items
  /// are with workers.
  __device__ void hold_window(std::uint64_t upto) {
    if (unlimited_) return;
    while (!all_cancelled()) {
      const std::uint64_t ended = ptx::load_relaxed_gpu_u64(end_.ended_count);
      if (__any_sync(~0u, ended + window_ >= upto)) return;
      __nanosleep(100);
    }
  }

  /// Waits until the item at `position` may start. A cancelled one waits, too: a caller that waits
  /// for it counts on what was before it having ended.
  __device__ void await_order(std::uint64_t position, std::uint32_t flags) {
    bool told = false;
    for (;;) {
      bool may = position == 0 || (all_cancelled() && (flags & kQueueFlagAbandoned) == 0);
      if (!may && (flags & kQueueFlagAfterAll) != 0) {
        may = ptx::load_relaxed_gpu_u64(end_.ended_count) == position;  // [ORDER-2]
      } else if (!may) {
        const std::uint64_t before = position - 1;
        may = ptx::load_relaxed_gpu_u32(end_.ended + slot_of(before, end_.log2)) ==
              static_cast<std::uint32_t>(before);  // [ORDER-1]
      }
      if (__any_sync(~0u, may)) break;
      if (!told) {
        tell(WarpActivity::ordering, position);
        told = true;
      }
    }
    if (told) tell(WarpActivity::polling, position);
    ptx::fence_acq_rel_gpu();  // [ORDER-1], [ORDER-2] acquire, and [RUN-1] release
    released_ = true;
  }

  __device__ void tell(WarpActivity activity, std::uint64_t position) {
    if (lane_ != 0) return;
    const std::uint32_t warp = blockIdx.x * kBlockWarps + threadIdx.x / kWarp;
    ptx::store_relaxed_gpu_v4(a_.warps + warp,
                              make_uint4(static_cast<std::uint32_t>(activity), ring_.queue,
                                         static_cast<std::uint32_t>(position),
                                         static_cast<std::uint32_t>(position >> 32)));
  }

  /// Ends or hands over slots [from, upto), which may start now.
  __device__ void start(const uint4& v, std::uint64_t base, std::uint32_t from, std::uint32_t upto,
                        std::uint64_t& reserved) {
    if (from >= upto) return;
    const bool mine = lane_ >= from && lane_ < upto;
    const std::uint64_t position = base + lane_;
    const std::uint32_t flags = v.x >> kSlotFlagsShift & kSlotFlagsMask;
    const std::uint32_t order = own_ ? 0u : agree(block_.cancel);
    FaultCode cancel = cancel_reason(order);
    if ((order & kItemsCancelled) != 0 && cancel == FaultCode::none && mine &&
        is_cancelled(a_, ring_.queue, position, end_.log2)) {
      cancel = FaultCode::cancelled;
    }
    const bool abandoned = (flags & kQueueFlagAbandoned) != 0;
    const bool cancelled = abandoned || cancel != FaultCode::none;
    const bool here = mine && (cancelled || (v.x & kSlotOpMask) == 0);
    const std::uint32_t ending = __ballot_sync(~0u, here);
    if (here) {
      put_completion(end_, position,
                     cancelled ? CompletionStatus::cancelled : CompletionStatus::done,
                     abandoned ? FaultCode::abandoned : cancel, 0, 0, 0);
    }
    if (ending != 0 && lane_ == 0) ptx::add_relaxed_gpu_u64(end_.ended_count, __popc(ending));
    const std::uint32_t work = __ballot_sync(~0u, mine && !here);
    if (work == 0) return;
    if (!released_) ptx::fence_acq_rel_gpu();  // [RUN-1] release of the entries
    released_ = true;
    const std::uint32_t rank = __popc(work & ((1u << lane_) - 1u));
    const std::uint32_t count = __popc(work);
    const bool use = reserved != kNoNumber;
    std::uint64_t first = 0;
    if (lane_ == 0 && count > (use ? 1u : 0u))
      first = draw_numbers(a_.run, count - (use ? 1u : 0u));
    first = __shfl_sync(~0u, first, 0);
    if (mine && !here) {
      const std::uint64_t number = !use ? first + rank : rank == 0 ? reserved : first + rank - 1;
      write_entry(a_, room_, number, v, RunEntryKind::item, ring_.queue, position, 0);
    }
    if (use) {
      reserved = kNoNumber;
      if (lane_ == 0) (void)atomicSub(&ring_.spares, 1u);
    }
  }

  const KernelArguments& a_;
  IngressBlock& block_;
  IngressRing& ring_;
  const QueueEnd end_;
  const RingSlot* const submissions_;
  const std::uint32_t* const spares_taken_;
  const std::uint32_t log2_;
  const std::uint32_t window_;
  const bool unlimited_;
  const bool own_;  // the host's own queue, whose items are never cancelled
  const std::uint32_t lane_;
  const std::uint32_t team_;
  std::uint64_t run_;  // this warp's next run that is not done
  std::uint32_t idle_looks_{0};
  std::uint32_t looks_{0};
  std::uint32_t spares_seen_{0};
  KnownRoom room_;
  bool released_{false};  // a fence came after the items were read
};

}  // namespace vyre::cuda::megakernel
