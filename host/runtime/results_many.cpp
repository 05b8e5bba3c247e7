// Waiting for many items at once, cancelling them, and counting: what Results does for more than
// one ticket. See results.hpp.
#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "results.hpp"

namespace vyre::runtime {
namespace {

/// Items of one queue that a call waits for, by position. What every item of the queue has reached
/// is passed once and for all; of the others those are asked for that can have ended, so that a
/// look costs no more than the items in flight, however many are waited for.
class Awaited {
 public:
  explicit Awaited(Collector& collector) : collector_(collector) {}

  void add(std::uint64_t position) { items_.push_back({position, false}); }
  void sort() {
    const auto by_position = [](const Item& a, const Item& b) { return a.position < b.position; };
    if (!std::is_sorted(items_.begin(), items_.end(), by_position))
      std::sort(items_.begin(), items_.end(), by_position);
  }
  /// How many of them have ended since the last look.
  [[nodiscard]] std::size_t look() {
    std::size_t news = 0;
    do {
      news += pass();
      wanted_.clear();
      // A position that far behind has no slot yet.
      const std::uint64_t end = collector_.ended_below() + collector_.in_flight_at_most();
      for (std::size_t i = passed_; i < items_.size() && items_[i].position < end; ++i) {
        Item& item = items_[i];
        if (item.ended) continue;
        item.ended = collector_.ended(item.position);
        if (item.ended)
          ++news;
        else
          wanted_.push_back(item.position);
      }
      // Completions behind one that is still to come are asked for by their positions.
    } while (collector_.collect_these(wanted_) != 0);
    return news;
  }

 private:
  struct Item {
    std::uint64_t position;
    bool ended;
  };
  [[nodiscard]] std::size_t pass() {
    std::size_t news = 0;
    for (const std::uint64_t below = collector_.ended_below();
         passed_ < items_.size() && items_[passed_].position < below; ++passed_)
      news += items_[passed_].ended ? 0 : 1;
    return news;
  }

  Collector& collector_;
  std::vector<Item> items_;
  std::size_t passed_{0};
  std::vector<std::uint64_t> wanted_;
};

}  // namespace

Status Results::of_an_item(const Ticket& ticket) {
  VYRE_TRY(of_this_session(ticket));
  if (ticket.position < collectors_[ticket.queue]->producer().tail()) return {};
  return tl::unexpected<Error>(missing(ticket, Collector::Found::never_submitted).error());
}

Session::WaitedMany Results::wait_many(std::span<const Ticket> tickets, std::size_t least,
                                       Deadline deadline,
                                       std::span<std::optional<ItemResult>> results) {
  Session::WaitedMany waited;
  if (!results.empty() && results.size() != tickets.size()) {
    waited.stopped_by = Error{Errc::invalid_argument,
                              message("room for {} results was given with {} tickets; give none or "
                                      "as much as there are tickets",
                                      results.size(), tickets.size())};
    return waited;
  }
  std::vector<Awaited> queues;
  queues.reserve(collectors_.size());
  for (const auto& collector : collectors_) queues.emplace_back(*collector);
  for (const Ticket& ticket : tickets) {
    if (Status good = of_an_item(ticket); !good) {
      waited.stopped_by = std::move(good).error();
      return waited;
    }
    queues[ticket.queue].add(ticket.position);
  }
  for (Awaited& queue : queues) queue.sort();
  const std::size_t enough = std::min(least, tickets.size());
  const bool in_time = wait_for(deadline, [&] {
    for (Awaited& queue : queues) waited.ended += queue.look();
    return waited.ended >= enough;
  });
  if (!in_time) {
    waited.stopped_by =
        Error{Errc::deadline_exceeded,
              message("{} of {} items had ended at the deadline, and {} were waited "
                      "for",
                      waited.ended, tickets.size(), enough)};
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Ticket& ticket = tickets[i];
    Collector& collector = *collectors_[ticket.queue];
    ItemResult result;
    results[i].reset();
    const Collector::Found found = collector.look(ticket, result);
    if (found == Collector::Found::ended) {
      collector.asked(result);
      results[i] = result;
    } else if (found == Collector::Found::forgotten) {
      auto kept = missing(ticket, found);
      if (kept)
        results[i] = *kept;
      else if (!waited.stopped_by)
        waited.stopped_by = std::move(kept).error();
    }
  }
  return waited;
}

Result<std::uint64_t> Results::cancel(std::span<const Ticket> tickets) {
  std::vector<std::vector<std::uint64_t>> positions(collectors_.size());
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> members;  // bits, by region
  for (const Ticket& ticket : tickets) {
    VYRE_TRY(of_an_item(ticket));
    if (collectors_[ticket.queue]->has_regions())
      members[{ticket.queue, ticket.position}] |= std::uint64_t{1} << ticket.member;
    else
      positions[ticket.queue].push_back(ticket.position);
  }
  std::uint64_t sum = 0;
  for (const auto& [at, bits] : members) {
    if (const auto region = collectors_[at.first]->region_at(at.second))
      sum += backend_.cancel_members(at.first, at.second, *region, bits);
    else
      positions[at.first].push_back(at.second);
  }
  for (std::uint32_t q = 0; q < queues(); ++q)
    if (!positions[q].empty()) sum += backend_.cancel(q, positions[q]);
  return sum;
}

Totals Results::totals() {
  (void)collect_all();
  Totals totals;
  for (const auto& collector : collectors_) {
    const Counts counts = collector->counts();
    totals.accepted += collector->accepted();  // after the counts: never below them
    totals.done += counts.ended - counts.not_done;
    totals.faulted += counts.faulted;
    totals.cancelled += counts.not_done - counts.faulted;
    totals.unasked += counts.not_done - counts.asked;
  }
  return totals;
}

Totals Results::totals(Batch& batch) {
  (void)collect_all();
  Totals totals;
  for (const auto& collector : collectors_) collector->count(batch, totals);
  return totals;
}

std::vector<ItemResult> Results::failures(Batch& batch) {
  std::vector<ItemResult> first = batch.first_failures();
  for (const ItemResult& result : first) collectors_[result.ticket.queue]->asked(result);
  return first;
}

Status Results::wait_batch(Batch& batch, Deadline deadline) {
  Totals seen;
  const auto left = [&] { return seen.accepted - seen.done - seen.faulted - seen.cancelled; };
  const bool over = wait_for(deadline, [&] {
    seen = totals(batch);
    return left() == 0;
  });
  if (over) return {};
  return fail(Errc::deadline_exceeded,
              message("{} of the {} items of the batch had not ended at the deadline", left(),
                      seen.accepted));
}

}  // namespace vyre::runtime
