// The keeper: one warp of each ingress block that polls no ring. It tells producers which slots
// are free, keeps the block's copies of the relay's words, and says when the block's rings are
// closed. The first block's keeper leads: it alone reads the host's orders across the link, writes
// the heartbeat, and decides when the kernel leaves. Device only. Spec:
// docs/internals/megakernel.md, "Life"; the decisions: departure.hpp.
#pragma once

#include <cstdint>

#include "cuda/ptx/access.cuh"
#include "cuda/ptx/clock.cuh"
#include "departure.hpp"
#include "ingress.cuh"
#include "lane.cuh"

namespace vyre::cuda::megakernel {

/// One 16-byte access across the link.
__device__ __forceinline__ std::uint64_t given_up_of(const HostOrders& orders) {
  const uint4 v = ptx::load_relaxed_sys_v4(&orders.given_up);
  return std::uint64_t{v.x} | std::uint64_t{v.y} << 32;
}

class Keeper {
 public:
  __device__ Keeper(const KernelArguments& arguments, IngressBlock& block, std::uint32_t rings)
      : a_(arguments), block_(block), lane_(lane_id()), rings_(rings), leads_(blockIdx.x == 0) {}

  __device__ void run() {
    last_busy_ = __shfl_sync(~0u, ptx::device_ns(), 0);
    if (leads_) {
      samples_ = ptx::load_relaxed_sys_u64(&a_.report->samples);
      busy_warps_ = ptx::load_relaxed_sys_u64(&a_.report->busy_warps);
    }
    ended_before_ = ended_by_all();
    ended_seen_ = ended_before_;
    for (;;) {
      if (leads_) lead();
      const std::uint32_t word = pass_on();
      keep_rings(word);
      if (leave_of(word) == Leave::go) break;
      __nanosleep(leads_ ? 500 : 250);
    }
  }

 private:
  [[nodiscard]] __device__ bool has_ring() const { return lane_ < rings_; }

  /// Copies the relay's words into the block; returns the relay's `leave`.
  __device__ std::uint32_t pass_on() {
    std::uint32_t word = 0;
    std::uint64_t given_up = 0;
    if (lane_ == 0) {
      word = ptx::load_acquire_gpu_u32(&a_.relay->leave);  // [LEAVE-1]
      given_up = ptx::load_relaxed_gpu_u64(&a_.relay->given_up);
      const std::uint32_t cancel = ptx::load_relaxed_gpu_u32(&a_.relay->cancel);
      if (cancel != block_.cancel) put(block_.cancel, cancel);
    }
    word = __shfl_sync(~0u, word, 0);
    given_up = __shfl_sync(~0u, given_up, 0);
    __syncwarp();  // publishes lane 0's acquire to all lanes
    if (has_ring()) {
      IngressRing& ring = block_.rings[lane_];
      const std::uint32_t told = ring_word(word, (given_up >> ring.queue & 1) != 0);
      if (told != look(ring.leave)) put(ring.leave, told);
    }
    __syncwarp();  // every ring is told before any lane looks whether it is closed
    return word;
  }

  /// Lane i keeps ring i: its free slots for the producers, its position for the leader, whether it
  /// is closed, and opened again.
  __device__ void keep_rings(std::uint32_t word) {
    bool closed = true;
    if (has_ring()) {
      IngressRing& ring = block_.rings[lane_];
      const std::uint32_t how = look(ring.closed);
      __threadfence_block();  // [BLOCK-1] acquire: the turn of a closed ring is its last
      const std::uint64_t turn = look(ring.turn);
      if (turn != published_) {
        DeviceQueue& queue = a_.queues[ring.queue];
        // [RING-2] release: the slots below were read before the turn went past them.
        ptx::store_release_sys_u64(&queue.taken->position, turn);
        ptx::store_relaxed_gpu_u64(&queue.position, turn);
        published_ = turn;
      }
      closed = is_closed(how, word);
      if (must_open(how, word)) put(ring.closed, 0u);
      if (how == kClosedForGood && !gave_up_) {
        ptx::fence_acq_rel_sys();  // [GIVE-2] release: `taken` stays as it is
        (void)ptx::fetch_add_relaxed_gpu_u64(&a_.relay->gave_up, std::uint64_t{1} << ring.queue);
        gave_up_ = true;
      }
    }
    closed = __all_sync(~0u, closed);
    const std::uint32_t attempt = attempt_of(word);
    if (closed && attempt != 0 && attempt != told_closed_) {
      told_closed_ = attempt;
      __syncwarp();  // the positions of all lanes come before the word
      if (lane_ == 0) {
        ptx::fence_acq_rel_gpu();  // [LEAVE-2] release: the last positions
        ptx::store_relaxed_gpu_u32(&a_.relay->closed[blockIdx.x], attempt);
      }
    }
    __syncwarp();  // lane 0 has told the leader before any lane begins the next round
  }

  // ---- the leader ----

  [[nodiscard]] __device__ std::uint64_t ended_by_all() const {
    std::uint64_t sum = 0;
    for (std::uint32_t q = lane_; q < a_.queue_count; q += kWarp) {
      sum += ptx::load_relaxed_gpu_u64(&a_.queues[q].ended_count);
    }
    for (int o = 16; o != 0; o >>= 1) sum += __shfl_xor_sync(~0u, sum, o);
    return sum;
  }
  /// Every item that was taken has ended; for certain if all rings are closed, else as of the last
  /// positions that keepers published.
  [[nodiscard]] __device__ bool quiet() const {
    bool busy = false;
    for (std::uint32_t q = lane_; q < a_.queue_count; q += kWarp) {
      const std::uint64_t position = ptx::load_relaxed_gpu_u64(&a_.queues[q].position);
      busy = busy || ptx::load_relaxed_gpu_u64(&a_.queues[q].ended_count) != position;
    }
    return !__any_sync(~0u, busy);
  }

  __device__ void lead() {
    // Orders: one look across the link a round.
    const uint4 orders = ptx::load_relaxed_sys_v4(a_.orders);
    const std::uint32_t stop = __shfl_sync(~0u, orders.x, 0);
    if (lane_ == 0) {
      if (orders.y != block_.cancel) ptx::store_relaxed_gpu_u32(&a_.relay->cancel, orders.y);
      if (orders.z != stop_running_) ptx::store_relaxed_gpu_u32(&a_.relay->stop_running, orders.z);
    }
    stop_running_ = orders.z;
    obey_injected_fault(__shfl_sync(~0u, orders.w, 0));

    Departure::Look seen;
    const std::uint64_t now = __shfl_sync(~0u, ptx::device_ns(), 0);
    if (now - last_report_ >= kReportNs) {
      last_report_ = now;
      const std::uint64_t ended = ended_by_all();
      const bool in_flight = !quiet();
      if (ended != ended_seen_ || in_flight) last_busy_ = now;
      if (in_flight && now - last_sample_ >= kSampleNs) sample(now);
      ended_seen_ = ended;
      seen.idle = a_.park_after_ns != 0 && now - last_busy_ >= a_.park_after_ns;
      ++beats_;
      if (lane_ == 0) {
        pass_on_given_up();
        const std::uint64_t head = ptx::load_relaxed_gpu_u64(a_.run.head);
        const std::uint64_t tail = ptx::load_relaxed_gpu_u64(a_.run.tail);
        ptx::store_relaxed_sys_u64(&a_.report->ended, ended);
        ptx::store_relaxed_sys_u64(&a_.report->waiting, tail > head ? tail - head : 0);
        ptx::store_relaxed_sys_u64(&a_.report->heartbeat, std::uint64_t{a_.epoch} << 40 | beats_);
      }
      __syncwarp();  // lane 0 has passed on what was given up before any lane decides
    }
    seen.now = now;
    seen.stop = stop != 0;
    seen.drained = a_.drain_after != 0 && ended_seen_ - ended_before_ >= a_.drain_after;
    if (departure_.under_way()) {
      seen.closed = all_closed();
      seen.quiet = quiet();
    }
    carry_out(departure_.decide(seen), now);
  }

  /// Counts the worker warps that run something at this moment. A look of its own and not counts of
  /// the warps, so that an item pays nothing for it.
  __device__ void sample(std::uint64_t now) {
    constexpr std::uint32_t kAtOnce{8};
    last_sample_ = now;
    const std::uint32_t end = gridDim.x * kBlockWarps;
    std::uint32_t busy = 0;
    for (std::uint32_t w = a_.ingress_blocks * kBlockWarps + lane_; w < end; w += kAtOnce * kWarp) {
      std::uint32_t seen[kAtOnce];
#pragma unroll
      for (std::uint32_t i = 0; i < kAtOnce; ++i) {
        const auto* const at = reinterpret_cast<const std::uint32_t*>(
            &a_.warps[w + i * kWarp < end ? w + i * kWarp : w].activity);
        seen[i] = ptx::load_relaxed_gpu_u32(at);
      }
#pragma unroll
      for (std::uint32_t i = 0; i < kAtOnce; ++i) {
        const auto activity = static_cast<WarpActivity>(seen[i]);
        if (w + i * kWarp < end &&
            (activity == WarpActivity::item || activity == WarpActivity::sharing))
          ++busy;
      }
    }
    busy_warps_ += __reduce_add_sync(~0u, busy);
    ++samples_;
    if (lane_ == 0) {
      ptx::store_relaxed_sys_v4(&a_.report->samples,
                                make_uint4(static_cast<std::uint32_t>(samples_),
                                           static_cast<std::uint32_t>(samples_ >> 32),
                                           static_cast<std::uint32_t>(busy_warps_),
                                           static_cast<std::uint32_t>(busy_warps_ >> 32)));
    }
    __syncwarp();  // lane 0 has told the host before any lane goes on
  }

  /// Queues that the host gives up, to the keepers; their answers, to the host. By one lane.
  __device__ void pass_on_given_up() {
    const std::uint64_t given_up = given_up_of(*a_.orders);
    if (given_up != ptx::load_relaxed_gpu_u64(&a_.relay->given_up))
      ptx::store_relaxed_gpu_u64(&a_.relay->given_up, given_up);
    const std::uint64_t answers = ptx::load_relaxed_gpu_u64(&a_.relay->gave_up);
    if (answers == answered_) return;
    answered_ = answers;
    ptx::fence_acq_rel_sys();  // [GIVE-2] acquire of the keepers' answers, and release
    ptx::store_relaxed_sys_u64(&a_.report->given_up, answers);
  }

  /// Whether all rings are closed in this try; then the `position` of every queue is its last.
  [[nodiscard]] __device__ bool all_closed() const {
    const bool closed =
        lane_ >= a_.ingress_blocks ||
        is_closed(ptx::load_relaxed_gpu_u32(&a_.relay->closed[lane_]), departure_.word());
    const bool all = __all_sync(~0u, closed);
    ptx::fence_acq_rel_gpu();  // [LEAVE-2] acquire: the last positions
    return all;
  }

  __device__ void carry_out(Departure::Act act, std::uint64_t now) {
    if (act == Departure::Act::none) return;
    if (act == Departure::Act::withdraw) last_busy_ = now;
    if (lane_ == 0) {
      // Tells the host first: a producer that publishes after that rings for another launch, and
      // what was published before is seen by the last look of ingress.
      if (act != Departure::Act::go) {
        ptx::store_relaxed_sys_u32(&a_.report->leaving, act == Departure::Act::ask ? a_.epoch : 0u);
        ptx::fence_sc_sys();  // [PARK-1] with the fence of a doorbell
      }
      ptx::store_release_gpu_u32(&a_.relay->leave, departure_.word());  // [LEAVE-1]
    }
    __syncwarp();  // lane 0 has told host and keepers before any lane begins the next round
  }

  /// For tests of the watchdog: this block stops, heart and all, until the order is withdrawn.
  __device__ void obey_injected_fault(std::uint32_t fault) {
    if (static_cast<InjectedFault>(fault) != InjectedFault::ingress_stops) return;
    if (lane_ == 0) put(block_.frozen, 1u);
    for (;;) {
      const uint4 orders = ptx::load_relaxed_sys_v4(a_.orders);
      if (__shfl_sync(~0u, orders.w, 0) == 0) break;
      __nanosleep(10'000);
    }
    if (lane_ == 0) put(block_.frozen, 0u);
    __syncwarp();  // publishes `frozen` to all lanes
  }

  static constexpr std::uint64_t kReportNs{20'000};
  /// A sample takes about as long as a round of the keeper.
  static constexpr std::uint64_t kSampleNs{50'000};

  const KernelArguments& a_;
  IngressBlock& block_;
  const std::uint32_t lane_;
  const std::uint32_t rings_;
  const bool leads_;
  Departure departure_;
  bool gave_up_{false};           // the ring of this lane is given up, and the relay says so
  std::uint32_t told_closed_{0};  // the last try in which the block's rings were closed
  std::uint64_t answered_{0};     // queues that the host was told are given up
  std::uint32_t stop_running_{0};
  std::uint64_t published_{~std::uint64_t{0}};
  std::uint64_t last_report_{0};
  std::uint64_t last_busy_{0};
  std::uint64_t ended_seen_{0};
  std::uint64_t ended_before_{0};
  std::uint64_t beats_{0};
  std::uint64_t last_sample_{0};
  std::uint64_t samples_{0};  // as KernelReport has them
  std::uint64_t busy_warps_{0};
};

}  // namespace vyre::cuda::megakernel
