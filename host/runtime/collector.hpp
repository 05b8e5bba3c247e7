// Results of one queue: reads its completion ring, keeps the last results for wait(), counts for
// the report, and gives slots back to producers. Host only; any thread may collect, one at a time;
// results are read without a lock. Memory is constant: a ring of submit records (one a slot), a
// ring of results (the history), failures that no caller has asked for (kKeptFailures), counters by
// op.
//
// Lock: each Collector owns a Turn, which one thread at a time has. Under it the collector takes
// the observer tap and the lock of a timeline, and nothing else.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "backend/backend.hpp"
#include "base/zeroed_array.hpp"
#include "batch.hpp"
#include "done_work.hpp"
#include "histogram.hpp"
#include "observer_tap.hpp"
#include "order_lock.hpp"
#include "queue/waiter.hpp"
#include "report/timeline.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

struct OpCounters {
  std::uint64_t items{0};
  std::uint64_t faults{0};
  std::uint64_t cancelled{0};
  std::uint64_t deduped{0};  // for which another item stands; not among `items`
  Histogram latency;
  Histogram queueing;  // of items that a worker timed: until it began,
  Histogram running;   // and from there on

  void add(std::int64_t waited_ns, std::uint64_t times = 1) noexcept {
    items += times;
    latency.add(static_cast<std::uint64_t>(std::max<std::int64_t>(waited_ns, 0)), times);
  }
  void add_time(backend::ItemTime& time, std::uint64_t position, Deadline opened,
                std::int64_t submitted_ns) noexcept {
    std::int64_t began_ns = 0;
    std::uint64_t ran_ns = 0;
    if (!time.get(position, began_ns, ran_ns)) return;
    const std::chrono::nanoseconds opened_ns = opened.time_since_epoch();
    const std::int64_t queued_ns = began_ns - opened_ns.count() - submitted_ns;
    queueing.add(static_cast<std::uint64_t>(std::max<std::int64_t>(queued_ns, 0)), 1);
    running.add(ran_ns, 1);
  }
};

/// Everything a collector counted; a copy for the report.
struct Counts {
  std::uint64_t ended{0};
  std::uint64_t stood_for{0};     // of ended: another item stands for it
  std::uint64_t members{0};       // of ended: in a region
  std::uint64_t region_reads{0};  // completions of regions, and results of their members, read
  std::uint64_t not_done{0};
  std::uint64_t faulted{0};
  std::uint64_t asked{0};          // of not_done: a caller has the result
  std::uint64_t never_started{0};  // cancelled because max_wall_time fired
  std::int64_t last_end_ns{0};     // since the session opened
  std::vector<ItemResult> first_not_done;
  std::vector<std::uint32_t> first_not_done_ops;  // kNoOp where unknown
  std::vector<std::uint64_t> first_not_done_stand_for;
};
inline constexpr std::uint32_t kNoOp{~std::uint32_t{0}};
/// With the number of a region's block, in place of an op. Ops have 24 bits.
inline constexpr std::uint32_t kRegionMark{1u << 31};

/// The right to work on a collector's state. A thread that finds it taken leaves word, and the
/// holder is told of that when it gives the turn back: it then looks once more and wakes those that
/// wait, so that what a failed attempt would have found does not stay unseen.
class Turn {
 public:
  [[nodiscard]] bool try_take() noexcept {
    // Relaxed: another thread has left word already, and the holder will look once more. Were this
    // an old value, the holder's notification would be one that the caller has not slept through.
    if (state_.load(std::memory_order_relaxed) == kAsked) return false;
    std::uint32_t seen = kFree;
    // [TURN-1] acquire: what the last holder did. Where it fails, the word left is read by the
    // holder's exchange, which comes later in the order of this one word.
    while (!state_.compare_exchange_weak(seen, seen == kFree ? kTaken : kAsked,
                                         std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
    return seen == kFree;
  }
  void take() noexcept {
    while (!try_take()) state_.wait(kAsked, std::memory_order_relaxed);
  }
  /// True: others tried meanwhile.
  [[nodiscard]] bool give_back() noexcept {
    // [TURN-1] release: what this holder did; acquire: what those that left word did before.
    const bool asked = state_.exchange(kFree, std::memory_order_acq_rel) == kAsked;
    if (asked) state_.notify_all();
    return asked;
  }

 private:
  static constexpr std::uint32_t kFree{0};
  static constexpr std::uint32_t kTaken{1};
  static constexpr std::uint32_t kAsked{2};
  std::atomic<std::uint32_t> state_{kFree};
};

struct CollectorOptions {
  std::uint32_t session{0};  // number, for tickets
  std::uint32_t queue{0};
  std::uint32_t history{0};  // a power of two
  Deadline opened{};
  BatchList* batches{nullptr};          // told of items that were not done; null: none
  backend::Backend* regions{nullptr};   // has the results of their members; null: there are none
  report::Timeline* timeline{nullptr};  // is told of what ended; null: none
};

class Collector {
 public:
  /// `changed` is notified of everything that a waiting thread may look for.
  Collector(const CollectorOptions& options, backend::QueuePort port, ObserverTap& tap,
            queue::Waiter& changed);

  [[nodiscard]] std::uint32_t history() const noexcept { return history_; }
  /// Positions so far behind the oldest item that has not ended have no slot yet.
  [[nodiscard]] std::uint32_t in_flight_at_most() const noexcept { return slots_; }

  // Producers.
  [[nodiscard]] const queue::SubmissionProducer<queue::HostAtomics>& producer() const noexcept {
    return port_.submissions;
  }
  /// Before the item is published.
  void note_submit(std::uint64_t position, std::uint32_t op, std::int64_t since_open_ns) noexcept;

  /// Positions are not items where a plan was submitted. What is accepted beyond the tail:
  [[nodiscard]] std::uint64_t deduped() const noexcept {
    return deduped_.load(std::memory_order_relaxed);  // relaxed: read after the ends, with the turn
  }
  [[nodiscard]] std::uint64_t published() const noexcept {
    // Relaxed: as above.
    return port_.submissions.tail() + more_members_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t accepted() const noexcept { return published() + deduped(); }

  /// `items` do the work that the item at `at` does, and are not published: they end as it does.
  /// False, and nothing is counted: it has ended so long ago that its result may be dropped soon,
  /// or `unless_cancelled` and it ended as cancelled.
  [[nodiscard]] bool stand_for(const OrderLock&, const DoneWork::At& at,
                               std::span<const MegakernelWorkItem> items, bool unless_cancelled,
                               std::int64_t now_ns);
  /// Before an observer is attached.
  void prepare_to_tell();
  /// Where an observer listens, before `items` are published at one position: the number by which
  /// it is told of the first. Told items of a queue are counted from 0 without a gap, whatever a
  /// plan left out or put together.
  [[nodiscard]] std::uint64_t note_told(const ObserverTap::Hold&, std::uint64_t position,
                                        std::size_t items);

  // Regions, in blocks of the backend.
  /// Before the position is reserved, so that nothing fails from there on; forget_region() undoes
  /// it and frees the block.
  void note_region(const OrderLock&, std::uint32_t block,
                   std::span<const MegakernelWorkItem> items);
  void forget_region(const OrderLock&, std::uint32_t block);
  /// note_submit() for a region.
  void note_submit_region(std::uint64_t position, std::uint32_t block, std::size_t members,
                          std::int64_t since_open_ns) noexcept;
  /// The position was given up before the region was published there.
  void region_abandoned(const OrderLock&, std::uint64_t position, std::uint32_t block,
                        std::int64_t now_ns);
  /// Some region was submitted to this queue.
  [[nodiscard]] bool has_regions() const noexcept {
    return more_members_.load(std::memory_order_relaxed) != 0;  // relaxed: its ticket comes later
  }
  /// The block of the region that is in flight at a position, for cancel_members().
  [[nodiscard]] std::optional<std::uint32_t> region_at(std::uint64_t position);

  /// Reads what was posted; returns how many items it found ended, and notifies. 0 also if another
  /// thread is at it, which then looks once more.
  std::uint64_t collect();
  /// The completion of one item, however far behind the oldest that has not ended; true if it came
  /// now.
  bool collect_at(std::uint64_t position);
  /// The same for several; returns how many came now. 0 also if another thread is at it, which then
  /// wakes those that wait.
  std::uint64_t collect_these(std::span<const std::uint64_t> positions);

  enum class Found : std::uint8_t { ended, pending, never_submitted, forgotten };
  [[nodiscard]] Found look(std::uint64_t position, ItemResult& out) const noexcept;
  /// The same for a member of a region; it may take the turn.
  [[nodiscard]] Found look(const Ticket& ticket, ItemResult& out);
  /// A caller has this result now: if the item was not done, it need not be kept any longer.
  void asked(const ItemResult& result);
  /// The result of a forgotten item that was not done, if it is still kept; asked for thereby.
  [[nodiscard]] std::optional<ItemResult> kept(const Ticket& ticket);
  /// How many items that were not done were dropped before a caller asked for them.
  [[nodiscard]] std::uint64_t failures_dropped();
  [[nodiscard]] bool ended(std::uint64_t position) const noexcept;
  /// The item has ended, and so has what it was ordered behind: a cancelled item waited for
  /// nothing, so it counts only when everything before it has ended.
  [[nodiscard]] bool passed(std::uint64_t position) const noexcept;
  /// Every position below has ended.
  [[nodiscard]] std::uint64_t ended_below() const noexcept {
    return ended_below_.load(std::memory_order_acquire);  // [END-1]
  }
  /// Adds what the items of a batch came to, as of this moment.
  void count(Batch& batch, Totals& totals);
  /// Grows whenever results were written, so that a thread that looks at many items knows when to.
  [[nodiscard]] std::uint64_t events() const noexcept {
    return events_.load(std::memory_order_acquire);  // [END-1]
  }
  /// Ends everything that has not, as cancelled: for a backend that could not be stopped. What it
  /// posts afterwards is not collected.
  void give_up(std::uint64_t tail, FaultCode why);

  [[nodiscard]] Counts counts();
  void add_ops(std::unordered_map<std::uint32_t, OpCounters>& into);
  /// Items that have ended, and of each op how many of them it was that ran; `each(op, items)`.
  template <class Each>
  [[nodiscard]] std::uint64_t ended_items(const Each& each) {
    const Holding holding(*this);
    for (const auto& [op, counters] : ops_) each(op, counters->items - counters->cancelled);
    return counts_.ended;
  }
  /// Positions below were read by a poller.
  [[nodiscard]] std::uint64_t taken() const noexcept {
    return queue::HostAtomics::load(&port_.submissions.taken->position, queue::Order::relaxed);
  }
  /// Items of the op that ended otherwise than cancelled.
  [[nodiscard]] std::uint64_t items_run(std::uint32_t op);

 private:
  /// The turn, blocking; notifies at its end if others tried to have it.
  class Holding {
   public:
    explicit Holding(Collector& collector) : collector_(collector) { collector.turn_.take(); }
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;
    ~Holding() {
      if (collector_.turn_.give_back()) collector_.changed_.notify();
    }

   private:
    Collector& collector_;
  };
  struct SubmitRecord {  // relaxed atomics: a late, abandoned producer may write beside its
                         // successor
    std::atomic<std::int64_t> since_open_ns{0};
    std::atomic<std::uint32_t> op{kNoOp};
    std::atomic<std::uint32_t> position_low{~std::uint32_t{0}};
  };
  /// Begins as zeros, which mark no item. Words of queue::HostAtomics; the mark is written last and
  /// read first and last.
  struct ResultRecord {
    std::uint32_t mark;
    std::uint32_t head;
    std::uint32_t workgroup;
    std::uint32_t lane;
  };
  /// What the record of an item that ended carries: the low bits of its position, turned over, so
  /// that zeroed memory marks no position of the first lap.
  [[nodiscard]] static std::uint32_t mark_of(std::uint64_t position) noexcept {
    return ~static_cast<std::uint32_t>(position);
  }
  struct Kept {
    ItemResult result;
    bool asked{false};
  };
  /// A region in flight.
  struct Region {
    std::vector<std::uint32_t> ops;  // of the members
  };
  /// A member that was not done, of a region that has ended.
  struct NotDone {
    ItemResult result;
    bool asked{false};
  };
  /// Items that were not published because another one stands for them.
  struct StoodFor {
    std::uint32_t op{kNoOp};
    std::uint64_t count{0};
    std::vector<std::uint64_t> told;  // their numbers, where an observer listened
  };
  // With the turn.
  [[nodiscard]] std::uint64_t gather();
  void end(const Completion& completion, std::uint64_t position, std::int64_t now_ns);
  /// Ends the first of these that are done and were submitted together under one op, if nothing
  /// else is to be done for any item; returns how many.
  [[nodiscard]] std::size_t end_done_run(std::span<const queue::TakenCompletion> ended,
                                         std::int64_t now_ns);
  void store(const Completion& completion, std::uint64_t position);
  void count_not_done(const ItemResult& result, std::uint32_t op);
  void end_region(const Completion& completion, std::uint64_t position, std::uint32_t block,
                  std::int64_t waited_ns, std::int64_t now_ns);
  /// `results`: of the members; empty: all ended as the region. `told`: the observer heard of the
  /// first member's end.
  void end_members(const Completion& completion, std::uint64_t position, const Region& region,
                   std::span<const Completion> results, std::int64_t waited_ns, std::int64_t now_ns,
                   bool told = false);
  void end_those_it_stands_for(const ItemResult& result, std::int64_t now_ns);
  [[nodiscard]] Found look_at_member(const Ticket& ticket, ItemResult& out) const;
  void end_stood_for(const ItemResult& result, const StoodFor& stood, std::int64_t now_ns);
  [[nodiscard]] OpCounters& counters_of(std::uint32_t op);
  /// `op`: of an item; of a region kRegionMark with how many members it has.
  void tell_timeline(const Completion& completion, std::uint64_t position, std::uint32_t op,
                     std::int64_t submitted_ns, std::int64_t now_ns);
  /// `number` unless it is that of the item at the result's position.
  void tell_completion(ItemResult result, std::int64_t now_ns,
                       std::optional<std::uint64_t> number = {});
  void advance(std::uint64_t below);
  void keep(std::uint64_t position, const ResultRecord& record);
  void keep_result(const ItemResult& result);
  void note_asked(const Ticket& ticket);
  [[nodiscard]] std::optional<ItemResult> ask_kept(const Ticket& ticket);
  [[nodiscard]] ItemResult result_of(std::uint64_t position, const ResultRecord& record) const;

  const CollectorOptions options_;
  backend::QueuePort port_;
  const std::uint32_t history_;
  const std::uint32_t slots_;
  ObserverTap& tap_;
  queue::Waiter& changed_;
  std::unique_ptr<SubmitRecord[]> submits_;
  ZeroedArray<ResultRecord> results_;
  alignas(64) std::atomic<std::uint64_t> ended_below_{0};
  std::atomic<std::uint64_t> events_{0};
  alignas(64) Turn turn_;
  std::unordered_map<std::uint32_t, std::unique_ptr<OpCounters>> ops_;
  std::uint32_t last_op_{kNoOp};
  OpCounters* last_counters_{nullptr};
  Counts counts_;
  std::vector<bool> asked_;  // by record: a caller has the result of this item, which was not done
  std::vector<Kept> kept_;   // a ring, once it is full
  std::size_t oldest_kept_{0};
  std::uint64_t failures_dropped_{0};
  bool gave_up_{false};
  std::unordered_map<std::uint64_t, StoodFor> stood_for_;  // by At::number(); of items in flight
  std::atomic<std::uint64_t> deduped_{0};
  std::unordered_map<std::uint32_t, Region> regions_;  // by block; in flight
  std::atomic<std::uint64_t> more_members_{0};         // of all regions, beyond the first of each
  /// By position, as long as the region's result is in the history.
  std::unordered_map<std::uint64_t, std::vector<NotDone>> not_done_;
  // Under the tap: the numbers by which the observer was told of items.
  std::unique_ptr<std::uint64_t[]> told_;  // by slot; null: no observer was ever attached
  std::uint64_t told_next_{0};
};

}  // namespace vyre::runtime
