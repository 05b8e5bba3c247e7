// What the workers of a CPU backend share: queues, ops, memory, items spread over
// several workers, and the switches that stop them. Host only; owned by CpuBackend, outlives its
// threads. Spec: docs/internals/backends.md, "CPU backend".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "backend/stable_table.hpp"
#include "base/error.hpp"
#include "base/running_median.hpp"
#include "base/size_class.hpp"
#include "base/zeroed_array.hpp"
#include "core/image.hpp"
#include "cpu/interpreter/interpreter.hpp"
#include "ingest.hpp"
#include "memory.hpp"
#include "queue/abandon_watch.hpp"
#include "queue/end_marks.hpp"
#include "queue/queue.hpp"
#include "queue/waiter.hpp"
#include "regions.hpp"
#include "split_ops.hpp"

namespace vyre::cpu {

/// An item that a worker has taken out of its queue: it has started, in order.
struct Work {
  queue::TakenItem taken;
  std::uint32_t queue;
  std::uint64_t position;
};

/// Among the flags of a TakenItem that a worker has: a caller cancelled the item before it started.
/// No flag of a ring slot.
inline constexpr std::uint32_t kWorkCancelled{1u << 31};
static_assert((kWorkCancelled & kSlotFlagsMask) == 0);

/// What a worker takes at once and runs one after the other, so that an item may depend on one
/// before it in the batch. Sized so that the fixed price of taking disappears beside no-op items.
inline constexpr std::uint32_t kBatchItems{256};
struct Batch {
  std::uint32_t count{0};
  std::uint32_t next{0};  // items[next..count) have not begun to run
  std::array<Work, kBatchItems> items;
};

/// One queue as the workers see it. Fields below "taking" belong to the worker that holds
/// State::taking.
struct WorkerQueue {
  WorkerQueue(queue::Queue rings, std::chrono::nanoseconds producer_timeout);

  queue::Queue rings;
  queue::Producer producer;
  queue::Writer writer;

  // Written by workers that end items, read by the taker; only through `marks`.
  std::unique_ptr<std::uint32_t[]> ended;
  alignas(64) std::uint64_t ended_count{0};
  queue::EndMarks<queue::HostAtomics> marks;  // [ORDER-1], [ORDER-2]
  ZeroedArray<backend::ItemTime> times;       // by place; see backend::QueuePort

  // Taking.
  alignas(64) queue::Consumer consumer;
  queue::AbandonWatch watch;
  std::array<queue::TakenItem, kBatchItems> pending;  // read from the ring, not started yet
  std::uint32_t pending_begin{0};
  std::uint32_t pending_end{0};
  std::uint64_t next_start{0};  // position of pending[pending_begin]
  bool given_up{false};         // wedged, and its rest cannot be ended: see State::lost
  std::vector<bool> cancels;    // by place: to end as cancelled in their turn; empty: never any
  std::uint64_t cancel_count{0};

  // From the launch policy. Relaxed: limits that no result depends on.
  std::atomic<std::uint64_t> window{0};        // items with workers,
  std::atomic<std::uint64_t> window_until{0};  // for items below
  /// next_start, for other threads. Relaxed: a count.
  std::atomic<std::uint64_t> started{0};

  /// Of an item that has run, before it is posted.
  void note_time(std::uint64_t position, Deadline began, std::int64_t ran_ns,
                 std::uint32_t worker) noexcept {
    const auto began_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(began.time_since_epoch());
    times[position & (rings.completion_slots() - 1)].set(
        position, began_ns.count(), static_cast<std::uint64_t>(ran_ns), worker);
  }
  [[nodiscard]] bool has_window() const noexcept {
    return next_start < window_until.load(std::memory_order_relaxed);
  }
  /// The item at next_start is to end as cancelled; it is counted no more.
  [[nodiscard]] bool take_cancel() noexcept;
  /// Must the item at next_start wait for others? `ahead`: items of this queue that the
  /// batch holds, which run before it on the same worker and so count as ended.
  [[nodiscard]] bool must_wait(std::uint32_t flags, std::uint64_t ahead) const noexcept;
};

struct OpRecord {
  backend::ProgramOp program;  // image is null for built-ins
  std::atomic<std::uint64_t> steps{0};
  /// What an item of this op lately took, decaying towards shorter; 0 = never run.
  std::atomic<std::uint32_t> estimate_ns{0};
  /// Of runs of the program on one worker, a lane; by size class of the lanes.
  std::array<RunningMedian, kSizeClasses> lane_ps;
  [[nodiscard]] BySizeClass lane_ns() const noexcept;
};

/// An item whose workgroups, or units of a built-in op, several workers share. Shares are taken in
/// rising order, so that when workgroup f faults everything below f has run or is running, and the
/// lowest fault wins.
struct SpreadItem {
  SplitOp* op{nullptr};  // null: an image. Its worker keeps it until all shares are over
  std::uint32_t phase{0};
  std::shared_ptr<const core::Image> image;
  std::vector<core::BufferView> views;
  FileAsks asks;  // its files are `files`; client null: none is asked for
  std::vector<std::uint32_t> files;
  core::Grid grid{};
  std::uint64_t total{0};
  std::uint64_t share{1};
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> finished{0};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> lowest_fault{~std::uint64_t{0}};
  std::atomic<FaultCode> broken{FaultCode::none};  // why a worker could not run its share
  std::mutex mutex;                                // fault, passed
  Fault fault;
  std::vector<std::uint64_t> passed;  // of a fused image, as of Interpreter::run()
  queue::Waiter all_finished;
};

struct State {
  explicit State(const backend::Options& given) : options(given), awake(given.workers) {}

  backend::Options options;
  backend::Listener* listener{nullptr};
  std::vector<std::unique_ptr<WorkerQueue>> queues;
  MemoryTable memory;
  IngestMemory ingest;
  backend::StableTable<OpRecord> ops;
  RegionTable regions;

  std::mutex taking;  // one taker at a time, over all queues
  std::uint32_t first_queue{0};
  /// Startable items that the last taker left behind in a queue. Written under `taking`.
  std::atomic<bool> left_behind{false};  // [WAKE-1], with idle_mask
  /// 1: the last taker held an item back because it waits for others. Exchanged by takers, under
  /// `taking`; a worker that ends items reads it with an exchange of its own. [HELD-1]
  std::atomic<std::uint32_t> held_back{0};
  /// Items ended since the last taker began to look, and what it held back may start by now.
  std::atomic<bool> look_again{false};  // [WAKE-1], with idle_mask
  std::deque<Batch> orphans;            // rests of batches of dead workers; under `taking`
  std::atomic<std::uint32_t> orphan_count{0};

  std::mutex spread_mutex;
  std::vector<std::shared_ptr<SpreadItem>> spread;
  std::atomic<std::uint32_t> spread_count{0};

  std::atomic<std::uint8_t> cancel_why{0};  // FaultCode; none = items run
  std::atomic<bool> stop_running{false};
  std::atomic<bool> exit{false};
  std::atomic<std::uint32_t> alive{0};
  std::atomic<std::uint32_t> threads_left{0};
  queue::Waiter thread_ended;

  // Idle workers: bit w of the mask says that worker w is about to sleep on its waiter.
  std::atomic<std::uint64_t> idle_mask{0};
  std::vector<std::unique_ptr<queue::Waiter>> waiters;

  // How many workers look for work: those with the lowest numbers. Relaxed: no result depends on
  // it, and idle_mask has the order that sleeping workers need. [WAKE-1]
  std::atomic<std::uint32_t> awake;
  std::atomic<std::uint64_t> awake_until{~std::uint64_t{0}};  // positions of all queues together
  std::atomic<std::uint32_t> awake_then{0};

  // A promise of this backend that a worker found broken; the first one stays.
  std::atomic<bool> promise_broken{false};  // relaxed: the mutex orders the error
  mutable std::mutex broken_mutex;
  std::optional<Error> broken;
  void tell_broken(Error error);

  [[nodiscard]] FaultCode cancel_reason() const noexcept {
    return static_cast<FaultCode>(cancel_why.load(std::memory_order_acquire));
  }
  void cancel(FaultCode why) noexcept;
  void wake_one() noexcept;
  void wake_all() noexcept;
  /// False: the worker only ends what it has, and sleeps. Where a worker has died all look.
  [[nodiscard]] bool may_look(std::uint32_t worker) const noexcept {
    return worker < awake.load(std::memory_order_relaxed) ||
           alive.load(std::memory_order_relaxed) < options.workers;
  }
  /// backend::Backend::keep_awake() and set_window().
  void keep_awake(const backend::AwakeGroups& groups) noexcept;
  void set_window(std::uint32_t queue, std::uint64_t items, std::uint64_t until) noexcept;
  /// After items were published, or left for other workers.
  void ring() noexcept {
    if (awake.load(std::memory_order_relaxed) < options.workers) [[unlikely]]
      look_beyond();
    wake_one();
  }
  /// More was published than the number of awake workers was meant for.
  void look_beyond() noexcept;
  void set_awake(std::uint32_t workers) noexcept;

  /// Moves startable items into `batch` (empty before). True if more work is left for other
  /// workers. Call with `taking` held.
  [[nodiscard]] bool take(Batch& batch);
  /// backend::Backend::cancel(). What a batch holds has started.
  [[nodiscard]] std::uint64_t cancel_items(std::uint32_t queue,
                                           std::span<const std::uint64_t> positions);
  /// backend::Backend::make_region() and cancel_members().
  [[nodiscard]] std::optional<std::uint32_t> make_region(std::span<const MegakernelWorkItem> items,
                                                         bool side_by_side);
  [[nodiscard]] std::uint64_t cancel_members(std::uint32_t queue, std::uint64_t position,
                                             std::uint32_t region, std::uint64_t members);
  /// After items ended while their worker goes on with others: if an item was held back, another
  /// worker looks whether it may start now.
  void wake_for_held_back() noexcept;
  /// For a worker that ended items and may not look itself: another one does.
  void look_for_me() noexcept;
  /// Without the lock: is there anything that take() could look at?
  [[nodiscard]] bool may_have_work() const noexcept;
  /// When an idle worker should look again without a doorbell: a slot that was taken but not
  /// published.
  [[nodiscard]] Deadline next_look(Deadline now) const noexcept;
  /// Posts completions of one queue and marks their positions as ended.
  void post(std::uint32_t queue, const Completion* completions, const std::uint64_t* positions,
            std::uint32_t count) noexcept;
  /// Closes a queue whose producer died between two stores and ends its rest as abandoned, without
  /// reading it. Call with `taking` held.
  void end_wedged(std::uint32_t queue);
  /// Ends everything still queued as cancelled; for when no worker is left.
  void cancel_all_queued();
};

}  // namespace vyre::cpu
