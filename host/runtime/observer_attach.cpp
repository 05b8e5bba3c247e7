// See observer_attach.hpp.
#include "observer_attach.hpp"

#include <utility>

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
                  "close_timeout; attach the observer when that has ended");
    }
  }
  return {};
}

Status nothing_began(const ObserverAttachOver& over, const OrderLock& lock) {
  for (const std::uint64_t tail : over.results.tails()) {
    if (tail != 0)
      return fail(Errc::invalid_argument, "an observer must be attached before the first submit");
  }
  if (over.handles.aliases(lock) != 0) {
    return fail(Errc::invalid_argument,
                "an observer must be attached before a stream has begun; end the stream first");
  }
  return {};
}

}  // namespace

Status attach_observer(const ObserverAttachOver& over, std::shared_ptr<SessionObserver> observer,
                       Deadline until) {
  const BringLock bringing = over.files.bring_lock();
  OrderLock lock(over.order);
  if (observer) VYRE_TRY(await_settled(over, lock, until));
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
