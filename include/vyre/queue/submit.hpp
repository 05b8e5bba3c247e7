// Bounded submission: what a host thread does to put items into a queue, full rings and deadlines
// included. Host only; any thread. Spec: docs/protocol.md, "A full ring".
#pragma once

#include <cstdint>
#include <span>

#include "vyre/queue/queue.hpp"
#include "vyre/queue/waiter.hpp"

namespace vyre::queue {

enum class SubmitOutcome : std::uint8_t {
  ok,
  full,       // the deadline passed and the ring had no room
  closed,     // no position is handed out any more
  abandoned,  // our own position was given up before we published it: it completes as cancelled,
              // the item was not taken
};

struct Submitted {
  SubmitOutcome outcome{SubmitOutcome::ok};
  std::uint64_t first{0};     // position of items[0]; items[i] has first + i
  std::uint64_t accepted{0};  // a prefix; ok with less than all means: call again for the rest
  bool waited{false};         // the ring was full at least once
};

/// Takes at most `max` positions in one go; waits on `space` while the ring is full. `space` is
/// notified by whoever releases slots or completions, and by whoever closes the queue.
[[nodiscard]] Reservation reserve_until(const Producer& producer, std::uint32_t max,
                                        Deadline deadline, Waiter& space, bool* waited = nullptr);

/// One run of neighbouring positions: reserves up to items.size() and publishes them, then rings
/// `doorbell`. The first position and the count accepted come back; call again for the rest.
[[nodiscard]] Submitted submit_until(const Producer& producer,
                                     std::span<const MegakernelWorkItem> items, std::uint32_t flags,
                                     Deadline deadline, Waiter& space, Waiter& doorbell);

}  // namespace vyre::queue
