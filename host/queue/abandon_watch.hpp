// Finds slots that a producer took and never published, and gives them up after a time
// (producer_timeout). Host only; one owner, the housekeeping thread of the queue (the poller's
// thread on the CPU backend). Spec: docs/internals/protocol.md, "An abandoned producer".
#pragma once

#include <chrono>
#include <cstdint>

#include "queue/queue.hpp"
#include "queue/waiter.hpp"

namespace vyre::queue {

enum class WatchVerdict : std::uint8_t {
  idle,     // nothing is waiting for a producer
  waiting,  // a slot is, but not for long enough
  reaped,   // slots were given up: they now come through the ring as abandoned items
  /// A producer claimed a slot and did not store it within a second timeout. Only a thread that was
  /// killed between two stores does that; the slot can neither be used nor given up safely, so the
  /// queue has to fail as a whole: close it, cancel [poller position, tail) as abandoned, and write
  /// no slot of it again.
  wedged,
};

class AbandonWatch {
 public:
  explicit AbandonWatch(std::chrono::nanoseconds producer_timeout) : timeout_(producer_timeout) {}

  /// `poller_position`: the first position not taken from the ring, as the poller knows or
  /// published it.
  [[nodiscard]] WatchVerdict check(const Producer& producer, std::uint64_t poller_position,
                                   Deadline now);
  [[nodiscard]] std::uint64_t reaped() const noexcept { return reaped_; }

 private:
  std::chrono::nanoseconds timeout_;
  std::uint64_t stuck_at_{~std::uint64_t{0}};
  std::uint64_t taken_below_{0};  // the tail when the slot was first seen stuck: all below were
                                  // taken at least that long ago
  Deadline since_{};
  bool reaped_once_{false};  // at stuck_at_
  std::uint64_t reaped_{0};
};

}  // namespace vyre::queue
