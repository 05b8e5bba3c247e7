// See batch.hpp.
#include "batch.hpp"

#include <new>

namespace vyre::runtime {

void Batch::settle(OfQueue& of, std::uint64_t ended_below) {
  std::size_t over = 0;
  for (; over < of.open.size() && of.open[over].end <= ended_below; ++over)
    of.settled += of.open[over].end - of.open[over].first;
  of.open.erase(of.open.begin(), of.open.begin() + static_cast<std::ptrdiff_t>(over));
  if (of.open.empty() || of.open[0].first >= ended_below) return;
  of.settled += ended_below - of.open[0].first;
  of.open[0].first = ended_below;
}

void Batch::make_room(std::uint32_t queue) {
  const std::lock_guard lock(mutex_);
  OfQueue& of = queues_[queue];
  if (of.open.size() + of.rooms >= of.open.capacity()) of.open.reserve(2 * of.open.capacity() + 4);
  ++of.rooms;
}

void Batch::give_up_room(std::uint32_t queue) noexcept {
  const std::lock_guard lock(mutex_);
  --queues_[queue].rooms;
}

void Batch::add(std::uint32_t queue, const PositionRange& range, std::uint64_t ended_below) {
  const std::lock_guard lock(mutex_);
  OfQueue& of = queues_[queue];
  --of.rooms;
  of.accepted += range.end - range.first;
  if (!of.open.empty() && of.open.back().end == range.first) {
    of.open.back().end = range.end;
    return;
  }
  if (of.open.size() >= of.settle_at) {
    settle(of, ended_below);
    of.settle_at = std::max(kSettleAtLeast, 2 * of.open.size());
  }
  // Threads that share a batch note their ranges in almost the order of the positions.
  auto place = of.open.end();
  while (place != of.open.begin() && std::prev(place)->first > range.first) --place;
  of.open.insert(place, range);
}

void Batch::failed(const ItemResult& result) {
  const std::lock_guard lock(mutex_);
  OfQueue& of = queues_[result.ticket.queue];
  const std::uint64_t position = result.ticket.position;
  const auto after =
      std::upper_bound(of.open.begin(), of.open.end(), position,
                       [](std::uint64_t p, const PositionRange& range) { return p < range.first; });
  if (after == of.open.begin() || position >= std::prev(after)->end) return;
  ++(result.status == CompletionStatus::faulted ? of.faulted : of.cancelled);
  ++of.unasked;
  try {
    if (of.failures.size() < kKeptFailures) of.failures.insert(position);
  } catch (const std::bad_alloc&) {
    // As one beyond kKeptFailures: it stays unasked.
  }
  if (first_failures_.size() < kMaxReportedFaults) first_failures_.push_back(result);
}

void Batch::asked(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  OfQueue& of = queues_[ticket.queue];
  of.unasked -= of.failures.erase(ticket.position);
}

std::vector<ItemResult> Batch::first_failures() const {
  const std::lock_guard lock(mutex_);
  return first_failures_;
}

std::shared_ptr<Batch> BatchList::open(std::uint32_t session, std::uint32_t queues) {
  auto batch = std::make_shared<Batch>(session, queues);
  const std::lock_guard lock(mutex_);
  std::erase_if(batches_, [](const auto& known) { return known.expired(); });
  batches_.push_back(batch);
  return batch;
}

template <class Tell>
void BatchList::tell(const Tell& tell) {
  const std::lock_guard lock(mutex_);
  for (const auto& known : batches_) {
    if (const auto batch = known.lock()) tell(*batch);
  }
}

void BatchList::failed(const ItemResult& result) {
  tell([&](Batch& batch) { batch.failed(result); });
}

void BatchList::asked(const Ticket& ticket) {
  tell([&](Batch& batch) { batch.asked(ticket); });
}

}  // namespace vyre::runtime
