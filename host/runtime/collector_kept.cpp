// Results of items that were not done: kept behind the history until a caller has them, and counted
// when it has. See collector.hpp.
#include <new>

#include "collector.hpp"

namespace vyre::runtime {

using queue::HostAtomics;
using queue::Order;

void Collector::keep(std::uint64_t position, const ResultRecord& record) {
  if (const auto members = not_done_.find(position); members != not_done_.end()) {
    for (const NotDone& one : members->second) {
      if (!one.asked) keep_result(one.result);
    }
    not_done_.erase(members);
    return;
  }
  std::vector<bool>::reference was_asked = asked_[position & (history_ - 1)];
  if (was_asked) {
    was_asked = false;
    return;
  }
  keep_result(result_of(position, record));
}

void Collector::keep_result(const ItemResult& result) {
  try {
    if (kept_.size() < kKeptFailures) {
      kept_.push_back({result, false});
      return;
    }
    Kept& oldest = kept_[oldest_kept_];
    if (!oldest.asked) ++failures_dropped_;
    oldest = {result, false};
    oldest_kept_ = (oldest_kept_ + 1) % kept_.size();
  } catch (const std::bad_alloc&) {
    ++failures_dropped_;
  }
}

void Collector::asked(const ItemResult& result) {
  if (result.status == CompletionStatus::done) return;
  const Holding holding(*this);
  const std::uint64_t position = result.ticket.position;
  const ResultRecord& record = results_[position & (history_ - 1)];
  if (HostAtomics::load(&record.mark, Order::relaxed) != mark_of(position)) {
    (void)ask_kept(result.ticket);  // replaced since the caller looked
    return;
  }
  if (const auto members = not_done_.find(position); members != not_done_.end()) {
    for (NotDone& one : members->second) {
      if (one.result.ticket.member != result.ticket.member || one.asked) continue;
      one.asked = true;
      note_asked(result.ticket);
    }
    return;
  }
  std::vector<bool>::reference known = asked_[position & (history_ - 1)];
  if (known) return;
  known = true;
  note_asked(result.ticket);
}

void Collector::note_asked(const Ticket& ticket) {
  ++counts_.asked;
  if (options_.batches != nullptr) options_.batches->asked(ticket);
}

std::optional<ItemResult> Collector::kept(const Ticket& ticket) {
  const Holding holding(*this);
  return ask_kept(ticket);
}

std::optional<ItemResult> Collector::ask_kept(const Ticket& ticket) {
  for (Kept& one : kept_) {
    const Ticket& known = one.result.ticket;
    if (known.position != ticket.position || known.member != ticket.member) continue;
    if (!one.asked) note_asked(known);
    one.asked = true;
    return one.result;
  }
  return std::nullopt;
}

std::uint64_t Collector::failures_dropped() {
  const Holding holding(*this);
  return failures_dropped_;
}

}  // namespace vyre::runtime
