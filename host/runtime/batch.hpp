// A batch: counts and failures of the items that were submitted with it. Positions are noted before
// items are published, and collectors tell of every item that was not done, so that the counts are
// exact however many results the history has dropped. Host only; any thread.
//
// Lock: each Batch owns a mutex, and BatchList owns one. A thread that has the turn of a collector
// may take that of BatchList, and then those of batches; under them it takes no other lock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "protocol/limits.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

/// Positions [first, end) of one queue.
struct PositionRange {
  std::uint64_t first{0};
  std::uint64_t end{0};
};

class Batch {
 public:
  Batch(std::uint32_t session, std::uint32_t queues) : session_(session), queues_(queues) {
    first_failures_.reserve(kMaxReportedFaults);
  }

  [[nodiscard]] std::uint32_t session() const noexcept { return session_; }
  /// Before positions are reserved: add() then needs no memory, and nothing is lost where there is
  /// none. Each room is for one add(), or given up.
  void make_room(std::uint32_t queue);
  void give_up_room(std::uint32_t queue) noexcept;
  /// Before the items are published. Below `ended_below` every item of the queue has ended.
  void add(std::uint32_t queue, const PositionRange& range, std::uint64_t ended_below);
  /// An item has ended that was not done; the caller has the turn of its queue's collector.
  void failed(const ItemResult& result);
  /// A caller has the result of such an item.
  void asked(const Ticket& ticket);
  [[nodiscard]] std::vector<ItemResult> first_failures() const;

  /// Adds what the items of one queue came to. The caller has the turn of its collector, so that
  /// ends and failures fit each other. `ended(position)` says it of those from `ended_below` to
  /// `ended_to`; behind that none has.
  template <class Ended>
  void count(std::uint32_t queue, std::uint64_t ended_below, std::uint64_t ended_to,
             const Ended& ended, Totals& totals) {
    const std::lock_guard lock(mutex_);
    OfQueue& of = queues_[queue];
    settle(of, ended_below);
    std::uint64_t over = of.settled;
    for (const PositionRange& range : of.open) {
      for (std::uint64_t p = range.first; p < std::min(range.end, ended_to); ++p)
        over += ended(p) ? 1 : 0;
    }
    totals.accepted += of.accepted;
    totals.faulted += of.faulted;
    totals.cancelled += of.cancelled;
    totals.done += over - of.faulted - of.cancelled;
    totals.unasked += of.unasked;
  }

 private:
  struct OfQueue {
    std::vector<PositionRange> open;  // rising; what has not ended for certain
    std::size_t settle_at{kSettleAtLeast};
    std::size_t rooms{0};      // for ranges that will be added
    std::uint64_t settled{0};  // items that have ended and are in no open range
    std::uint64_t accepted{0};
    std::uint64_t faulted{0};
    std::uint64_t cancelled{0};
    std::uint64_t unasked{0};
    /// Positions of failures that no caller has asked for, kKeptFailures at most. Of others it is
    /// not known any more when a caller asks: they stay unasked.
    std::set<std::uint64_t> failures;
  };
  static constexpr std::size_t kSettleAtLeast{64};
  static void settle(OfQueue& of, std::uint64_t ended_below);

  const std::uint32_t session_;
  mutable std::mutex mutex_;
  std::vector<OfQueue> queues_;
  std::vector<ItemResult> first_failures_;
};

/// The batches of a session that are alive.
class BatchList {
 public:
  [[nodiscard]] std::shared_ptr<Batch> open(std::uint32_t session, std::uint32_t queues);
  void failed(const ItemResult& result);
  void asked(const Ticket& ticket);

 private:
  template <class Tell>
  void tell(const Tell& tell);

  std::mutex mutex_;
  std::vector<std::weak_ptr<Batch>> batches_;
};

}  // namespace vyre::runtime
