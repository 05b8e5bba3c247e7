// Waiting, collecting, and closing.
#include <algorithm>

#include "state.hpp"

namespace vyre::runtime {

std::int64_t Session::State::since_open_ns() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - opened_).count();
}

std::uint64_t Session::State::collect_all() {
  std::uint64_t sum = 0;
  for (auto& collector : collectors_) sum += collector->collect();
  return sum;
}

std::vector<std::uint64_t> Session::State::tails() const {
  std::vector<std::uint64_t> all;
  all.reserve(collectors_.size());
  for (const auto& collector : collectors_) all.push_back(collector->producer().tail());
  return all;
}

bool Session::State::all_ended(const std::vector<std::uint64_t>& tails) const {
  for (std::size_t q = 0; q < tails.size(); ++q) {
    if (collectors_[q]->ended_below() < tails[q]) return false;
  }
  return true;
}

bool Session::State::look_over(const Use& use) {
  if (over(use)) return true;
  // collect() may be looking elsewhere in the ring: one item is asked for by its position.
  return collectors_[use.queue]->collect_at(use.position) && over(use);
}

bool Session::State::wait_over(const Use& use, Deadline deadline) {
  return wait_for(deadline, [&] { return look_over(use); });
}

Result<ItemResult> Session::State::wait(Ticket ticket, Deadline deadline) {
  if (ticket.session != 0 && ticket.session != number_) {
    return fail(Errc::invalid_argument,
                "the ticket of position " + std::to_string(ticket.position) + " of queue " +
                    std::to_string(ticket.queue) +
                    " belongs to another session; ask the session that gave it out");
  }
  if (ticket.queue >= collectors_.size()) {
    return fail(Errc::invalid_argument,
                "queue " + std::to_string(ticket.queue) + " does not exist");
  }
  sync_points_.fetch_add(1, std::memory_order_relaxed);
  Collector& collector = *collectors_[ticket.queue];
  ItemResult result;
  Collector::Found found = Collector::Found::pending;
  (void)wait_for(deadline, [&] {
    found = collector.look(ticket.position, result);
    if (found == Collector::Found::pending && collector.collect_at(ticket.position))
      found = collector.look(ticket.position, result);
    return found != Collector::Found::pending;
  });
  if (found == Collector::Found::ended) {
    collector.asked(result);
    return result;
  }
  const std::string item = "the item at position " + std::to_string(ticket.position) +
                           " of queue " + std::to_string(ticket.queue);
  switch (found) {
    case Collector::Found::pending:
      return fail(Errc::deadline_exceeded, item + " had not ended at the deadline");
    case Collector::Found::never_submitted:
      return fail(Errc::invalid_argument, item + " was never submitted");
    default:
      break;
  }
  // The history holds it no more; a failure may still be kept.
  if (auto failure = collector.kept(ticket.position)) return *failure;
  const std::uint64_t dropped = collector.failures_dropped();
  return fail(
      Errc::not_found,
      item + " ended so long ago that its result was dropped: a queue keeps " +
          std::to_string(collector.history()) + " results (kDefaultHistory) and " +
          std::to_string(kKeptFailures) +
          " older ones of items that were not done and not asked for (kKeptFailures). " +
          (dropped == 0
               ? std::string("None of those was dropped so far, so this item was done or its "
                             "result was asked for")
               : std::to_string(dropped) + " of those were dropped, too; ask more often"));
}

Result<Session::Drained> Session::State::wait_all(Deadline deadline) {
  sync_points_.fetch_add(1, std::memory_order_relaxed);
  const auto until = tails();
  if (!wait_for(deadline, [&] { return all_ended(until); })) {
    std::uint64_t left = 0;
    for (std::size_t q = 0; q < until.size(); ++q) {
      left += until[q] - std::min(until[q], collectors_[q]->ended_below());
    }
    return fail(Errc::deadline_exceeded,
                "up to " + std::to_string(left) + " items had not ended at the deadline");
  }
  Drained drained;
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

Status Session::State::close() {
  const std::lock_guard once(close_mutex_);
  if (closed_) {
    return close_error_.empty() ? Status{} : Status{fail(Errc::device_lost, close_error_)};
  }
  closing_.store(true, std::memory_order_release);
  std::vector<std::uint64_t> until;
  // Without order_: a position that a submit has taken is below the tail and ends like any other.
  for (const auto& collector : collectors_) until.push_back(collector->producer().close());
  changed_.notify();
  backend_->cancel_queued(FaultCode::shutdown);
  const auto ended = [&] { return all_ended(until); };
  if (!wait_for(after(options_.close_timeout), ended)) {
    backend_->stop_running();
    if (!wait_for(after(std::chrono::nanoseconds{kStopGraceNs}), ended)) {
      close_error_ = "an item did not stop within " + std::to_string(kStopGraceNs / 1'000'000'000) +
                     " s of being told to; its worker is left behind";
      const FaultCode why = backend_->lost() ? FaultCode::worker_lost : FaultCode::shutdown;
      for (std::size_t q = 0; q < until.size(); ++q) collectors_[q]->give_up(until[q], why);
    }
  }
  stop_pump();  // only now: items that were under way may have waited for bytes
  closed_ns_.store(since_open_ns(), std::memory_order_relaxed);
  const std::optional<Error> lost = backend_->lost();
  if (!backend_->stop(Clock::now())) {
    leaked_.store(true, std::memory_order_release);
    if (close_error_.empty() && !lost)
      close_error_ = std::string("a ") + (on_device_ ? "resident kernel" : "worker thread") +
                     " did not end; it is left behind";
  }
  if (lost && close_error_.empty()) close_error_ = lost->message;
  closed_ = true;
  return close_error_.empty() ? Status{} : Status{fail(Errc::device_lost, close_error_)};
}

}  // namespace vyre::runtime
