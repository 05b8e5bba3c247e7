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

std::uint64_t Cancels::items(std::uint32_t q, std::span<const std::uint64_t> positions) {
  const queue::Producer producer = reserved_.queues[q].producer();
  const queue::Writer writer = reserved_.queues[q].writer();
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t>& marked = marked_[q];
  marked.reserve(marked.size() + positions.size());  // before anything has changed
  const std::uint64_t tail = producer.tail();
  std::uint64_t count = 0;
  for (const std::uint64_t position : positions) {
    // A position below `collected` may have lost its slot to a later item.
    const std::uint64_t collected =
        HostAtomics::load(&producer.collected->position, Order::acquire);  // [RING-5]
    if (position < collected || position >= tail || writer.posted(position)) continue;
    if (!marks(q).set(position)) continue;
    marked.push_back(position);
    ++count;
  }
  if (count != 0) order_looks(true);
  return count;
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
