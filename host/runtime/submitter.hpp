// Submitting items. Items that touch no buffer go to the ring without a lock, in batches. Items
// that do, and everything while an observer listens, go one by one under the order lock, where
// conflicts become queue flags or a wait. Host only; any thread.
//
// Lock: takes the order lock, and the observer tap under it. It holds no lock while it waits, and
// none while files are provided.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>

#include "backend/backend.hpp"
#include "handle_table.hpp"
#include "item_accesses.hpp"
#include "observer_tap.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "results.hpp"
#include "session_counters.hpp"
#include "session_files.hpp"
#include "session_life.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

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
  /// How often a submit found the queue full.
  [[nodiscard]] std::uint64_t full_waits(std::uint32_t queue) const noexcept {
    return full_waits_[queue].load(std::memory_order_relaxed);
  }

 private:
  /// One call of submit_many().
  struct Call {
    const std::uint32_t queue;
    const std::uint8_t flags;
    const Deadline deadline;
    Batch* const batch;        // null: none
    PlaceInLines* const kept;  // null: an item that was not placed leaves its lines
    Session::SubmitMany& result;
    bool has_room{false};  // of the batch

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
  void account(std::int64_t begin_ns, std::int64_t publish_ns, std::uint64_t items);
  [[nodiscard]] Error full(std::uint32_t queue) const;

  // submitter_ordered.cpp
  enum class Placed : std::uint8_t { yes, stop, room, conflict, copy, line, file };
  /// Why an item was not placed, where Placed::conflict or Placed::file says so.
  struct Obstacle {
    Use conflict{};
    FileWant file{};
  };
  [[nodiscard]] Placed place(const OrderLock& lock, Call& call, const MegakernelWorkItem& item,
                             std::uint64_t turn, Obstacle& obstacle);
  /// Placed::yes: nothing keeps the item whose accesses were found from being published.
  [[nodiscard]] Placed look_for_obstacle(const OrderLock& lock, std::uint32_t queue,
                                         std::uint64_t turn, Obstacle& obstacle) const;
  /// Waits, without the order lock, for what kept the item from being placed; false: stop, and
  /// stopped_by says why.
  [[nodiscard]] bool wait_for_place(Placed placed, Call& call,
                                    std::span<const MegakernelWorkItem> rest, std::uint64_t turn,
                                    const Obstacle& obstacle);
  /// The same for Placed::line and Placed::copy.
  [[nodiscard]] bool wait_for_buffers(bool in_line, Call& call, const MegakernelWorkItem& item,
                                      std::uint64_t turn);
  [[nodiscard]] Status find_accesses(const OrderLock& lock, std::uint32_t queue,
                                     const MegakernelWorkItem& item) {
    return accesses_.find(lock, queue, item, over_.ops.record(item.op_handle));
  }

  const Over over_;
  ItemAccesses accesses_;  // of the item being placed; under the order lock
  std::unique_ptr<std::atomic<std::uint64_t>[]> full_waits_;
  /// By queue: a first item has been placed. Until then submits go by the order lock, so that an
  /// observer is either attached before them or refused.
  std::unique_ptr<std::atomic<bool>[]> begun_;
};

}  // namespace vyre::runtime
