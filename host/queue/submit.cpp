// Bounded submission over the lock-free ring.
#include "vyre/queue/submit.hpp"

#include <algorithm>
#include <limits>

namespace vyre::queue {

Reservation reserve_until(const Producer& producer, std::uint32_t max, Deadline deadline,
                          Waiter& space, bool* waited) {
  Reservation got = producer.try_reserve(max);
  if (got.outcome != TakeOutcome::full) return got;
  if (waited != nullptr) *waited = true;
  // Left full at the deadline: that is the answer.
  (void)space.wait_until(deadline, [&] {
    got = producer.try_reserve(max);
    return got.outcome != TakeOutcome::full;
  });
  return got;
}

Submitted submit_until(const Producer& producer, std::span<const MegakernelWorkItem> items,
                       std::uint32_t flags, Deadline deadline, Waiter& space, Waiter& doorbell) {
  Submitted result;
  if (items.empty()) return result;
  const auto want = static_cast<std::uint32_t>(
      std::min<std::size_t>(items.size(), std::numeric_limits<std::uint32_t>::max()));
  const Reservation got = reserve_until(producer, want, deadline, space, &result.waited);
  result.first = got.first;
  if (got.outcome != TakeOutcome::ok) {
    result.outcome =
        got.outcome == TakeOutcome::closed ? SubmitOutcome::closed : SubmitOutcome::full;
    return result;
  }
  for (std::uint32_t i = 0; i < got.count; ++i) {
    if (!producer.try_publish(got.first + i, items[i], flags)) {
      // The positions that follow were ours too, and as late as this one: give them up rather than
      // leave holes that cost another timeout, and keep what we accepted a prefix.
      for (std::uint32_t k = i + 1; k < got.count; ++k) (void)producer.reap(got.first + k);
      result.outcome = SubmitOutcome::abandoned;
      break;
    }
    ++result.accepted;
  }
  doorbell.notify();
  return result;
}

}  // namespace vyre::queue
