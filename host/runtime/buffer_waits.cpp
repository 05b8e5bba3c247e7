// See buffer_waits.hpp.
#include "buffer_waits.hpp"

#include <optional>
#include <string>

#include "base/message.hpp"

namespace vyre::runtime {

/// One call of await_free(): the handle, and its place in the line of the buffer.
class BufferWaits::Waiting {
 public:
  Waiting(HandleTable& handles, const Handle& handle, bool writes)
      : handles_(handles), id_(handle.id), serial_(handle.serial), writes_(writes) {}

  /// The same handle, unless it was released since the first look.
  [[nodiscard]] HandleRecord* find(const OrderLock& lock) {
    HandleRecord* record = handles_.find(lock, id_);
    if (record != nullptr && serial_ == 0) serial_ = record->serial;  // of a bare number
    return record != nullptr && record->serial == serial_ ? record : nullptr;
  }
  /// A host copy has the buffer, or others came first.
  [[nodiscard]] bool blocked(const OrderLock&, const HandleRecord& record) const {
    return record.host_writers != 0 || (writes_ && record.host_readers != 0) ||
           (!record.releasing && record.line.ahead_of(turn_, writes_));
  }
  void join(const OrderLock& lock, HandleRecord& record) {
    if (turn_ != 0) return;
    turn_ = handles_.draw_turn(lock);
    record.line.join(turn_, writes_);
  }
  /// True: the next in line has to be woken.
  [[nodiscard]] bool leave(const OrderLock& lock) {
    HandleRecord* record = find(lock);
    if (turn_ == 0 || record == nullptr) return false;
    record->line.leave(turn_);
    return true;
  }

 private:
  HandleTable& handles_;
  const std::uint32_t id_;
  std::uint64_t serial_;
  const bool writes_;
  std::uint64_t turn_{0};
};

Result<HandleRecord*> BufferWaits::await_free(OrderLock& lock, const Handle& handle, bool writes,
                                              const CopyUntil& until) {
  Waiting waiting(handles_, handle, writes);
  const auto leave = [&] {
    if (waiting.leave(lock)) results_.notify();  // the next in line may wait for that alone
  };
  for (;;) {
    HandleRecord* record = waiting.find(lock);
    if (record == nullptr) {
      return fail(Errc::not_found, message("handle {} was released meanwhile", handle.id));
    }
    std::optional<Use> busy;
    record->uses.conflicts(
        writes, [this](const Use& use) { return results_.over(use); },
        [&](const Use& use) { busy = use; });
    const bool blocked = waiting.blocked(lock, *record);
    if (!blocked && !busy) {
      leave();
      return record;
    }
    waiting.join(lock, *record);
    lock.unlock();
    const auto unblocked = [&] {
      const OrderLock again(order_);
      const HandleRecord* now = waiting.find(again);
      return now == nullptr || !waiting.blocked(again, *now);
    };
    bool free = false;
    (void)results_.wait_for(until.deadline, [&] {
      free = blocked ? unblocked() : results_.look_over(*busy);
      return free || until.told_to_stop();
    });
    lock.lock();
    if (!free) {
      leave();
      if (until.told_to_stop()) {
        return fail(
            Errc::cancelled,
            message("told to stop while items that use handle {} had not ended", handle.id));
      }
      const HandleRecord* now = waiting.find(lock);
      if (now != nullptr && now->leases != 0)
        return fail(Errc::deadline_exceeded, lease_held(*now));
      return fail(Errc::deadline_exceeded,
                  message("items that use handle {} had not ended at the deadline; allow more time",
                          handle.id));
    }
  }
}

}  // namespace vyre::runtime
