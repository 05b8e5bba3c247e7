// See results.hpp.
#include "results.hpp"

#include <string>

#include "base/message.hpp"

namespace vyre::runtime {

Results::Results(const SessionSetup& setup, backend::Backend& backend, ObserverTap& tap,
                 SessionCounters& counters)
    : setup_(setup),
      backend_(backend),
      counters_(counters),
      polls_(setup.hooks.nobody_rings || backend.polls()) {
  const std::uint32_t asked = setup.hooks.history != 0 ? setup.hooks.history : kDefaultHistory;
  const std::uint32_t history = std::max(asked, setup.options.ring_slots);
  for (std::uint32_t q = 0; q < setup.options.queues; ++q) {
    collectors_.push_back(
        std::make_unique<Collector>(CollectorOptions{setup.number, q, history, setup.opened,
                                                     &batches_, &backend, setup.timeline.get()},
                                    backend.port(q), tap, changed_));
  }
}

void Results::posted() noexcept {
  if (!setup_.hooks.nobody_rings) changed_.notify();
}

void Results::idle() noexcept {
  // Where no thread waits, latencies and slots should not wait either.
  if (!setup_.hooks.nobody_rings) (void)collect_all();
}

std::uint64_t Results::collect_all() {
  std::uint64_t sum = 0;
  for (auto& collector : collectors_) sum += collector->collect();
  return sum;
}

std::vector<std::uint64_t> Results::tails() const {
  std::vector<std::uint64_t> all;
  all.reserve(collectors_.size());
  for (const auto& collector : collectors_) all.push_back(collector->producer().tail());
  return all;
}

std::uint64_t Results::events() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& collector : collectors_) sum += collector->events();
  return sum;
}

std::uint64_t Results::items_run(std::uint32_t op) {
  std::uint64_t sum = 0;
  for (auto& collector : collectors_) sum += collector->items_run(op);
  return sum;
}

bool Results::all_ended(const std::vector<std::uint64_t>& tails) const {
  for (std::size_t q = 0; q < tails.size(); ++q) {
    if (collectors_[q]->ended_below() < tails[q]) return false;
  }
  return true;
}

std::vector<std::uint64_t> Results::close_queues() {
  std::vector<std::uint64_t> tails;
  for (const auto& collector : collectors_) tails.push_back(collector->producer().close());
  changed_.notify();
  return tails;
}

void Results::give_up(const std::vector<std::uint64_t>& tails, FaultCode why) {
  for (std::size_t q = 0; q < tails.size(); ++q) collectors_[q]->give_up(tails[q], why);
}

bool Results::look_over(const Use& use) {
  if (over(use)) return true;
  // collect() may be looking elsewhere in the ring: one item is asked for by its position.
  return collectors_[use.queue]->collect_at(use.position) && over(use);
}

bool Results::wait_over(const Use& use, Deadline deadline) {
  return wait_for(deadline, [&] { return look_over(use); });
}

Status Results::of_this_session(const Ticket& ticket) const {
  if (ticket.session != 0 && ticket.session != setup_.number) {
    return fail(Errc::invalid_argument,
                message("the ticket of position {} of queue {} belongs to another session, number "
                        "{}, and this is session {}; ask the one that gave it out",
                        ticket.position, ticket.queue, ticket.session, setup_.number));
  }
  if (ticket.member >= kMaxRegionMembers) {
    return fail(
        Errc::invalid_argument,
        message("the ticket of position {} of queue {} names member {}, and a region has at "
                "most {}; give tickets as a submit gave them",
                ticket.position, ticket.queue, ticket.member, kMaxRegionMembers));
  }
  if (ticket.queue >= collectors_.size())
    return tl::unexpected<Error>(setup_.no_such_queue(ticket.queue));
  return {};
}

Result<ItemResult> Results::wait(Ticket ticket, Deadline deadline) {
  VYRE_TRY(of_this_session(ticket));
  Collector& collector = *collectors_[ticket.queue];
  ItemResult result;
  Collector::Found found = Collector::Found::pending;
  (void)wait_for(deadline, [&] {
    found = collector.look(ticket, result);
    if (found == Collector::Found::pending && collector.collect_at(ticket.position))
      found = collector.look(ticket, result);
    return found != Collector::Found::pending;
  });
  if (found != Collector::Found::ended) return missing(ticket, found);
  collector.asked(result);
  return result;
}

Result<ItemResult> Results::missing(Ticket ticket, Collector::Found found) {
  Collector& collector = *collectors_[ticket.queue];
  const std::string item =
      message("the item at position {} of queue {}", ticket.position, ticket.queue);
  switch (found) {
    case Collector::Found::pending:
      return fail(Errc::deadline_exceeded, message("{} had not ended at the deadline", item));
    case Collector::Found::never_submitted:
      return fail(Errc::invalid_argument, message("{} was never submitted", item));
    default:
      break;
  }
  // The history holds it no more; a failure may still be kept.
  if (auto failure = collector.kept(ticket)) return *failure;
  const std::uint64_t dropped = collector.failures_dropped();
  return fail(
      Errc::not_found,
      message("{} ended so long ago that its result was dropped: a queue keeps {} results "
              "(kDefaultHistory) and {} older ones of items that were not done and not asked for "
              "(kKeptFailures). {}",
              item, collector.history(), kKeptFailures,
              dropped == 0 ? "None of those was dropped so far, so this item was done or its "
                             "result was asked for"
                           : message("{} of those were dropped, too; ask more often", dropped)));
}

Result<Session::Drained> Results::wait_all(Deadline deadline) {
  const auto until = tails();
  if (!wait_for(deadline, [&] { return all_ended(until); })) {
    std::uint64_t left = 0;
    for (std::size_t q = 0; q < until.size(); ++q) {
      left += until[q] - std::min(until[q], collectors_[q]->ended_below());
    }
    return fail(Errc::deadline_exceeded,
                message("up to {} items had not ended at the deadline", left));
  }
  Session::Drained drained;
  for (const auto& collector : collectors_) {
    Counts counts = collector->counts();
    drained.ended += counts.ended;
    drained.not_done += counts.not_done;
    drained.failures_dropped += collector->failures_dropped();
    for (ItemResult& result : counts.first_not_done) {
      if (drained.first_not_done.size() < kMaxReportedFaults)
        drained.first_not_done.push_back(result);
    }
  }
  return drained;
}

}  // namespace vyre::runtime
