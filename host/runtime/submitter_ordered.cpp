// Items that touch buffers, one by one under the order lock. See submitter.hpp.
#include <optional>
#include <string>
#include <utility>

#include "at_end.hpp"
#include "base/message.hpp"
#include "submitter.hpp"

namespace vyre::runtime {
Submitter::Placed Submitter::look_for_obstacle(const OrderLock& lock, std::uint32_t queue,
                                               std::uint64_t turn, Obstacle& obstacle) const {
  if (accesses_.behind_others(lock, turn)) return Placed::line;
  if (accesses_.copy_under_way(lock)) return Placed::copy;
  const auto must_bring = [this](std::uint32_t file) { return over_.files.must_bring(file); };
  if (const auto wanted = accesses_.file_wanted(lock, must_bring)) {
    obstacle.file = *wanted;
    return Placed::file;
  }
  const auto over = [this](const Use& use) { return over_.results.over(use); };
  if (const auto elsewhere = accesses_.conflict_elsewhere(lock, queue, over)) {
    obstacle.conflict = *elsewhere;
    return Placed::conflict;
  }
  return Placed::yes;
}

Submitter::Placed Submitter::place(const OrderLock& lock, Call& call,
                                   std::span<const MegakernelWorkItem> items, std::uint64_t turn,
                                   Obstacle& obstacle) {
  const std::uint32_t queue = call.queue;
  const std::optional<std::int64_t> before = std::exchange(call.published_ns, std::nullopt);
  std::int64_t begin_ns = before ? *before : over_.setup.since_open_ns();
  if (auto found = find_accesses(lock, queue, items); !found) {
    (void)call.stop(std::move(found).error());
    return Placed::stop;
  }
  if (const Placed kept = look_for_obstacle(lock, queue, turn, obstacle); kept != Placed::yes)
    return kept;
  const bool tracked = over_.lineage.tracks(lock);
  if (tracked) [[unlikely]] {
    const std::uint64_t before_ns = over_.lineage.ns(lock);
    over_.lineage.prepare(lock, items, call.unit != nullptr);
    begin_ns += static_cast<std::int64_t>(over_.lineage.ns(lock) - before_ns);  // counted there
  }
  // The tap is held from the reservation until the observer knows of it, so that no completion is
  // told before; but a slow observer is told only once the item is published, for a position that
  // is not published in time is given up.
  const ObserverTap::Hold telling = over_.tap.hold(lock);
  const queue::Reservation got = try_reserve(call, 1);
  switch (got.outcome) {
    case queue::TakeOutcome::ok:
      break;
    case queue::TakeOutcome::moved:
      return Placed::stop;
    case queue::TakeOutcome::full:
      return Placed::room;
    case queue::TakeOutcome::closed:
      (void)call.stop(over_.life.closed());
      return Placed::stop;
  }
  // [BEGUN-1] release: behind the attachment of an observer, which holds the order lock too.
  begun_[queue].store(true, std::memory_order_release);
  if (call.result.accepted == 0) call.result.first.position = got.first;
  const auto over = [this](const Use& use) { return over_.results.over(use); };
  auto flags =
      static_cast<std::uint8_t>(call.flags | accesses_.order_flags(lock, queue, got.first, over));
  if (call.previous && *call.previous + 1 != got.first &&
      (call.flags & kQueueFlagAfterPrevious) != 0)
    flags = kQueueFlagAfterAll;
  if (call.unit == nullptr) [[likely]]
    accesses_.enter(lock, queue, got.first, over);
  else
    enter(lock, *call.unit, got.first);
  if (tracked) [[unlikely]] {
    over_.lineage.commit(lock, queue, got.first,
                         call.unit != nullptr ? call.unit->form : planner::Form::single);
  }
  const std::int64_t publish_ns = over_.setup.since_open_ns();
  const std::uint64_t number = over_.tap.active() ? over_.results.collector(queue).note_told(
                                                        telling, got.first, items.size())
                                                  : got.first;
  const bool region = call.unit != nullptr && call.unit->block;
  if (region)
    publish_region(lock, call, got.first, flags, publish_ns);
  else
    publish(call, got, items.data(), flags, publish_ns);
  over_.tap.tell(telling, [&](SessionObserver& observer) {
    for (std::size_t i = 0; i < items.size(); ++i)
      observer.on_submit({queue, number + i, over_.setup.number}, items[i], call.flags,
                         std::chrono::nanoseconds{publish_ns});
  });
  const std::int64_t end_ns = account(begin_ns, publish_ns, region ? 1 + items.size() : 1, 1);
  if (call.unit == nullptr) call.published_ns = end_ns;
  ++call.result.accepted;
  return Placed::yes;
}

void Submitter::leave_place(PlaceInLines& place) {
  if (place.turn() == 0) return;
  const OrderLock lock(over_.order);
  if (place.leave(lock)) over_.results.notify();  // the next in line may wait for that alone
}

bool Submitter::submit_ordered(Call& call, std::span<const MegakernelWorkItem> items) {
  OrderLock lock(over_.order);
  call.published_ns = std::nullopt;
  PlaceInLines ours(over_.handles);
  PlaceInLines& lines = call.kept != nullptr ? *call.kept : ours;  // of the item that waits
  bool late = false;
  const auto leave_lines = [&] {
    if (lines.leave(lock)) over_.results.notify();  // the next in line may wait for that alone
  };
  const AtEnd leave([&] {  // also where memory runs out: others stand in line behind
    if (!lock.owns_lock()) lock.lock();
    if (call.kept == nullptr || !late) leave_lines();
    lock.unlock();
    over_.backend.doorbell();
  });
  while (!items.empty()) {
    Obstacle obstacle;
    const Placed placed = place(lock, call, items.first(1), lines.turn(), obstacle);
    if (placed == Placed::yes) {
      leave_lines();
      items = items.subspan(1);
      continue;
    }
    if (placed == Placed::stop) return false;
    if (!await_place(lock, placed, call, items.first(1), items.size(), lines, obstacle, late))
      return false;
  }
  return true;
}

bool Submitter::await_place(OrderLock& lock, Placed placed, Call& call,
                            std::span<const MegakernelWorkItem> unit, std::uint64_t want,
                            PlaceInLines& lines, const Obstacle& obstacle, bool& late) {
  if (placed != Placed::room && placed != Placed::file) lines.join(lock, accesses_);
  // Something has to end first, perhaps an item that this call has published.
  lock.unlock();
  over_.backend.doorbell();
  const bool goes_on = wait_for_place(placed, call, unit, want, lines.turn(), obstacle);
  late = !goes_on && Clock::now() >= call.deadline;
  lock.lock();
  return goes_on;
}

bool Submitter::wait_for_place(Placed placed, Call& call, std::span<const MegakernelWorkItem> unit,
                               std::uint64_t want, std::uint64_t turn, const Obstacle& obstacle) {
  switch (placed) {
    case Placed::room:
      return wait_for_room(call, want) || call.stop(full(call.queue));
    case Placed::conflict: {
      const Use& use = obstacle.conflict;
      return over_.results.wait_over(use, call.deadline) ||
             call.stop({Errc::deadline_exceeded,
                        message("the item uses a buffer that the item at position {} of queue {} "
                                "still uses; allow more time",
                                use.position, use.queue)});
    }
    case Placed::file: {
      Status provided = over_.files.provide(obstacle.file, call.deadline);
      return provided || call.stop(std::move(provided).error());
    }
    case Placed::line:
    case Placed::copy:
      return wait_for_buffers(placed == Placed::line, call, unit, turn);
    case Placed::yes:
    case Placed::stop:
      break;
  }
  return false;
}

bool Submitter::wait_for_buffers(bool in_line, Call& call, std::span<const MegakernelWorkItem> unit,
                                 std::uint64_t turn) {
  const auto free = [&] {
    const OrderLock again(over_.order);
    if (!find_accesses(again, call.queue, unit)) return true;  // place() says what is wrong
    return !(in_line ? accesses_.behind_others(again, turn) : accesses_.copy_under_way(again));
  };
  if (over_.results.wait_for(call.deadline, free)) return true;
  {
    const OrderLock again(over_.order);
    const bool found = find_accesses(again, call.queue, unit).has_value();
    if (const HandleRecord* leased = found ? accesses_.leased(again) : nullptr)
      return call.stop({Errc::deadline_exceeded, lease_held(*leased)});
  }
  return call.stop({Errc::deadline_exceeded,
                    in_line ? "other submits or copies began to wait for one of the item's buffers "
                              "before it and still do; allow more time"
                            : "a write or download of one of the item's buffers is under way; "
                              "allow more time"});
}

}  // namespace vyre::runtime
