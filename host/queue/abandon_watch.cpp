// Times the slot that the poller waits for and gives it up, with all that were taken before the
// timing began.
#include "queue/abandon_watch.hpp"

namespace vyre::queue {

WatchVerdict AbandonWatch::check(const Producer& producer, std::uint64_t poller_position,
                                 Deadline now) {
  // A single producer's slots are never given up: without claims nothing would tell it.
  if (producer.claims == nullptr) return WatchVerdict::idle;
  const std::uint64_t tail = producer.tail();
  // A published slot waits for the poller, not for its producer.
  if (poller_position >= tail || producer.published(poller_position)) {
    stuck_at_ = ~std::uint64_t{0};
    return WatchVerdict::idle;
  }
  if (poller_position != stuck_at_) {
    stuck_at_ = poller_position;
    taken_below_ = tail;
    since_ = now;
    reaped_once_ = false;
    return WatchVerdict::waiting;
  }
  if (now < since_ + timeout_) return WatchVerdict::waiting;
  if (reaped_once_) return WatchVerdict::wedged;

  std::uint64_t given_up = 0;
  for (std::uint64_t p = stuck_at_; p < taken_below_; ++p) {
    if (producer.reap(p) == ReapOutcome::reaped) ++given_up;
  }
  reaped_ += given_up;
  // Whatever stands at stuck_at_ now is a published slot, the reaper's or its producer's, or one
  // claimed by a producer that has one more timeout to finish its stores.
  reaped_once_ = true;
  since_ = now;
  return given_up != 0 ? WatchVerdict::reaped : WatchVerdict::waiting;
}

}  // namespace vyre::queue
