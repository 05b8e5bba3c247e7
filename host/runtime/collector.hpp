// Results of one queue: reads its completion ring, keeps the last results for wait(), counts for
// the report, and gives slots back to producers. Host only; any thread may collect, one at a time;
// results are read without a lock. Memory is constant: a ring of submit records (one a slot), a
// ring of results (the history), counters by op.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "hazards.hpp"
#include "histogram.hpp"
#include "vyre/backend/backend.hpp"
#include "vyre/runtime/session.hpp"

namespace vyre::runtime {

/// The observer and the lock under which it is called. `active` spares everybody else the lock.
struct ObserverSlot {
  std::atomic<bool> active{false};
  std::mutex mutex;
  std::shared_ptr<SessionObserver> observer;
};

struct OpCounters {
  std::uint64_t items{0};
  std::uint64_t faults{0};
  std::uint64_t cancelled{0};
  Histogram latency;
};

/// Everything a collector counted; a copy for the report.
struct Counts {
  std::uint64_t ended{0};
  std::uint64_t not_done{0};
  std::uint64_t faulted{0};
  std::uint64_t never_started{0};  // cancelled because max_wall_time fired
  std::int64_t last_end_ns{0};     // since the session opened
  std::vector<ItemResult> first_not_done;
  std::vector<std::uint32_t> first_not_done_ops;  // kNoOp where unknown
};
inline constexpr std::uint32_t kNoOp{~std::uint32_t{0}};

class Collector {
 public:
  Collector(std::uint32_t queue, backend::QueuePort port, std::uint32_t history, Deadline opened,
            ObserverSlot& observer);

  [[nodiscard]] std::uint32_t history() const noexcept { return history_; }

  // Producers.
  [[nodiscard]] const queue::SubmissionProducer<queue::HostAtomics>& producer() const noexcept {
    return port_.submissions;
  }
  /// Before the item is published.
  void note_submit(std::uint64_t position, std::uint32_t op, std::int64_t since_open_ns) noexcept;

  /// Reads what was posted; returns how many items it found ended. 0 also if another thread is at
  /// it.
  std::uint64_t collect();
  /// The completion of one item, however far behind the oldest that has not ended; true if it came
  /// now.
  bool collect_at(std::uint64_t position);

  enum class Found : std::uint8_t { ended, pending, never_submitted, forgotten };
  [[nodiscard]] Found look(std::uint64_t position, ItemResult& out) const noexcept;
  [[nodiscard]] bool ended(std::uint64_t position) const noexcept;
  /// The items have ended, and so has what they were ordered behind: a cancelled item waited for
  /// nobody, so it counts only when everything before it has ended.
  [[nodiscard]] bool ended(const QueueSpan& span) const noexcept;
  /// Every position below has ended.
  [[nodiscard]] std::uint64_t ended_below() const noexcept {
    return ended_below_.load(std::memory_order_acquire);  // [END-1]
  }
  /// Grows whenever results were written, so that whoever looks at many items knows when to.
  [[nodiscard]] std::uint64_t events() const noexcept {
    return events_.load(std::memory_order_acquire);  // [END-1]
  }
  /// Ends everything that has not, as cancelled: for a backend that could not be stopped. What it
  /// posts afterwards is not collected.
  void give_up(std::uint64_t tail, FaultCode why);

  [[nodiscard]] Counts counts() const;
  void add_ops(std::unordered_map<std::uint32_t, OpCounters>& into) const;

 private:
  struct SubmitRecord {  // relaxed atomics: a late, abandoned producer may write beside its
                         // successor
    std::atomic<std::int64_t> since_open_ns{0};
    std::atomic<std::uint32_t> op{kNoOp};
    std::atomic<std::uint32_t> position_low{~std::uint32_t{0}};
  };
  struct ResultRecord {  // position_low is written last and read first and last
    std::atomic<std::uint32_t> position_low{0};
    std::atomic<std::uint32_t> head{0};
    std::atomic<std::uint32_t> workgroup{0};
    std::atomic<std::uint32_t> lane{0};
  };
  void end(const Completion& completion, std::uint64_t position,
           std::int64_t now_ns);      // under mutex_
  void advance(std::uint64_t below);  // under mutex_

  const std::uint32_t queue_;
  backend::QueuePort port_;
  const std::uint32_t history_;  // a power of two
  const std::uint32_t slots_;
  const Deadline opened_;
  ObserverSlot& observer_;
  std::unique_ptr<SubmitRecord[]> submits_;
  std::unique_ptr<ResultRecord[]> results_;
  alignas(64) std::atomic<std::uint64_t> ended_below_{0};
  std::atomic<std::uint64_t> events_{0};
  alignas(64) mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, std::unique_ptr<OpCounters>> ops_;
  std::uint32_t last_op_{kNoOp};
  OpCounters* last_counters_{nullptr};
  Counts counts_;
  bool gave_up_{false};
};

}  // namespace vyre::runtime
