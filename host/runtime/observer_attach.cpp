// See observer_attach.hpp.
#include "observer_attach.hpp"

#include <utility>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

/// Buffers are filled, files brought and handles released without the order lock: not while an
/// observer is told.
Status await_settled(const ObserverAttachOver& over, OrderLock& lock, Deadline until) {
  while (!over.buffers.settled(lock)) {
    lock.unlock();
    const bool in_time = over.results.wait_for(until, [&] {
      const OrderLock again(over.order);
      return over.buffers.settled(again);
    });
    lock.lock();
    if (!in_time) {
      return fail(Errc::deadline_exceeded,
                  "buffers were still being written or released, or files brought, after "
                  "close_timeout; begin the recording when that has ended");
    }
  }
  return {};
}

/// A lease ends when its holder says so: it is not waited for.
Status not_leased(const ObserverAttachOver& over, const OrderLock& lock) {
  Status free;
  over.handles.for_each(lock, [&](const HandleRecord& record) {
    if (!record.leased_to_write) return true;
    free = fail(Errc::invalid_argument,
                message("a recording cannot begin while handle {} is leased to a caller that "
                        "writes it; end the lease first",
                        record.handle));
    return false;
  });
  return free;
}

Status nothing_began(const ObserverAttachOver& over, const OrderLock& lock) {
  for (const std::uint64_t tail : over.results.tails()) {
    if (tail != 0)
      return fail(Errc::invalid_argument, "a recording begins before the first submit");
  }
  if (over.handles.aliases(lock) != 0) {
    return fail(Errc::invalid_argument,
                "a recording begins before streams do; end the stream first");
  }
  return {};
}

}  // namespace

Status attach_observer(const ObserverAttachOver& over, std::shared_ptr<SessionObserver> observer,
                       Deadline until) {
  const BringLock bringing = over.files.bring_lock();
  OrderLock lock(over.order);
  if (observer) {
    VYRE_TRY(not_leased(over, lock));
    VYRE_TRY(await_settled(over, lock, until));
  }
  if (observer) {
    for (std::uint32_t q = 0; q < over.results.queues(); ++q)
      over.results.collector(q).prepare_to_tell();
  }
  const ObserverTap::Hold hold = over.tap.hold_to_attach(lock);
  if (!observer) {
    over.tap.detach(hold);
    return {};
  }
  VYRE_TRY(nothing_began(over, lock));
  over.tap.attach(hold, std::move(observer));
  over.ops.tell_all(lock, hold);
  Status told = over.buffers.tell_all(lock, bringing, hold);
  if (!told) over.tap.detach(hold);
  return told;
}

}  // namespace vyre::runtime
