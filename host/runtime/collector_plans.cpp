// What plans add to a collector: items for which another one stands, and regions, which are several
// items at one position that end with one completion. See collector.hpp.
#include <algorithm>

#include "collector.hpp"

namespace vyre::runtime {
namespace {

/// Members ended in different ways, and the block says how.
bool members_differ(const Completion& completion) {
  return completion.status() == CompletionStatus::faulted && completion.code() == FaultCode::none;
}

}  // namespace

bool Collector::stand_for(const OrderLock&, const DoneWork::At& at,
                          std::span<const MegakernelWorkItem> items, bool unless_cancelled,
                          std::int64_t now_ns) {
  const Holding holding(*this);
  ItemResult result;
  const Ticket ticket{options_.queue, at.position, options_.session, at.member};
  const Found found = look_at_member(ticket, result);
  const bool over = found == Found::ended;
  if (!over && found != Found::pending) return false;
  if (unless_cancelled) {
    // A ticket of the removed item is good for as long as one that is given out now.
    if (port_.submissions.tail() - at.position > history_ / 2) return false;
    if (over && result.status == CompletionStatus::cancelled) return false;
  }
  StoodFor of_these{items[0].op_handle, items.size(), {}};
  StoodFor& stood = over ? of_these : stood_for_[at.number()];
  if (!over) {
    stood.op = of_these.op;
    stood.told.reserve(stood.told.size() + items.size());
    stood.count += items.size();
  }
  // Relaxed: counted before the items can end, which is with the turn as well.
  deduped_.fetch_add(items.size(), std::memory_order_relaxed);
  if (tap_.active()) {
    const ObserverTap::Hold hold = tap_.hold(turn_);
    for (const MegakernelWorkItem& item : items) {
      const Ticket told{options_.queue, told_next_++, options_.session};
      stood.told.push_back(told.position);
      tap_.tell(hold, [&](SessionObserver& observer) {
        observer.on_submit(told, item, kQueueFlagNone, std::chrono::nanoseconds{now_ns});
      });
    }
  }
  if (over) end_stood_for(result, of_these, now_ns);
  return true;
}

void Collector::end_stood_for(const ItemResult& result, const StoodFor& stood,
                              std::int64_t now_ns) {
  counts_.ended += stood.count;
  counts_.stood_for += stood.count;
  counts_.last_end_ns = now_ns;
  counters_of(stood.op).deduped += stood.count;
  if (result.status != CompletionStatus::done) {
    counts_.not_done += stood.count;
    // There is one result to ask for, and it counts where it is.
    counts_.asked += stood.count;
    if (result.status == CompletionStatus::faulted) counts_.faulted += stood.count;
    if (result.fault.code == FaultCode::wall_time) counts_.never_started += stood.count;
    for (std::size_t i = 0; i < counts_.first_not_done.size(); ++i) {
      const Ticket& known = counts_.first_not_done[i].ticket;
      if (known.position == result.ticket.position && known.member == result.ticket.member)
        counts_.first_not_done_stand_for[i] += stood.count;
    }
  }
  for (const std::uint64_t number : stood.told) tell_completion(result, now_ns, number);
}

void Collector::end_those_it_stands_for(const ItemResult& result, std::int64_t now_ns) {
  const auto found =
      stood_for_.find(DoneWork::At{result.ticket.position, result.ticket.member}.number());
  if (found == stood_for_.end()) return;
  end_stood_for(result, found->second, now_ns);
  stood_for_.erase(found);
}

void Collector::note_region(const OrderLock&, std::uint32_t block,
                            std::span<const MegakernelWorkItem> items) {
  Region region;
  region.ops.reserve(items.size());
  for (const MegakernelWorkItem& item : items) region.ops.push_back(item.op_handle);
  const Holding holding(*this);
  regions_.insert_or_assign(block, std::move(region));
}

void Collector::forget_region(const OrderLock&, std::uint32_t block) {
  const Holding holding(*this);
  regions_.erase(block);
  options_.regions->free_region(block);
}

void Collector::note_submit_region(std::uint64_t position, std::uint32_t block, std::size_t members,
                                   std::int64_t since_open_ns) noexcept {
  more_members_.fetch_add(members - 1, std::memory_order_relaxed);  // relaxed: before they end
  note_submit(position, kRegionMark | block, since_open_ns);
}

void Collector::region_abandoned(const OrderLock&, std::uint64_t position, std::uint32_t block,
                                 std::int64_t now_ns) {
  const Holding holding(*this);
  const auto found = regions_.find(block);
  if (found == regions_.end() || !ended(position)) return;  // it has ended, or will, as a region
  // It ended before anything was noted of it: as one item of no known op.
  const Region region = std::move(found->second);
  regions_.erase(found);
  --counts_.ended;
  --counts_.not_done;
  const auto noted =
      std::find_if(counts_.first_not_done.begin(), counts_.first_not_done.end(),
                   [&](const ItemResult& one) { return one.ticket.position == position; });
  if (noted != counts_.first_not_done.end()) {
    const auto index = noted - counts_.first_not_done.begin();
    counts_.first_not_done.erase(noted);
    counts_.first_not_done_ops.erase(counts_.first_not_done_ops.begin() + index);
    counts_.first_not_done_stand_for.erase(counts_.first_not_done_stand_for.begin() + index);
  }
  const ItemResult one = result_of(position, results_[position & (history_ - 1)]);
  end_members(Completion::make(one.status, one.fault.code, 0, 0, 0, 0), position, region, {}, 0,
              now_ns, true);
  options_.regions->free_region(block);
}

std::optional<std::uint32_t> Collector::region_at(std::uint64_t position) {
  const Holding holding(*this);
  const SubmitRecord& record = submits_[position & (slots_ - 1)];
  const std::uint32_t op = record.op.load(std::memory_order_relaxed);
  const bool same =
      record.position_low.load(std::memory_order_relaxed) == static_cast<std::uint32_t>(position);
  if (!same || op == kNoOp || (op & kRegionMark) == 0) return std::nullopt;
  // A block that was freed may be another region's by now.
  const std::uint32_t block = op & ~kRegionMark;
  if (ended(position) || !regions_.contains(block)) return std::nullopt;
  return block;
}

void Collector::end_region(const Completion& completion, std::uint64_t position,
                           std::uint32_t block, std::int64_t waited_ns, std::int64_t now_ns) {
  const auto found = regions_.find(block);
  const Region region = std::move(found->second);
  regions_.erase(found);
  std::span<const Completion> results;
  if (members_differ(completion)) results = options_.regions->region_results(block);
  counts_.region_reads += 1 + results.size();
  if (options_.timeline != nullptr) {
    const auto members = static_cast<std::uint32_t>(region.ops.size());
    tell_timeline(completion, position, kRegionMark | members, now_ns - waited_ns, now_ns);
  }
  end_members(completion, position, region, results, waited_ns, now_ns);
  // A worker that was left behind may still be at it.
  if (!gave_up_) options_.regions->free_region(block);
}

void Collector::end_members(const Completion& completion, std::uint64_t position,
                            const Region& region, std::span<const Completion> results,
                            std::int64_t waited_ns, std::int64_t now_ns, bool told) {
  const bool observed = tap_.active();
  counts_.ended += region.ops.size();
  counts_.members += region.ops.size();
  counts_.last_end_ns = now_ns;
  std::vector<NotDone> not_done;
  for (std::uint32_t m = 0; m < region.ops.size(); ++m) {
    const Completion& own = results.empty() ? completion : results[m];
    const ItemResult result{{options_.queue, position, options_.session, m},
                            own.status(),
                            {own.code(), own.workgroup, own.lane, own.statement()}};
    OpCounters& counters = counters_of(region.ops[m]);
    counters.add(waited_ns);
    if (result.status != CompletionStatus::done) {
      count_not_done(result, region.ops[m]);
      not_done.push_back({result, false});
    }
    if (observed && !(told && m == 0)) tell_completion(result, now_ns);
    if (!stood_for_.empty()) end_those_it_stands_for(result, now_ns);
  }
  if (!not_done.empty()) not_done_.insert_or_assign(position, std::move(not_done));
}

Collector::Found Collector::look(const Ticket& ticket, ItemResult& out) {
  const Found found = look(ticket.position, out);
  if (found != Found::ended) return found;
  out.ticket.member = ticket.member;
  const bool may_differ = out.status != CompletionStatus::done &&
                          (ticket.member != 0 || out.fault.code == FaultCode::none);
  if (!may_differ) return found;
  const Holding holding(*this);
  return look_at_member(ticket, out);
}

Collector::Found Collector::look_at_member(const Ticket& ticket, ItemResult& out) const {
  const Found found = look(ticket.position, out);
  if (found != Found::ended) return found;
  out.ticket.member = ticket.member;
  const auto members = not_done_.find(ticket.position);
  if (out.status == CompletionStatus::done || members == not_done_.end()) return found;
  for (const NotDone& one : members->second) {
    if (one.result.ticket.member != ticket.member) continue;
    out = one.result;
    return found;
  }
  out.status = CompletionStatus::done;
  out.fault = {};
  return found;
}

std::uint64_t Collector::items_run(std::uint32_t op) {
  const Holding holding(*this);
  const auto found = ops_.find(op);
  return found == ops_.end() ? 0 : found->second->items - found->second->cancelled;
}

}  // namespace vyre::runtime
