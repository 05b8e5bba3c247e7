// See retirements.hpp.
#include "retirements.hpp"

#include <algorithm>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

/// Between two looks of a caller that waits for freed handles, at whether it is to stop.
constexpr std::chrono::milliseconds kLookAgain{20};

}  // namespace

bool Retirements::used(const OrderLock&, HandleRecord& record) {
  if (record.host_readers != 0 || record.host_writers != 0 || record.sets != 0) return true;
  bool busy = false;
  record.uses.conflicts(
      true, [this](const Use& use) { return over_.results.over(use); },
      [&busy](const Use&) { busy = true; });
  return busy;
}

bool Retirements::free(OrderLock& lock, HandleRecord& record, Deadline deadline,
                       std::vector<DoneCall>& calls) {
  calls.reserve(calls.size() + 1);  // nothing may fail once the backend has released it
  over_.files.withdraw(lock, record);
  record.published = false;
  lock.unlock();
  const bool released = over_.maker.release(record.handle, deadline);
  lock.lock();
  if (!released) return false;
  const Handle ended = over_.handles.public_handle(record);
  const bool told = record.told;
  if (record.done.function != nullptr) calls.push_back(record.done);
  over_.handles.remove(lock, record);
  if (told) {
    over_.tap.tell(over_.tap.hold(lock),
                   [&](SessionObserver& observer) { observer.on_release(ended); });
  }
  return true;
}

void Retirements::make_room(const OrderLock&) {
  if (waiting_.size() + rooms_ == waiting_.capacity())
    waiting_.reserve(2 * waiting_.capacity() + 16);
  ++rooms_;
}

void Retirements::take(OrderLock& lock, HandleRecord& record, Deadline deadline,
                       std::vector<DoneCall>& calls) {
  const bool known = record.told;  // else it is what is left of an allocation that failed
  const bool is_set = record.kind == HandleRecord::Kind::set;
  const bool over = !used(lock, record) && free(lock, record, deadline, calls);
  --rooms_;
  if (over && known) freed_.fetch_add(1, std::memory_order_release);
  if (!over) waiting_.push_back(record.handle);
  // A set that is over lets its members go, which may have been retired before it.
  const bool look_again = !over || (is_set && !waiting_.empty());
  lock.unlock();
  if (over) over_.results.notify();  // others wait for the memory, an observer to be attached
  // Where the system gives no thread, callers that need the memory free it.
  if (look_again) (void)over_.attendant.call(*this);
}

Attendant::Need Retirements::look(std::vector<DoneCall>& calls) {
  OrderLock lock(over_.order);
  if (looking_) return Attendant::Need::soon;
  looking_ = true;
  std::size_t kept = 0;
  bool again = false;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {  // it may grow while the lock is given up
    const std::uint32_t handle = waiting_[i];
    HandleRecord& record = *over_.handles.find(lock, handle);
    const bool is_set = record.kind == HandleRecord::Kind::set;
    if (used(lock, record) || !free(lock, record, Clock::now(), calls)) {
      waiting_[kept++] = handle;
      again = again || record.sets == 0;  // the end of a set calls the attendant
      continue;
    }
    again = again || is_set;
    freed_.fetch_add(1, std::memory_order_release);
    over_.results.notify();
  }
  waiting_.resize(kept);
  looking_ = false;
  return again && kept != 0 ? Attendant::Need::soon : Attendant::Need::none;
}

std::size_t Retirements::coming(const OrderLock& lock) {
  return static_cast<std::size_t>(
      std::count_if(waiting_.begin(), waiting_.end(), [&](std::uint32_t handle) {
        const HandleRecord* record = over_.handles.find(lock, handle);  // null: freed just now
        return record != nullptr && record->sets == 0 && record->leases == 0;
      }));
}

Result<bool> Retirements::await_freed(std::uint64_t seen, const CopyUntil& until) {
  const auto ready = [&] { return freed() != seen; };
  for (;;) {
    std::size_t left = 0;
    {
      const OrderLock lock(over_.order);
      left = coming(lock);
    }
    if (ready()) return true;
    if (left == 0) return false;
    if (until.told_to_stop()) return fail(Errc::cancelled, "told to stop while memory was short");
    if (Clock::now() >= until.deadline) {
      return fail(Errc::deadline_exceeded,
                  message("memory is short, and {} retired buffers were still in use at the "
                          "deadline; allow more time",
                          left));
    }
    if (!over_.attendant.call(*this)) {
      std::vector<DoneCall> calls;
      (void)look(calls);
      make_calls(calls);
    }
    (void)over_.results.wait_for(std::min(until.deadline, after(kLookAgain)), ready);
  }
}

}  // namespace vyre::runtime
