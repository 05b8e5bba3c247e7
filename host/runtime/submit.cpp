// Submitting. Items that touch no buffer go to the ring without a lock, in batches; items that do,
// and everything while an observer listens, go one by one under the order lock, where conflicts
// become queue flags or a wait.
#include <algorithm>

#include "state.hpp"

namespace vyre::runtime {
namespace {

constexpr std::uint32_t kBuiltins{
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) +1
#include "protocol/op_table.def"
};
constexpr std::uint32_t kNop{0};
/// Plain items published between two looks at the clock and the doorbell.
constexpr std::uint64_t kPublishBatch{1'024};

std::string text(std::uint64_t value) {
  return std::to_string(value);
}

template <class Action>
class AtEnd {
 public:
  explicit AtEnd(Action action) : action_(std::move(action)) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { action_(); }

 private:
  Action action_;
};

}  // namespace

bool Session::State::known_op(std::uint32_t op) const noexcept {
  // [OPS-1] acquire: the op behind every id below the count is registered.
  return op < kBuiltins ||
         (op >= kFirstUserOp && op - kFirstUserOp < user_ops_.load(std::memory_order_acquire));
}

bool Session::State::ordered(const MegakernelWorkItem& item) const noexcept {
  return (item.input_handle | item.output_handle) != 0;
}

std::optional<Error> Session::State::refuses(std::uint32_t queue, std::uint8_t flags) {
  if (queue >= options_.queues) {
    return Error{Errc::invalid_argument, "queue " + text(queue) +
                                             " does not exist: this session has " +
                                             text(options_.queues) + ", numbered from 0"};
  }
  if ((flags & ~kQueueFlagsOfCallers) != 0) {
    return Error{Errc::invalid_argument,
                 "queue flags " + text(flags) + " are not known: after_previous is " +
                     text(kQueueFlagAfterPrevious) + ", after_all is " + text(kQueueFlagAfterAll)};
  }
  if (closing_.load(std::memory_order_acquire)) return Error{Errc::closed, "the session is closed"};
  if (backend_->lost()) return closed();
  if (options_.max_wall_time.count() > 0 && Clock::now() - opened_ >= options_.max_wall_time) {
    backend_->tend();
    return Error{Errc::deadline_exceeded,
                 "max_wall_time of " +
                     text(static_cast<std::uint64_t>(options_.max_wall_time.count())) +
                     " ns has passed since the session was opened; nothing starts any more"};
  }
  return std::nullopt;
}

Error Session::State::closed() const {
  // A backend that is lost closes its queues too.
  auto lost = backend_->lost();
  if (!lost || closing_.load(std::memory_order_acquire))
    return Error{Errc::closed, "the session is closed"};
  lost->message.resize(std::min(lost->message.find('\n'), lost->message.size()));  // not the dump
  return *lost;
}

Error Session::State::full(std::uint32_t queue) const {
  return Error{Errc::queue_full,
               "queue " + text(queue) + " had no free slot of " + text(options_.ring_slots) +
                   " before the deadline; wait for items, allow more time or ask for more "
                   "ring_slots"};
}

queue::Reservation Session::State::try_reserve(std::uint32_t queue, std::uint64_t want,
                                               std::optional<std::uint64_t> expected) const {
  const auto& producer = collectors_[queue]->producer();
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(want, options_.ring_slots));
  return expected ? producer.try_reserve_at(*expected, count) : producer.try_reserve(count);
}

bool Session::State::wait_for_room(std::uint32_t queue, std::uint64_t want, Deadline deadline) {
  full_waits_[queue].fetch_add(1, std::memory_order_relaxed);
  const auto& producer = collectors_[queue]->producer();
  // Some room rather than one slot: a producer that wakes for every slot costs more than the items
  // do.
  const std::uint64_t enough = std::min<std::uint64_t>(want, std::max(options_.ring_slots / 8, 1u));
  const auto room = [&] { return producer.limit() - std::min(producer.limit(), producer.tail()); };
  if (wait_for(deadline, [&] { return producer.closed() || room() >= enough; })) return true;
  return room() != 0;
}

void Session::State::publish(std::uint32_t queue, const queue::Reservation& got,
                             const MegakernelWorkItem* items, std::uint8_t flags,
                             std::int64_t now_ns) {
  Collector& collector = *collectors_[queue];
  const auto& producer = collector.producer();
  for (std::uint32_t i = 0; i < got.count; ++i) {
    const std::uint64_t position = got.first + i;
    collector.note_submit(position, items[i].op_handle, now_ns);
    if (hooks_.producer_vanishes && hooks_.producer_vanishes(queue, position)) continue;
    // False: we were so late that the position was given up. Then it ends as cancelled (abandoned),
    // which its ticket says; nothing is left to do here.
    (void)producer.try_publish(position, items[i], flags);
  }
}

void Session::State::account(std::int64_t begin_ns, std::int64_t publish_ns, std::uint64_t items) {
  const std::int64_t end_ns = since_open_ns();
  plan_ns_.fetch_add(static_cast<std::uint64_t>(publish_ns - begin_ns), std::memory_order_relaxed);
  publish_ns_.fetch_add(static_cast<std::uint64_t>(end_ns - publish_ns), std::memory_order_relaxed);
  bytes_in_.fetch_add(items * sizeof(MegakernelWorkItem), std::memory_order_relaxed);
  if (first_publish_ns_.load(std::memory_order_relaxed) < 0) {
    std::int64_t none = -1;
    first_publish_ns_.compare_exchange_strong(none, publish_ns, std::memory_order_relaxed);
  }
}

Session::SubmitMany Session::State::submit_many(std::span<const MegakernelWorkItem> items,
                                                Deadline deadline, std::uint32_t queue,
                                                std::uint8_t flags, PlaceInLine* kept) {
  SubmitMany result;
  result.first = {queue, 0, number_};
  result.stopped_by = refuses(queue, flags);
  if (result.stopped_by) return result;
  // [BEGUN-1] acquire, before the look for an observer: one that was attached before the queue's
  // first item is seen by every later submit.
  bool begun = begun_[queue].load(std::memory_order_acquire);
  bool observed = observer_.active.load(std::memory_order_acquire);
  if (hooks_.looked_for_observer) hooks_.looked_for_observer();
  while (result.accepted < items.size()) {
    // A run of items of one kind; one with an unknown op ends it and is refused.
    const auto rest = items.subspan(result.accepted);
    const bool all_ordered = observed || !begun;
    const bool slow = all_ordered || ordered(rest[0]);
    const std::size_t most = !begun ? 1
                             : slow ? rest.size()
                                    : std::min<std::size_t>(rest.size(), kPublishBatch);
    std::size_t run = 0;
    while (run < most && known_op(rest[run].op_handle) &&
           (all_ordered || ordered(rest[run]) == slow))
      ++run;
    if (run == 0) {
      result.stopped_by = Error{Errc::invalid_argument, "op " + text(rest[0].op_handle) +
                                                            " is not registered in this session"};
      break;
    }
    const auto part = rest.first(run);
    if (!(slow ? submit_ordered(part, deadline, flags, result, kept)
               : submit_plain(part, deadline, flags, result)))
      break;
    if (!begun) {
      begun = true;
      observed = observer_.active.load(std::memory_order_acquire);
    }
  }
  return result;
}

bool Session::State::submit_plain(std::span<const MegakernelWorkItem> items, Deadline deadline,
                                  std::uint8_t flags, SubmitMany& result) {
  const std::uint32_t queue = result.first.queue;
  while (!items.empty()) {
    const std::int64_t begin_ns = since_open_ns();
    std::optional<std::uint64_t> expected;
    if (result.accepted != 0) expected = result.first.position + result.accepted;
    const queue::Reservation got = try_reserve(queue, items.size(), expected);
    switch (got.outcome) {
      case queue::TakeOutcome::ok:
        break;
      case queue::TakeOutcome::moved:
        return false;
      case queue::TakeOutcome::closed:
        result.stopped_by = closed();
        return false;
      case queue::TakeOutcome::full:
        if (wait_for_room(queue, items.size(), deadline)) continue;
        result.stopped_by = full(queue);
        return false;
    }
    if (!expected) result.first.position = got.first;
    publish(queue, got, items.data(), flags, begin_ns);
    backend_->doorbell();
    account(begin_ns, begin_ns, got.count);
    result.accepted += got.count;
    items = items.subspan(got.count);
  }
  return true;
}

Status Session::State::add_access(std::uint32_t queue, std::uint32_t handle, const char* what,
                                  const std::vector<OpSignature::Slot>& slots,
                                  const std::vector<OpRecord::FileNeed>& needs, bool all_write,
                                  bool touches) {
  const auto need = [&](std::size_t slot) {
    return slot < needs.size() ? needs[slot] : OpRecord::FileNeed{};
  };
  if (handle == 0) return {};
  HandleRecord* record = find_handle(handle);
  if (record == nullptr || record->releasing) {
    return fail(Errc::invalid_argument, std::string(what) + " " + text(handle) +
                                            " is not a live buffer or binding set of this session");
  }
  if (!touches) return {};
  const auto check_queue = [&](const HandleRecord& file) -> Status {
    if (file.tenant == ingest::kAnyTenant || file.tenant == queue) return {};
    return fail(Errc::invalid_argument, "handle " + text(file.handle) + " is a file of queue " +
                                            text(file.tenant) +
                                            " alone (MapOptions::only_queue); submit to that one");
  };
  VYRE_TRY(check_queue(*record));
  if (record->kind != HandleRecord::Kind::set) {
    accesses_.push_back({record, all_write || (!slots.empty() && slots[0].read_write), need(0)});
    return {};
  }
  accesses_.push_back({record, false});  // keeps the set until the item has ended
  for (std::size_t i = 0; i < record->members.size(); ++i) {
    HandleRecord* member = find_handle(record->members[i]);
    if (member == nullptr) continue;  // cannot be: a buffer in a live set is not released
    VYRE_TRY(check_queue(*member));
    accesses_.push_back({member, all_write || (i < slots.size() && slots[i].read_write), need(i)});
  }
  return {};
}

Status Session::State::find_accesses(std::uint32_t queue, const MegakernelWorkItem& item) {
  accesses_.clear();
  const OpRecord& op = *ops_.find(item.op_handle);
  const OpSignature& signature = op.info.signature;
  const bool touches = item.op_handle != kNop;
  VYRE_TRY(add_access(queue, item.input_handle, "input_handle", signature.inputs, op.file_needs,
                      false, touches));
  return add_access(queue, item.output_handle, "output_handle", signature.outputs, {}, true,
                    touches);
}

std::optional<Session::State::Wanting> Session::State::file_wanting() const {
  for (const Access& access : accesses_) {
    const HandleRecord& record = *access.record;
    if (record.kind != HandleRecord::Kind::file) continue;
    if (access.need.pump && !record.published) return Wanting{public_handle(record), true};
    if (access.need.resident && backend_->must_bring(record.handle))
      return Wanting{public_handle(record), false};
  }
  return std::nullopt;
}

Status Session::State::provide(const Wanting& wanting, Deadline deadline) {
  return wanting.pump ? publish(wanting.file) : bring(wanting.file, {deadline});
}

bool Session::State::copy_under_way() const noexcept {
  return std::any_of(accesses_.begin(), accesses_.end(), [](const Access& access) {
    return access.record->host_writers != 0 || (access.writes && access.record->host_readers != 0);
  });
}

bool Session::State::behind_others(std::uint64_t turn) const noexcept {
  return std::any_of(accesses_.begin(), accesses_.end(), [turn](const Access& access) {
    return access.record->line.ahead_of(turn, access.writes);
  });
}

std::optional<Use> Session::State::conflict_elsewhere(std::uint32_t queue) const {
  std::optional<Use> found;
  for (const Access& access : accesses_) {
    access.record->uses.conflicts(
        access.writes, [this](const Use& use) { return over(use); },
        [&](const Use& use) {
          if (use.queue != queue) found = use;
        });
  }
  return found;
}

std::uint8_t Session::State::order_flags(std::uint32_t queue, std::uint64_t position) const {
  std::uint8_t flags = kQueueFlagNone;
  for (const Access& access : accesses_) {
    access.record->uses.conflicts(
        access.writes, [this](const Use& use) { return over(use); },
        [&](const Use& use) {
          if (use.queue != queue) return;
          const bool just_before = use.position + 1 == position;
          flags |= just_before ? kQueueFlagAfterPrevious : kQueueFlagAfterAll;
        });
  }
  return flags;
}

Session::State::Placed Session::State::place(const MegakernelWorkItem& item, std::uint8_t flags,
                                             std::uint64_t turn, SubmitMany& result,
                                             Use& conflict) {
  const std::uint32_t queue = result.first.queue;
  const std::int64_t begin_ns = since_open_ns();
  if (auto found = find_accesses(queue, item); !found) {
    result.stopped_by = std::move(found).error();
    return Placed::stop;
  }
  if (behind_others(turn)) return Placed::line;
  if (copy_under_way()) return Placed::copy;
  if (file_wanting()) return Placed::file;
  if (const auto elsewhere = conflict_elsewhere(queue)) {
    conflict = *elsewhere;
    return Placed::conflict;
  }
  // The observer's lock spans the reservation and its telling, so that no completion is told
  // before; but a slow observer is told only once the item is published, for a position that is
  // not published in time is given up.
  std::unique_lock observing(observer_.mutex, std::defer_lock);
  if (observer_.active.load(std::memory_order_acquire)) observing.lock();
  std::optional<std::uint64_t> expected;
  if (result.accepted != 0) expected = result.first.position + result.accepted;
  const queue::Reservation got = try_reserve(queue, 1, expected);
  switch (got.outcome) {
    case queue::TakeOutcome::ok:
      break;
    case queue::TakeOutcome::moved:
      return Placed::stop;
    case queue::TakeOutcome::full:
      return Placed::room;
    case queue::TakeOutcome::closed:
      result.stopped_by = closed();
      return Placed::stop;
  }
  // [BEGUN-1] release: behind the attachment of an observer, which holds order_ as we do.
  begun_[queue].store(true, std::memory_order_release);
  if (!expected) result.first.position = got.first;
  const auto ordering = static_cast<std::uint8_t>(flags | order_flags(queue, got.first));
  for (const Access& access : accesses_) {
    if (access.writes) continue;
    access.record->uses.add_reader(queue, got.first, [this](const Use& use) { return over(use); });
  }
  for (const Access& access : accesses_) {
    if (access.writes) access.record->uses.set_writer(queue, got.first);
  }
  const std::int64_t publish_ns = since_open_ns();
  publish(queue, got, &item, ordering, publish_ns);
  if (observing.owns_lock() && observer_.observer) {
    observer_.observer->on_submit({queue, got.first, number_}, item, flags,
                                  std::chrono::nanoseconds{publish_ns});
  }
  account(begin_ns, publish_ns, 1);
  ++result.accepted;
  return Placed::yes;
}

void Session::State::leave_lines(PlaceInLine& place) {
  for (const std::uint32_t handle : place.lines) {
    if (HandleRecord* record = find_handle(handle)) record->line.leave(place.turn);
  }
  if (!place.lines.empty()) changed_.notify();  // the next in line may be waiting for that alone
  place.lines.clear();
  place.turn = 0;
}

void Session::State::leave_place(PlaceInLine& place) {
  if (place.turn == 0) return;
  const OrderLock lock(order_);
  leave_lines(place);
}

bool Session::State::submit_ordered(std::span<const MegakernelWorkItem> items, Deadline deadline,
                                    std::uint8_t flags, SubmitMany& result, PlaceInLine* kept) {
  OrderLock lock(order_);
  std::size_t next = 0;
  bool goes_on = true;
  bool late = false;
  PlaceInLine ours;
  PlaceInLine& line = kept != nullptr ? *kept : ours;
  const AtEnd leave([&] {  // also where memory runs out: others stand behind us
    if (!lock.owns_lock()) lock.lock();
    if (kept == nullptr || !late) leave_lines(line);
    lock.unlock();
    backend_->doorbell();
  });
  while (goes_on && next < items.size()) {
    Use conflict;
    const Placed placed = place(items[next], flags, line.turn, result, conflict);
    const std::optional<Wanting> wanting =
        placed == Placed::file ? file_wanting() : std::nullopt;  // while accesses_ are this item's
    if (placed == Placed::yes) {
      leave_lines(line);
      ++next;
      continue;
    }
    if (placed == Placed::stop) {
      goes_on = false;
      break;
    }
    if (line.turn == 0 && placed != Placed::room && placed != Placed::file) {
      line.turn = next_turn_++;
      line.lines.reserve(accesses_.size());
      for (const Access& access : accesses_) {
        line.lines.push_back(access.record->handle);
        access.record->line.join(line.turn, access.writes);
      }
    }
    // Something has to end first; what we published so far must be able to.
    lock.unlock();
    backend_->doorbell();
    goes_on = wait_for_place(placed, items[next], items.size() - next, line.turn, conflict, wanting,
                             deadline, result);
    late = !goes_on && Clock::now() >= deadline;
    lock.lock();
  }
  return goes_on;
}

bool Session::State::wait_for_place(Placed placed, const MegakernelWorkItem& item,
                                    std::size_t items_left, std::uint64_t turn, const Use& conflict,
                                    const std::optional<Wanting>& wanting, Deadline deadline,
                                    SubmitMany& result) {
  const std::uint32_t queue = result.first.queue;
  const auto late = [&](std::string what) {
    result.stopped_by = Error{Errc::deadline_exceeded, std::move(what) + "; allow more time"};
    return false;
  };
  switch (placed) {
    case Placed::room:
      if (wait_for_room(queue, items_left, deadline)) return true;
      result.stopped_by = full(queue);
      return false;
    case Placed::conflict:
      return wait_over(conflict, deadline) ||
             late("the item uses a buffer that the item at position " + text(conflict.position) +
                  " of queue " + text(conflict.queue) + " still uses");
    case Placed::file: {
      Status provided = provide(*wanting, deadline);
      if (provided) return true;
      result.stopped_by = std::move(provided).error();
      return false;
    }
    default:
      break;
  }
  const bool in_line = placed == Placed::line;
  const bool free = wait_for(deadline, [&] {
    const std::lock_guard again(order_);
    return !find_accesses(queue, item) || !(in_line ? behind_others(turn) : copy_under_way());
  });
  return free || late(in_line ? "other submits or copies began to wait for one of the item's "
                                "buffers before it and still do"
                              : "a write or download of one of the item's buffers is under way");
}

}  // namespace vyre::runtime
