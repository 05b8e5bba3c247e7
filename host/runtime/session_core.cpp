// Wiring the parts of a session, and closing it. See session_core.hpp.
#include "session_core.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "base/message.hpp"

namespace vyre::runtime {

SessionCore::SessionCore(SessionSetup setup, std::unique_ptr<backend::Backend> backend,
                         std::shared_ptr<PumpBell> bell)
    : setup_(std::move(setup)),
      bell_(std::move(bell)),
      backend_(std::move(backend)),
      life_(setup_, *backend_),
      results_(setup_, *backend_, tap_, counters_),
      maker_(*backend_),
      budget_(setup_.options.memory_budget_bytes),
      handles_(setup_.number, budget_,
               setup_.hooks.free_handles_kept.value_or(HandleTable::kFreePlacesKept)),
      ops_(setup_.number, order_, maker_, budget_, tap_, rules_),
      done_work_(setup_.options.queues),
      lineage_(setup_, handles_, ops_, rules_, done_work_),
      pump_(setup_, *backend_, life_, *bell_),
      files_(setup_, *backend_, order_, handles_, pump_, results_, counters_),
      waits_(order_, handles_, results_),
      copies_({*backend_, life_, order_, handles_, tap_, waits_, files_, results_, counters_}),
      attendant_(*backend_, life_, results_),
      notify_(life_, results_, attendant_),
      retirements_({maker_, order_, handles_, tap_, files_, results_, attendant_}),
      inputs_(handles_),
      buffers_({setup_, *backend_, life_, maker_, order_, handles_, budget_, tap_, waits_, copies_,
                files_, pump_, retirements_, inputs_, counters_}),
      leases_({*backend_, life_, order_, handles_, tap_, waits_, results_, counters_}),
      launch_(
          {setup_, *backend_, life_, order_, budget_, results_, counters_, attendant_, buffers_}),
      plan_maker_({setup_, *backend_, life_, order_, handles_, ops_, done_work_, lineage_, fused_,
                   results_, counters_, launch_}),
      submitter_({setup_, *backend_, life_, order_, handles_, ops_, tap_, files_, results_,
                  counters_, done_work_, lineage_, launch_}) {
  results_.set_housekeeper(launch_);
}

SessionCore::~SessionCore() {
  attendant_.stop();   // it looks at the other parts
  (void)pump_.stop();  // it reads into the backend's memory
  const bool leaked = life_.leaked();
  backend_.reset();  // its threads call the other parts until they have ended
  if (!leaked) make_calls(last_calls());
}

std::vector<DoneCall> SessionCore::last_calls() {
  const OrderLock lock(order_);
  std::vector<DoneCall> calls;
  handles_.for_each(lock, [&calls](const HandleRecord& record) {
    if (record.done.function != nullptr) calls.push_back(record.done);
    return true;
  });
  return calls;
}

Status SessionCore::close(std::chrono::nanoseconds timeout) {
  const std::lock_guard once(close_mutex_);
  if (closed_) return close_result();
  life_.begin_closing();
  close_error_ = end_items(timeout);
  // Only now: items that were under way may have waited for bytes.
  if (!pump_.stop() && close_error_.empty()) {
    close_error_ =
        "a read of a file did not end in time; the pump and the memory it reads into are left "
        "behind";
  }
  life_.set_closed_ns(setup_.since_open_ns());
  const std::optional<Error> lost = backend_->lost();
  if (!backend_->stop(Clock::now())) {
    life_.leak();
    if (close_error_.empty() && !lost)
      close_error_ = message("a {} did not end; it is left behind",
                             setup_.on_device ? "resident kernel" : "worker thread");
  }
  if (lost && close_error_.empty()) close_error_ = lost->message;
  closed_ = true;
  notify_.signal();
  return close_result();
}

std::string SessionCore::end_items(std::chrono::nanoseconds timeout) {
  const std::vector<std::uint64_t> until = results_.close_queues();
  backend_->cancel_queued(FaultCode::shutdown);
  const auto ended = [&] { return results_.all_ended(until); };
  if (results_.wait_for(after(timeout), ended)) return {};
  backend_->stop_running();
  if (results_.wait_for(after(std::chrono::nanoseconds{kStopGraceNs}), ended)) return {};
  results_.give_up(until, backend_->lost() ? FaultCode::worker_lost : FaultCode::shutdown);
  return message("an item did not stop within {} s of being told to; its worker is left behind",
                 kStopGraceNs / 1'000'000'000);
}

Status SessionCore::close_result() const {
  if (close_error_.empty()) return {};
  return fail(Errc::device_lost, close_error_);
}

}  // namespace vyre::runtime
