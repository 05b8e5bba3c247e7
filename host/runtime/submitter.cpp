// Items that touch no buffer, and what both ways of submitting share. See submitter.hpp.
#include "submitter.hpp"

#include <algorithm>
#include <string>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

/// Plain items published between two looks at the clock and the doorbell.
constexpr std::uint64_t kPublishBatch{1'024};

}  // namespace

Submitter::Submitter(const Over& over)
    : over_(over),
      accesses_(over.handles),
      full_waits_(new std::atomic<std::uint64_t>[over.setup.options.queues]),
      begun_(new std::atomic<bool>[over.setup.options.queues]) {
  for (std::uint32_t q = 0; q < over.setup.options.queues; ++q) {
    full_waits_[q].store(0, std::memory_order_relaxed);
    begun_[q].store(false, std::memory_order_relaxed);
  }
}

std::optional<Error> Submitter::refuses(std::uint32_t queue, std::uint8_t flags) {
  const SessionOptions& options = over_.setup.options;
  if (queue >= options.queues) return over_.setup.no_such_queue(queue);
  if ((flags & ~kQueueFlagsOfCallers) != 0) {
    return Error{
        Errc::invalid_argument,
        message("queue flags {} are not known: after_previous is {}, after_all is {}", flags,
                std::uint8_t{kQueueFlagAfterPrevious}, std::uint8_t{kQueueFlagAfterAll})};
  }
  if (over_.life.closing()) return Error{Errc::closed, "the session is closed"};
  if (over_.backend.lost()) return over_.life.closed();
  if (over_.life.wall_time_is_over()) {
    over_.backend.tend();
    return Error{Errc::wall_time,
                 message("max_wall_time of {} ns has passed since the session was opened; nothing "
                         "starts any more",
                         static_cast<std::uint64_t>(options.max_wall_time.count()))};
  }
  return std::nullopt;
}

Error Submitter::full(std::uint32_t queue) const {
  return Error{Errc::queue_full,
               message("queue {} had no free slot of {} before the deadline; wait for items, allow "
                       "more time or ask for more ring_slots",
                       queue, over_.setup.options.ring_slots)};
}

queue::Reservation Submitter::try_reserve(Call& call, std::uint64_t want) const {
  if (call.batch != nullptr && !call.has_room) [[unlikely]] {
    call.batch->make_room(call.queue);
    call.has_room = true;
  }
  const auto& producer = over_.results.collector(call.queue).producer();
  const auto count =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(want, over_.setup.options.ring_slots));
  const auto expected = call.expected();
  return expected ? producer.try_reserve_at(*expected, count) : producer.try_reserve(count);
}

bool Submitter::wait_for_room(const Call& call, std::uint64_t want) {
  full_waits_[call.queue].fetch_add(1, std::memory_order_relaxed);
  const auto& producer = over_.results.collector(call.queue).producer();
  // Some room rather than one slot: a producer that wakes for every slot costs more than the items
  // do.
  const std::uint64_t enough =
      std::min<std::uint64_t>(want, std::max(over_.setup.options.ring_slots / 8, 1u));
  const auto room = [&] { return producer.limit() - std::min(producer.limit(), producer.tail()); };
  const auto ready = [&] { return producer.closed() || room() >= enough; };
  return over_.results.wait_for(call.deadline, ready) || room() != 0;
}

void Submitter::publish(Call& call, const queue::Reservation& got, const MegakernelWorkItem* items,
                        std::uint8_t flags, std::int64_t now_ns) {
  const std::uint32_t queue = call.queue;
  Collector& collector = over_.results.collector(queue);
  if (call.batch != nullptr) [[unlikely]] {
    call.batch->add(queue, {got.first, got.first + got.count}, collector.ended_below());
    call.has_room = false;
  }
  const auto& producer = collector.producer();
  const auto& vanishes = over_.setup.hooks.producer_vanishes;
  std::uint32_t run = 0;
  for (std::uint32_t at = 0; at < got.count; at += run) {
    const std::uint64_t first = got.first + at;
    run = vanishes ? 1 : std::min(got.count - at, queue::kPublishRun);
    for (std::uint32_t i = 0; i < run; ++i)
      collector.note_submit(first + i, items[at + i].op_handle, now_ns);
    if (vanishes && vanishes(queue, first)) continue;
    // Of a position that is not published this thread was so late that it was given up. The item
    // then ends as cancelled (abandoned), which its ticket says; nothing is left to do here.
    (void)producer.try_publish_run(first, items + at, run, flags);
  }
}

std::int64_t Submitter::account(std::int64_t begin_ns, std::int64_t publish_ns, std::uint64_t items,
                                std::uint64_t slots) {
  const std::int64_t end_ns = over_.setup.since_open_ns();
  SessionCounters& counters = over_.counters;
  SessionCounters::add(counters.plan_ns, static_cast<std::uint64_t>(publish_ns - begin_ns));
  const auto published_ns = static_cast<std::uint64_t>(end_ns - publish_ns);
  SessionCounters::add(counters.publish_ns, published_ns);
  counters.slot_publish_ps.add(published_ns * 1'000 / slots);
  SessionCounters::add(counters.bytes_in, items * sizeof(MegakernelWorkItem));
  if (counters.first_publish_ns.load(std::memory_order_relaxed) < 0) {
    std::int64_t none = -1;
    counters.first_publish_ns.compare_exchange_strong(none, publish_ns, std::memory_order_relaxed);
  }
  return end_ns;
}

Session::SubmitMany Submitter::submit_many(std::span<const MegakernelWorkItem> items,
                                           Deadline deadline, std::uint32_t queue,
                                           std::uint8_t flags, Batch* batch, PlaceInLines* kept) {
  Session::SubmitMany result;
  result.first = {queue, 0, over_.setup.number};
  result.stopped_by = refuses(queue, flags);
  if (result.stopped_by) return result;
  if (batch != nullptr) {
    if (Status own = over_.setup.owns(*batch); !own) {
      result.stopped_by = std::move(own).error();
      return result;
    }
  }
  Call call{queue, flags, deadline, batch, kept, result};
  // [BEGUN-1] acquire, before the look for an observer: one that was attached before the queue's
  // first item is seen by every later submit.
  bool begun = begun_[queue].load(std::memory_order_acquire);
  bool observed = over_.tap.active();
  if (over_.setup.hooks.looked_for_observer) over_.setup.hooks.looked_for_observer();
  while (result.accepted < items.size()) {
    // A run of items of one kind; one with an unknown op ends it and is refused.
    const auto rest = items.subspan(result.accepted);
    const bool all_ordered = observed || !begun;
    const bool slow = all_ordered || ordered(rest[0]);
    const std::size_t most = !begun ? 1
                             : slow ? rest.size()
                                    : std::min<std::size_t>(rest.size(), kPublishBatch);
    std::size_t run = 0;
    while (run < most && over_.ops.known(rest[run].op_handle) &&
           (all_ordered || ordered(rest[run]) == slow))
      ++run;
    if (run == 0) {
      (void)call.stop({Errc::invalid_argument,
                       message("op {} is not registered in this session", rest[0].op_handle)});
      break;
    }
    const auto part = rest.first(run);
    if (!(slow ? submit_ordered(call, part) : submit_plain(call, part))) break;
    if (!begun) {
      begun = true;
      observed = over_.tap.active();
    }
  }
  if (call.has_room) call.batch->give_up_room(queue);
  return result;
}

bool Submitter::submit_plain(Call& call, std::span<const MegakernelWorkItem> items) {
  Session::SubmitMany& result = call.result;
  while (!items.empty()) {
    const std::int64_t begin_ns = over_.setup.since_open_ns();
    const queue::Reservation got = try_reserve(call, items.size());
    switch (got.outcome) {
      case queue::TakeOutcome::ok:
        break;
      case queue::TakeOutcome::moved:
        return false;
      case queue::TakeOutcome::closed:
        return call.stop(over_.life.closed());
      case queue::TakeOutcome::full:
        if (wait_for_room(call, items.size())) continue;
        return call.stop(full(call.queue));
    }
    if (result.accepted == 0) result.first.position = got.first;
    publish(call, got, items.data(), call.flags, begin_ns);
    over_.backend.doorbell();
    (void)account(begin_ns, begin_ns, got.count, got.count);
    result.accepted += got.count;
    items = items.subspan(got.count);
  }
  return true;
}

}  // namespace vyre::runtime
