// Submitting items. Items that touch no buffer go to the ring without a lock, in batches. Items
// that do, and everything while an observer listens, go one by one under the order lock, where
// conflicts become queue flags or a wait. Host only; any thread.
//
// Lock: takes the order lock, and the observer tap under it. It holds no lock while it waits, and
// none while files are provided.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "done_work.hpp"
#include "handle_table.hpp"
#include "item_accesses.hpp"
#include "launch_control.hpp"
#include "lineage_log.hpp"
#include "observer_tap.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "plan_contents.hpp"
#include "results.hpp"
#include "runtime/plan.hpp"
#include "session_counters.hpp"
#include "session_files.hpp"
#include "session_life.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

/// What was submitted in plans.
struct PlanCounts {
  std::uint64_t plans{0};
  std::array<std::uint64_t, planner::kForms> regions{};
  std::uint64_t members{0};  // of all regions
  std::array<std::uint64_t, planner::kRefusals> refused{};
};

class Submitter {
 public:
  struct Over {  // what it works over
    const SessionSetup& setup;
    backend::Backend& backend;
    const SessionLife& life;
    OrderMutex& order;
    HandleTable& handles;
    const OpTable& ops;
    ObserverTap& tap;
    SessionFiles& files;
    Results& results;
    SessionCounters& counters;
    DoneWork& done_work;
    LineageLog& lineage;
    LaunchControl& launch;
  };
  explicit Submitter(const Over& over);

  /// Session::submit_many().
  [[nodiscard]] Session::SubmitMany submit_many(std::span<const MegakernelWorkItem> items,
                                                Deadline deadline, std::uint32_t queue,
                                                std::uint8_t flags, Batch* batch = nullptr,
                                                PlaceInLines* kept = nullptr);
  /// Gives up what submit_many() kept in `kept`: where its time was up before its next item got its
  /// buffers, the item keeps its place for the next call, whose first item it has to be.
  void leave_place(PlaceInLines& place);
  /// Session::submit() of a plan.
  [[nodiscard]] Result<SubmittedPlan> submit_plan(const PlanContents& plan, Deadline deadline);
  [[nodiscard]] PlanCounts plan_counts();
  /// How often a submit found the queue full.
  [[nodiscard]] std::uint64_t full_waits(std::uint32_t queue) const noexcept {
    return full_waits_[queue].load(std::memory_order_relaxed);
  }

 private:
  /// Items of a plan that are published together.
  struct Unit {
    const PlanContents& plan;
    std::span<const std::uint32_t> members;  // indices of items
    planner::Form form;
    std::optional<std::uint32_t> block{};  // of the region in the backend; none: one item
  };
  /// One call of submit_many().
  struct Call {
    const std::uint32_t queue;
    std::uint8_t flags;  // of each item; a plan sets those of the next
    const Deadline deadline;
    Batch* const batch;        // null: none
    PlaceInLines* const kept;  // null: an item that was not placed leaves its lines
    Session::SubmitMany& result;
    bool has_room{false};  // of the batch
    /// In a plan: the position that after_previous means. Another producer may come in between, and
    /// the item then waits for all before it.
    std::optional<std::uint64_t> previous{};
    const Unit* unit{nullptr};  // of a plan, which is placed next; null: none
    /// When the item before was published, where the next one follows at once; none: the clock must
    /// be asked.
    std::optional<std::int64_t> published_ns{};

    /// Where the next item has to go: behind the one before it, so that the items of one call have
    /// neighbouring positions.
    [[nodiscard]] std::optional<std::uint64_t> expected() const noexcept {
      if (result.accepted == 0) return std::nullopt;
      return result.first.position + result.accepted;
    }
    /// Ends the call; false, for `return`.
    bool stop(Error why) {
      result.stopped_by = std::move(why);
      return false;
    }
  };

  // submitter.cpp
  [[nodiscard]] static bool ordered(const MegakernelWorkItem& item) noexcept {
    return (item.input_handle | item.output_handle) != 0;
  }
  [[nodiscard]] std::optional<Error> refuses(std::uint32_t queue, std::uint8_t flags);
  /// Both accept a prefix of `items` behind what the call has; false: stop here (stopped_by says
  /// why, or another producer of the queue came in between).
  [[nodiscard]] bool submit_plain(Call& call, std::span<const MegakernelWorkItem> items);
  [[nodiscard]] bool submit_ordered(Call& call, std::span<const MegakernelWorkItem> items);
  /// Positions for `want` items where the call expects them. Never waits.
  [[nodiscard]] queue::Reservation try_reserve(Call& call, std::uint64_t want) const;
  [[nodiscard]] bool wait_for_room(const Call& call, std::uint64_t want);
  void publish(Call& call, const queue::Reservation& got, const MegakernelWorkItem* items,
               std::uint8_t flags, std::int64_t now_ns);
  /// Returns when that was, since open.
  std::int64_t account(std::int64_t begin_ns, std::int64_t publish_ns, std::uint64_t items,
                       std::uint64_t slots);
  [[nodiscard]] Error full(std::uint32_t queue) const;

  // submitter_ordered.cpp
  enum class Placed : std::uint8_t { yes, stop, room, conflict, copy, line, file };
  /// Why an item was not placed, where Placed::conflict or Placed::file says so.
  struct Obstacle {
    Use conflict{};
    FileWant file{};
  };
  /// `items`: one, or those of a region.
  [[nodiscard]] Placed place(const OrderLock& lock, Call& call,
                             std::span<const MegakernelWorkItem> items, std::uint64_t turn,
                             Obstacle& obstacle);
  /// After place() said no, without the order lock. False: stop; `late` says whether the time was
  /// up.
  [[nodiscard]] bool await_place(OrderLock& lock, Placed placed, Call& call,
                                 std::span<const MegakernelWorkItem> unit, std::uint64_t want,
                                 PlaceInLines& lines, const Obstacle& obstacle, bool& late);
  /// Placed::yes: nothing keeps the item whose accesses were found from being published.
  [[nodiscard]] Placed look_for_obstacle(const OrderLock& lock, std::uint32_t queue,
                                         std::uint64_t turn, Obstacle& obstacle) const;
  /// Waits, without the order lock, for what kept the item from being placed; false: stop, and
  /// stopped_by says why.
  [[nodiscard]] bool wait_for_place(Placed placed, Call& call,
                                    std::span<const MegakernelWorkItem> unit, std::uint64_t want,
                                    std::uint64_t turn, const Obstacle& obstacle);
  /// The same for Placed::line and Placed::copy.
  [[nodiscard]] bool wait_for_buffers(bool in_line, Call& call,
                                      std::span<const MegakernelWorkItem> unit, std::uint64_t turn);
  [[nodiscard]] Status find_accesses(const OrderLock& lock, std::uint32_t queue,
                                     std::span<const MegakernelWorkItem> unit) {
    VYRE_TRY(accesses_.find(lock, queue, unit[0], over_.ops.record(unit[0].op_handle)));
    for (const MegakernelWorkItem& item : unit.subspan(1))
      VYRE_TRY(accesses_.find_more(lock, queue, item, over_.ops.record(item.op_handle)));
    return {};
  }

  // submitter_planned.cpp
  /// One submission of a plan.
  struct Planned {
    const PlanContents& plan;
    Call& call;
    PlaceInLines& lines;
    SubmittedPlan& result;
    std::size_t left;                         // regions that have not been placed
    std::vector<MegakernelWorkItem> items{};  // of the region that is being placed
  };
  [[nodiscard]] Status plan_is_good(const OrderLock& lock, const PlanContents& plan);
  /// As one, or where that does not pay as single items; false: stop.
  [[nodiscard]] bool submit_region(OrderLock& lock, Planned& planned,
                                   const planner::Region& region);
  /// Publishes the items in one slot; false: stop.
  [[nodiscard]] bool submit_unit(OrderLock& lock, Planned& planned, const Unit& unit);
  [[nodiscard]] bool submit_item(OrderLock& lock, Planned& planned, const std::uint32_t& item) {
    return submit_unit(lock, planned, {planned.plan, {&item, 1}, planner::Form::single});
  }
  /// The item was published, and those that it stands for are accepted with it; false: stop.
  [[nodiscard]] bool accepted(OrderLock& lock, Planned& planned, std::uint32_t item,
                              const DoneWork::At& at);
  /// The items of a unit use their buffers from now on, one after another, and each is remembered
  /// with the versions that it leaves.
  void enter(const OrderLock& lock, const Unit& unit, std::uint64_t position);
  /// publish() for a region.
  void publish_region(const OrderLock& lock, const Call& call, std::uint64_t position,
                      std::uint8_t flags, std::int64_t now_ns);
  /// An earlier submission stands for the item, and nothing was written since.
  [[nodiscard]] bool stood_for(const OrderLock& lock, Planned& planned, std::uint32_t item);

  const Over over_;
  ItemAccesses accesses_;  // of the item being placed; under the order lock
  // Of plans; under the order lock.
  PlanCounts plan_counts_;
  std::vector<planner::BufferVersion> versions_;  // of the last key
  std::vector<MegakernelWorkItem> stood_items_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> full_waits_;
  /// By queue: a first item has been placed. Until then submits go by the order lock, so that an
  /// observer is either attached before them or refused.
  std::unique_ptr<std::atomic<bool>[]> begun_;
};

}  // namespace vyre::runtime
