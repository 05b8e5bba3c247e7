// Marking items and telling the kernel that there are marks. See cancels.hpp.
#include "cancels.hpp"

#include <algorithm>

namespace vyre::cuda {

using megakernel::cancel_reason;
using megakernel::kItemsCancelled;
using queue::HostAtomics;
using queue::Order;

queue::CancelMarks<HostAtomics> Cancels::marks(std::uint32_t q) const noexcept {
  return {reserved_.cancels[q], queue::RingGeometry::of(reserved_.queues[q].completion_slots())};
}

void Cancels::all(FaultCode why) noexcept {
  std::uint32_t* const order = &reserved_.orders->cancel;
  // Relaxed, and only host threads write the word, so the exchange is among them.
  std::uint32_t word = HostAtomics::load(order, Order::relaxed);
  while (cancel_reason(word) == FaultCode::none &&
         !HostAtomics::compare_exchange(order, word, word | static_cast<std::uint32_t>(why))) {
  }
}

void Cancels::order_looks(bool wanted) noexcept {
  std::uint32_t* const order = &reserved_.orders->cancel;
  std::uint32_t word = HostAtomics::load(order, Order::relaxed);  // relaxed: as above
  while (!HostAtomics::compare_exchange(
      order, word, wanted ? word | kItemsCancelled : word & ~kItemsCancelled)) {
  }
}

bool Cancels::in_flight(std::uint32_t q, std::uint64_t position) const noexcept {
  const queue::Producer producer = reserved_.queues[q].producer();
  const auto collected = [&] {
    return HostAtomics::load(&producer.collected->position, Order::acquire);  // [RING-5]
  };
  if (position < collected() || position >= producer.tail()) return false;
  const bool posted = reserved_.queues[q].writer().posted(position);
  // A position below `collected` may have lost its slot to a later item.
  return !posted && position >= collected();
}

std::uint64_t Cancels::items(std::uint32_t q, std::span<const std::uint64_t> positions) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t>& marked = marked_[q];
  marked.reserve(marked.size() + positions.size());  // before anything has changed
  std::uint64_t count = 0;
  for (const std::uint64_t position : positions) {
    if (!in_flight(q, position) || !marks(q).set(position)) continue;
    marked.push_back(position);
    ++count;
  }
  if (count != 0) order_looks(true);
  return count;
}

bool Cancels::look_for_members(std::uint32_t q, std::uint64_t position) {
  const std::lock_guard lock(mutex_);
  if (!in_flight(q, position)) return false;
  marked_[q].push_back(position);
  order_looks(true);
  return true;
}

void Cancels::settle() noexcept {
  const std::lock_guard lock(mutex_);
  bool any = false;
  bool taken_back = false;
  for (std::uint32_t q = 0; q < marked_.size(); ++q) {
    std::vector<std::uint64_t>& marked = marked_[q];
    if (marked.empty()) continue;
    const std::uint64_t collected = HostAtomics::load(
        &reserved_.queues[q].producer().collected->position, Order::acquire);  // [RING-5]
    const auto gone = std::partition(marked.begin(), marked.end(),
                                     [&](std::uint64_t position) { return position >= collected; });
    for (auto at = gone; at != marked.end(); ++at) marks(q).clear(*at);
    taken_back = taken_back || gone != marked.end();
    marked.erase(gone, marked.end());
    any = any || !marked.empty();
  }
  if (taken_back && !any) order_looks(false);
}

}  // namespace vyre::cuda
