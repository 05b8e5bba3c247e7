// The keeper: one warp of each ingress block that polls no ring. It tells producers which slots
// are free, keeps the block's copies of the relay's words, and closes the block when the kernel
// leaves. The first block's keeper leads: it alone reads the host's orders across the link, writes
// the heartbeat, and decides when the kernel leaves. Device only. Spec: docs/megakernel.md, "Life".
#pragma once

#include "cuda/megakernel/ingress.cuh"

namespace vyre::cuda::megakernel {

class Keeper {
 public:
  __device__ Keeper(const KernelArguments& arguments, IngressBlock& block, std::uint32_t rings,
                    std::uint32_t team)
      : a_(arguments),
        block_(block),
        lane_(threadIdx.x & (kWarp - 1)),
        rings_(rings),
        team_(team),
        leads_(blockIdx.x == 0) {}

  __device__ void run() {
    last_busy_ = __shfl_sync(~0u, device_ns(), 0);
    ended_before_ = ended_by_all();
    ended_seen_ = ended_before_;
    for (;;) {
      publish_taken();
      if (leads_) lead();
      pass_on();
      if (closed()) break;
      __nanosleep(leads_ ? 500 : 250);
    }
    publish_taken();
    if (lane_ == 0) {
      __threadfence();
      (void)add_acq_rel_gpu(&a_.relay->ingress_done, 1);
    }
    __syncwarp();
    if (leads_) see_off();
  }

 private:
  [[nodiscard]] __device__ bool has_ring() const { return lane_ < rings_; }

  /// Lane i keeps ring i: its free slots for the producers, its position for the leader.
  __device__ void publish_taken() {
    if (has_ring()) {
      const IngressRing& ring = block_.rings[lane_];
      const std::uint64_t turn = look(ring.turn);
      if (turn != published_) {
        DeviceQueue& queue = a_.queues[ring.queue];
        // [RING-2] release: the slots below were read before the turn went past them.
        store_release_sys_u64(&queue.taken->position, turn);
        store_relaxed_gpu_u64(&queue.position, turn);
        published_ = turn;
      }
    }
    __syncwarp();
  }

  /// The relay's words into the block.
  __device__ void pass_on() {
    if (lane_ == 0) {
      const std::uint32_t leave = load_acquire_gpu_u32(&a_.relay->leave);  // [LEAVE-1]
      const std::uint32_t cancel = load_relaxed_gpu_u32(&a_.relay->cancel);
      if (cancel != block_.cancel) put(block_.cancel, cancel);
      if (leave != block_.leave) put(block_.leave, leave);
    }
    __syncwarp();
  }

  [[nodiscard]] __device__ bool closed() const {
    const bool open = has_ring() && look(block_.rings[lane_].gone) != team_;
    return !__any_sync(~0u, open);
  }

  // ---- the leader ----

  [[nodiscard]] __device__ std::uint64_t ended_by_all() const {
    std::uint64_t sum = 0;
    for (std::uint32_t q = lane_; q < a_.queue_count; q += kWarp) {
      sum += load_relaxed_gpu_u64(&a_.queues[q].ended_count);
    }
    for (int o = 16; o != 0; o >>= 1) sum += __shfl_xor_sync(~0u, sum, o);
    return sum;
  }
  /// Every item that was taken has ended.
  [[nodiscard]] __device__ bool quiet() const {
    bool busy = false;
    for (std::uint32_t q = lane_; q < a_.queue_count; q += kWarp) {
      const std::uint64_t position = load_relaxed_gpu_u64(&a_.queues[q].position);
      busy = busy || load_relaxed_gpu_u64(&a_.queues[q].ended_count) != position;
    }
    return !__any_sync(~0u, busy);
  }

  __device__ void lead() {
    // Orders: one look across the link a round.
    const uint4 orders = load_relaxed_sys(a_.orders);
    const std::uint32_t stop = __shfl_sync(~0u, orders.x, 0);
    if (lane_ == 0) {
      if (orders.y != block_.cancel) store_relaxed_gpu_u32(&a_.relay->cancel, orders.y);
      if (orders.z != stop_running_) store_relaxed_gpu_u32(&a_.relay->stop_running, orders.z);
    }
    stop_running_ = orders.z;
    obey_injected_fault(__shfl_sync(~0u, orders.w, 0));

    const std::uint64_t now = __shfl_sync(~0u, device_ns(), 0);
    if (now - last_report_ >= kReportNs) {
      last_report_ = now;
      const std::uint64_t ended = ended_by_all();
      if (ended != ended_seen_ || !quiet()) last_busy_ = now;
      ended_seen_ = ended;
      ++beats_;
      if (lane_ == 0) {
        const std::uint64_t head = load_relaxed_gpu_u64(a_.run.head);
        const std::uint64_t tail = load_relaxed_gpu_u64(a_.run.tail);
        store_relaxed_sys_u64(&a_.report->ended, ended);
        store_relaxed_sys_u64(&a_.report->waiting, tail > head ? tail - head : 0);
        store_relaxed_sys_u64(&a_.report->heartbeat, std::uint64_t{a_.epoch} << 40 | beats_);
      }
      __syncwarp();
    }
    if (leaving_) return;
    if (stop != 0) {
      leave(Leave::finish);
    } else if (a_.drain_after != 0 && ended_seen_ - ended_before_ >= a_.drain_after) {
      leave(Leave::halt);
    } else if (a_.park_after_ns != 0 && now - last_busy_ >= a_.park_after_ns) {
      leave(Leave::finish);
    }
  }

  /// Tells the host first: whoever publishes after that rings for another launch, and whoever
  /// published before is seen by the last look of ingress.
  __device__ void leave(Leave how) {
    leaving_ = true;
    if (lane_ == 0) {
      store_relaxed_sys_u32(&a_.report->leaving, a_.epoch);
      fence_sc_sys();  // [PARK-1] with the fence of a doorbell
      store_release_gpu_u32(&a_.relay->leave, static_cast<std::uint32_t>(how));  // [LEAVE-1]
    }
    __syncwarp();
  }

  /// When all blocks take nothing more and everything taken has ended, the workers may go.
  __device__ void see_off() {
    const auto all_closed = [this] {
      const std::uint32_t done = load_acquire_gpu_u32(&a_.relay->ingress_done);
      return __shfl_sync(~0u, done, 0) == a_.ingress_blocks;
    };
    while (!all_closed() || !quiet()) {
      // Items are still running: the host's orders reach them, and the heart beats on.
      lead();
      __nanosleep(500);
    }
    if (lane_ == 0) {
      store_release_gpu_u32(&a_.relay->leave, static_cast<std::uint32_t>(Leave::go));
    }
    __syncwarp();
  }

  /// For tests of the watchdog: this block stops, heart and all, until the order is withdrawn.
  __device__ void obey_injected_fault(std::uint32_t fault) {
    if (static_cast<InjectedFault>(fault) != InjectedFault::ingress_stops) return;
    if (lane_ == 0) put(block_.frozen, 1u);
    for (;;) {
      const uint4 orders = load_relaxed_sys(a_.orders);
      if (__shfl_sync(~0u, orders.w, 0) == 0) break;
      __nanosleep(10'000);
    }
    if (lane_ == 0) put(block_.frozen, 0u);
    __syncwarp();
  }

  static constexpr std::uint64_t kReportNs{20'000};

  const KernelArguments& a_;
  IngressBlock& block_;
  const std::uint32_t lane_;
  const std::uint32_t rings_;
  const std::uint32_t team_;
  const bool leads_;
  bool leaving_{false};
  std::uint32_t stop_running_{0};
  std::uint64_t published_{~std::uint64_t{0}};
  std::uint64_t last_report_{0};
  std::uint64_t last_busy_{0};
  std::uint64_t ended_seen_{0};
  std::uint64_t ended_before_{0};
  std::uint64_t beats_{0};
};

}  // namespace vyre::cuda::megakernel
