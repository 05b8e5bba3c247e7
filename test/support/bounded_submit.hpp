// Puts items into a queue and waits on `space` while it is full, as a caller of the rings does.
// Test support.
#pragma once

#include <cstdint>
#include <span>

#include "queue/queue.hpp"
#include "queue/waiter.hpp"

namespace vyre::queue {

struct Submitted {
  TakeOutcome outcome{TakeOutcome::full};  // full: so it was until the deadline
  std::uint32_t accepted{0};               // a prefix of the items
};

inline Submitted submit_until(const Producer& producer, std::span<const MegakernelWorkItem> items,
                              Deadline deadline, Waiter& space, Waiter& doorbell) {
  Reservation got;
  (void)space.wait_until(deadline, [&] {
    got = producer.try_reserve(static_cast<std::uint32_t>(items.size()));
    return got.outcome != TakeOutcome::full;
  });
  for (std::uint32_t i = 0; i < got.count; ++i) {
    if (!producer.try_publish(got.first + i, items[i], 0)) return {got.outcome, i};
  }
  doorbell.notify();
  return {got.outcome, got.count};
}

}  // namespace vyre::queue
