// Submitting plans. What a plan proposes is looked at again under the order lock, item by item;
// what no longer holds is not done, and the item is published as it is. See submitter.hpp.
#include <algorithm>

#include "at_end.hpp"
#include "base/message.hpp"
#include "submitter.hpp"

namespace vyre::runtime {

Status Submitter::plan_is_good(const OrderLock& lock, const PlanContents& plan) {
  for (const NamedHandle& named : plan.handles) {
    const HandleRecord* const record = over_.handles.find(lock, named.handle);
    if (record != nullptr && !record->releasing && record->serial == named.serial) continue;
    const bool other = record != nullptr && record->serial != named.serial;
    return fail(Errc::not_found,
                message("handle {} was released after the plan was made{}; nothing of the plan was "
                        "submitted: make another one",
                        named.handle, other ? ", and another buffer has its number now" : ""));
  }
  return {};
}

Result<SubmittedPlan> Submitter::submit_plan(const PlanContents& plan, Deadline deadline) {
  if (plan.session != over_.setup.number) {
    return fail(Errc::invalid_argument,
                message("the plan belongs to session {}, and this is session {}; submit it to the "
                        "one that made it",
                        plan.session, over_.setup.number));
  }
  if (auto refused = refuses(plan.queue, kQueueFlagNone))
    return tl::unexpected<Error>(std::move(*refused));
  const std::int64_t begin_ns = over_.setup.since_open_ns();
  VYRE_TRY(over_.launch.decide(plan));
  SessionCounters::add(over_.counters.plan_ns,
                       static_cast<std::uint64_t>(over_.setup.since_open_ns() - begin_ns));
  SubmittedPlan result;
  result.tickets.resize(plan.items.size());
  Session::SubmitMany one;
  Call call{plan.queue, kQueueFlagNone, deadline, nullptr, nullptr, one};
  PlaceInLines lines(over_.handles);
  OrderLock lock(over_.order);
  VYRE_TRY(plan_is_good(lock, plan));
  const AtEnd leave([&] {  // also where memory runs out: others stand in line behind
    if (!lock.owns_lock()) lock.lock();
    if (lines.leave(lock)) over_.results.notify();
    lock.unlock();
    over_.backend.doorbell();
  });
  ++plan_counts_.plans;
  if (plan.plan.options.lineage) over_.lineage.begin(lock);
  for (std::size_t r = 0; r < planner::kRefusals; ++r)
    plan_counts_.refused[r] += plan.plan.regions.refused[r];
  Planned planned{plan, call, lines, result, plan.plan.regions.regions.size()};
  for (const planner::Region& region : plan.plan.regions.regions) {
    const std::uint32_t first = plan.plan.regions.members_of(region)[0];
    if (!plan.perhaps.empty() && plan.perhaps[first] && stood_for(lock, planned, first)) {
      --planned.left;
      continue;
    }
    call.flags = region.flags;
    const bool submitted = submit_region(lock, planned, region);
    --planned.left;
    if (submitted) continue;
    result.stopped_by = std::move(one.stopped_by);
    break;
  }
  if (result.accepted == 0 && result.stopped_by)
    return tl::unexpected<Error>(std::move(*result.stopped_by));
  return result;
}

bool Submitter::submit_region(OrderLock& lock, Planned& planned, const planner::Region& region) {
  const auto members = planned.plan.plan.regions.members_of(region);
  // An observer hears of a removed item right behind the one that stands for it, which a member
  // further back may undo. So there the members go one by one.
  const auto stands = [&](std::uint32_t member) {
    return !planned.plan.stands_for(member).empty();
  };
  const bool alone = over_.tap.active() && std::any_of(members.begin(), members.end(), stands);
  if (members.size() > 1 && !alone) {
    const backend::FusedRegion* const image = planned.plan.image_of(region);
    planned.items.clear();
    for (const std::uint32_t member : members) planned.items.push_back(planned.plan.items[member]);
    const bool side_by_side = region.form == planner::Form::bundle;
    const auto block = image == nullptr ? over_.backend.make_region(planned.items, side_by_side)
                                        : over_.backend.make_fused_region(planned.items, *image);
    if (block) {
      SessionCounters::add(over_.counters.allocations, 1);
      return submit_unit(lock, planned, {planned.plan, members, region.form, block});
    }
  }
  for (const std::uint32_t& member : members) {
    if (!submit_item(lock, planned, member)) return false;
  }
  return true;
}

bool Submitter::submit_unit(OrderLock& lock, Planned& planned, const Unit& unit) {
  Call& call = planned.call;
  Collector& collector = over_.results.collector(planned.plan.queue);
  std::span<const MegakernelWorkItem> items(&planned.plan.items[unit.members[0]], 1);
  bool published = false;
  const AtEnd forget([&] {
    if (!unit.block || published) return;
    if (!lock.owns_lock()) lock.lock();
    collector.forget_region(lock, *unit.block);
  });
  if (unit.block) {
    items = planned.items;
    collector.note_region(lock, *unit.block, items);
  }
  call.result.accepted = 0;  // items of a plan need no neighbouring positions
  call.unit = &unit;
  for (;;) {
    Obstacle obstacle;
    bool late = false;
    const Placed placed = place(lock, call, items, planned.lines.turn(), obstacle);
    if (placed == Placed::yes) break;
    if (placed == Placed::stop) return false;
    if (!await_place(lock, placed, call, items, planned.left, planned.lines, obstacle, late))
      return false;
  }
  published = true;
  if (planned.lines.leave(lock)) over_.results.notify();
  const std::uint64_t position = call.result.first.position;
  call.previous = position;
  if (unit.block)
    collector.region_abandoned(lock, position, *unit.block, over_.setup.since_open_ns());
  ++plan_counts_.regions[static_cast<std::size_t>(unit.form)];
  plan_counts_.members += unit.members.size();
  for (std::uint32_t m = 0; m < unit.members.size(); ++m) {
    if (!accepted(lock, planned, unit.members[m], {position, m})) return false;
  }
  return true;
}

void Submitter::enter(const OrderLock& lock, const Unit& unit, std::uint64_t position) {
  const PlanContents& plan = unit.plan;
  const auto over = [this](const Use& use) { return over_.results.over(use); };
  for (std::uint32_t m = 0; m < unit.members.size(); ++m) {
    const std::uint32_t item = unit.members[m];
    // Found before, under the same lock, or the unit would not have been placed.
    if (unit.members.size() > 1) (void)find_accesses(lock, plan.queue, {&plan.items[item], 1});
    accesses_.enter(lock, plan.queue, position, over);
    if (plan.plan.repeatable.empty() || !plan.plan.repeatable[item]) continue;
    if (const auto key = key_of(lock, over_.handles, plan.work, plan.work.items[item], versions_))
      over_.done_work.remember(lock, plan.queue, *key, {position, m});
  }
}

void Submitter::publish_region(const OrderLock&, const Call& call, std::uint64_t position,
                               std::uint8_t flags, std::int64_t now_ns) {
  const Unit& unit = *call.unit;
  Collector& collector = over_.results.collector(call.queue);
  collector.note_submit_region(position, *unit.block, unit.members.size(), now_ns);
  const auto& vanishes = over_.setup.hooks.producer_vanishes;
  if (vanishes && vanishes(call.queue, position)) return;
  // False: as in publish(). Collector::region_abandoned() sees to what was not noted in time.
  (void)collector.producer().try_publish(position, {kRegionOp, 0, 0, *unit.block}, flags);
}

bool Submitter::accepted(OrderLock& lock, Planned& planned, std::uint32_t item,
                         const DoneWork::At& at) {
  const PlanContents& plan = planned.plan;
  const Ticket ticket{plan.queue, at.position, over_.setup.number, at.member};
  planned.result.tickets[item] = ticket;
  ++planned.result.accepted;
  const auto stood = plan.stands_for(item);
  if (stood.empty()) return true;
  stood_items_.clear();
  for (const std::uint32_t one : stood) stood_items_.push_back(plan.items[one]);
  if (over_.results.collector(plan.queue)
          .stand_for(lock, at, stood_items_, false, over_.setup.since_open_ns())) {
    for (const std::uint32_t one : stood) planned.result.tickets[one] = ticket;
    planned.result.accepted += stood.size();
    planned.result.deduped += stood.size();
    return true;
  }
  planned.call.flags = kQueueFlagNone;
  for (const std::uint32_t& one : stood) {
    if (!submit_item(lock, planned, one)) return false;
  }
  return true;
}

bool Submitter::stood_for(const OrderLock& lock, Planned& planned, std::uint32_t item) {
  const PlanContents& plan = planned.plan;
  const auto key = key_of(lock, over_.handles, plan.work, plan.work.items[item], versions_);
  if (!key) return false;
  const auto at = over_.done_work.find(lock, plan.queue, *key);
  if (!at || !over_.results.collector(plan.queue)
                  .stand_for(lock, *at, {&plan.items[item], 1}, true, over_.setup.since_open_ns()))
    return false;
  planned.result.tickets[item] = {plan.queue, at->position, over_.setup.number, at->member};
  ++planned.result.accepted;
  ++planned.result.deduped;
  return true;
}

PlanCounts Submitter::plan_counts() {
  const OrderLock lock(over_.order);
  return plan_counts_;
}

}  // namespace vyre::runtime
