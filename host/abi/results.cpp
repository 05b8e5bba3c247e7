// Waiting, cancelling, batches, totals, closing: what became of items. See results.hpp.
#include "results.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/message.hpp"
#include "batch.hpp"
#include "bound.hpp"
#include "protocol/fault_names.hpp"
#include "structures.hpp"

namespace vyre::abi {
namespace {

/// The tickets as the runtime names them; the first that is not of this session is the error.
Result<std::vector<runtime::Ticket>> tickets_of(const vyre_session& session,
                                                const vyre_ticket* tickets, std::size_t count) {
  VYRE_TRY(given_array(tickets, count, "tickets"));
  std::vector<runtime::Ticket> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    VYRE_ASSIGN(const runtime::Ticket ticket, ticket_of(session, tickets[i]));
    all.push_back(ticket);
  }
  return all;
}

vyre_result pending(const vyre_ticket& ticket) noexcept {
  return {ticket, VYRE_ITEM_PENDING, VYRE_FAULT_NONE, 0, 0, 0};
}

runtime::Session::WaitedMany wait_many(vyre_session& session,
                                       const std::vector<runtime::Ticket>& tickets,
                                       std::size_t least, Deadline deadline,
                                       std::vector<std::optional<runtime::ItemResult>>& results) {
  const Waits waits(deadline);
  for (;;) {
    auto waited = session.engine.wait_many(tickets, least, waits.soon(), results);
    if (!waited.stopped_by || waited.stopped_by->code != Errc::deadline_exceeded) return waited;
    if (waits.stopped()) {
      waited.stopped_by = interrupted();
      return waited;
    }
    if (!waits.goes_on(*waited.stopped_by)) return waited;
  }
}

/// One ticket, as most callers wait: no array is made.
Status wait_for_one(vyre_session& session, const vyre_ticket& ticket, std::size_t least,
                    Deadline deadline, void* results, std::size_t stride, std::size_t* ended) {
  VYRE_ASSIGN(const runtime::Ticket known, ticket_of(session, ticket));
  const auto result =
      Waits(deadline).run([&](Deadline until) { return session.engine.wait(known, until); });
  if (result) {
    write_result(results, stride, 0, result_for(session, *result));
    if (ended != nullptr) *ended = 1;
    return {};
  }
  if (result.error().code != Errc::deadline_exceeded && result.error().code != Errc::cancelled) {
    return tl::unexpected<Error>(result.error());
  }
  write_result(results, stride, 0, pending(ticket));
  if (ended != nullptr) *ended = 0;
  if (least == 0 && result.error().code == Errc::deadline_exceeded) return {};
  return tl::unexpected<Error>(result.error());
}

}  // namespace

Result<runtime::Ticket> ticket_of(const vyre_session& session, const vyre_ticket& ticket) {
  if (!names(ticket.where, Kind::queue, session.tag)) {
    return tl::unexpected<Error>(not_a(Kind::queue, ticket.where, session.tag));
  }
  const Number number = Number::of(ticket.where);
  return runtime::Ticket{number.index, ticket.position, 0, number.generation - kOnlyGeneration};
}

vyre_result result_for(const vyre_session& session, const runtime::ItemResult& result) noexcept {
  return {ticket_for(session, result.ticket.queue, result.ticket.position, result.ticket.member),
          static_cast<std::uint32_t>(result.status),
          static_cast<std::uint32_t>(result.fault.code),
          result.fault.workgroup,
          result.fault.lane,
          result.fault.statement};
}

void write_result(void* results, std::size_t stride, std::size_t i,
                  const vyre_result& result) noexcept {
  if (results == nullptr) return;
  std::memcpy(static_cast<unsigned char*>(results) + stride * i, &result,
              std::min(stride, sizeof(result)));
}

Result<std::size_t> checked_stride(std::size_t stride, std::size_t otherwise) {
  if (stride == 0) return otherwise;
  if (stride % 8 == 0 && stride >= otherwise && stride <= kMaxStructBytes) return stride;
  return fail(Errc::invalid_argument, message("stride is {}: give the size of the structure that "
                                              "you were compiled with, at least {}, or 0 for that",
                                              stride, otherwise));
}

vyre_totals totals_of(const runtime::Totals& totals) noexcept {
  return {0, 0, totals.accepted, totals.done, totals.faulted, totals.cancelled, totals.unasked};
}

}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

const char* vyre_fault_name(uint32_t code) {
  // Names are literals, so they end with a zero byte.
  return code > 0xFF ? "unknown" : fault_name(static_cast<FaultCode>(code)).data();
}

vyre_error* vyre_wait(vyre_session* session, const vyre_ticket* tickets, size_t count, size_t least,
                      vyre_ns timeout, vyre_result* results, size_t stride, size_t* ended) {
  return guarded("vyre_wait", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_ASSIGN(const std::size_t step, checked_stride(stride, sizeof(vyre_result)));
    if (least > count) {
      return fail(Errc::invalid_argument,
                  message("least is {} of {} items; ask for at most all of them", least, count));
    }
    const Deadline deadline = session->deadline(least == 0 ? 0 : timeout);
    if (count == 1 && tickets != nullptr) {
      return wait_for_one(*session, *tickets, least, deadline, results, step, ended);
    }
    VYRE_ASSIGN(const auto known, tickets_of(*session, tickets, count));
    std::vector<std::optional<runtime::ItemResult>> found(results == nullptr ? 0 : count);
    runtime::Session::WaitedMany waited = wait_many(*session, known, least, deadline, found);
    const bool written = !waited.stopped_by || waited.stopped_by->code != Errc::invalid_argument;
    if (written) {
      for (std::size_t i = 0; i < found.size(); ++i) {
        write_result(results, step, i,
                     found[i] ? result_for(*session, *found[i]) : pending(tickets[i]));
      }
      if (ended != nullptr) *ended = waited.ended;
    }
    if (waited.stopped_by) return tl::unexpected<Error>(std::move(*waited.stopped_by));
    return {};
  });
}

vyre_error* vyre_cancel(vyre_session* session, const vyre_ticket* tickets, size_t count,
                        size_t* cancelled) {
  return guarded("vyre_cancel", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_ASSIGN(const auto known, tickets_of(*session, tickets, count));
    VYRE_ASSIGN(const std::uint64_t kept, session->engine.cancel(known));
    if (cancelled != nullptr) *cancelled = kept;
    return {};
  });
}

vyre_error* vyre_session_wait(vyre_session* session, vyre_ns timeout, vyre_totals* totals) {
  return guarded("vyre_session_wait", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(check_output(totals, "vyre_totals"));
    VYRE_TRY(Waits(session->deadline(timeout)).run([&](Deadline until) {
      return session->engine.wait_all(until);
    }));
    write_output(totals, totals_of(session->engine.totals()));
    return {};
  });
}

vyre_error* vyre_session_close(vyre_session* session, vyre_ns timeout, vyre_totals* totals) {
  return guarded("vyre_session_close", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(check_output(totals, "vyre_totals"));
    Status closed = timeout < 0 ? session->engine.close()
                                : session->engine.close(std::chrono::nanoseconds{timeout});
    write_output(totals, totals_of(session->engine.totals()));
    return closed;
  });
}

vyre_error* vyre_session_notify_fd(vyre_session* session, int* fd) {
  return guarded("vyre_session_notify_fd", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(fd, "fd"));
    VYRE_ASSIGN(*fd, session->engine.notify_fd());
    return {};
  });
}

vyre_error* vyre_batch_new(vyre_session* session, vyre_batch** batch) {
  return guarded("vyre_batch_new", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(batch, "batch"));
    VYRE_ASSIGN(auto opened, session->engine.open_batch());
    *batch = new vyre_batch(SessionReference(*session), std::move(opened));
    return {};
  });
}

vyre_error* vyre_batch_wait(vyre_batch* batch, vyre_ns timeout, vyre_totals* totals) {
  return guarded("vyre_batch_wait", [&]() -> Status {
    VYRE_TRY(given(batch, "batch"));
    vyre_session& session = *batch->session;
    VYRE_TRY(usable(&session));
    VYRE_TRY(check_output(totals, "vyre_totals"));
    Status ended = Waits(session.deadline(timeout)).run([&](Deadline until) {
      return session.engine.wait_batch(*batch->engine, until);
    });
    VYRE_ASSIGN(const runtime::Totals now, session.engine.batch_totals(*batch->engine));
    write_output(totals, totals_of(now));
    return ended;
  });
}

vyre_error* vyre_batch_failures(vyre_batch* batch, vyre_result* results, size_t capacity,
                                size_t stride, size_t* count) {
  return guarded("vyre_batch_failures", [&]() -> Status {
    VYRE_TRY(given(batch, "batch"));
    vyre_session& session = *batch->session;
    VYRE_TRY(usable(&session));
    VYRE_TRY(given_array(results, capacity, "results"));
    VYRE_TRY(given(count, "count"));
    VYRE_ASSIGN(const std::size_t step, checked_stride(stride, sizeof(vyre_result)));
    VYRE_ASSIGN(const auto failures, session.engine.batch_failures(*batch->engine));
    *count = std::min(capacity, failures.size());
    for (std::size_t i = 0; i < *count; ++i) {
      write_result(results, step, i, result_for(session, failures[i]));
    }
    return {};
  });
}

void vyre_batch_free(vyre_batch* batch) {
  quietly([batch] { delete batch; });
}
