// The report: what was counted, summed up; what was not measured stays empty.
#include <algorithm>
#include <map>

#include "cuda/host/device_backend.hpp"
#include "state.hpp"

namespace vyre::runtime {

report::IngestSection Session::State::ingest_section(const ingest::Pump& pump) const {
  report::IngestSection section = pump.counters();
  // The pump sees reads; which files they are of is known here.
  for (report::IngestTier& row : section.tiers) {
    for (std::uint32_t tier = 0; tier < ingest::kTiers; ++tier) {
      if (row.tier == ingest::letter(static_cast<ingest::Tier>(tier)))
        row.files = files_by_tier_[tier].load(std::memory_order_relaxed);
    }
  }
  return section;
}

report::Document Session::State::report() {
  (void)collect_all();
  report::Document document;
  document.run = report::describe_run({});
  document.run.id = id_;
  document.run.started_at = started_at_;
  document.run.device = device_;
  document.run.why_no_device = caps_.reason;
  document.caps = caps_;

  MegakernelReport& r = document.report;
  std::unordered_map<std::uint32_t, OpCounters> by_op;
  std::uint64_t accepted = 0;
  std::uint64_t ended = 0;
  std::int64_t last_end_ns = -1;
  for (std::uint32_t q = 0; q < collectors_.size(); ++q) {
    Collector& collector = *collectors_[q];
    // Ended first: what is accepted in between counts as remaining, never as negative.
    const Counts counts = collector.counts();
    const std::uint64_t tail = collector.producer().tail();
    accepted += tail;
    ended += counts.ended;
    r.items_processed += counts.ended - counts.never_started;
    last_end_ns = std::max(last_end_ns, counts.ended != 0 ? counts.last_end_ns : -1);
    document.faults_total += counts.not_done;
    for (std::size_t i = 0;
         i < counts.first_not_done.size() && document.faults.size() < kMaxReportedFaults; ++i) {
      const ItemResult& result = counts.first_not_done[i];
      document.faults.push_back({q, result.ticket.position, op_name(counts.first_not_done_ops[i]),
                                 result.status, result.fault});
    }
    document.queues.push_back({q, options_.ring_slots, tail, counts.ended,
                               full_waits_[q].load(std::memory_order_relaxed)});
    collector.add_ops(by_op);
  }
  r.items_remaining = accepted - r.items_processed;
  r.published_items = accepted;
  // Relaxed: a number. Without close_mutex_, which close() holds while it waits for items.
  const std::int64_t closed_ns = closed_ns_.load(std::memory_order_relaxed);
  r.wall_time = std::chrono::nanoseconds{closed_ns >= 0 ? closed_ns : since_open_ns()};
  r.queue_plan_ns = plan_ns_.load(std::memory_order_relaxed);
  r.queue_publish_ns = publish_ns_.load(std::memory_order_relaxed);
  const std::int64_t first = first_publish_ns_.load(std::memory_order_relaxed);
  if (first >= 0 && last_end_ns >= first)
    r.backend_dispatch_ns = static_cast<std::uint64_t>(last_end_ns - first);

  bool ran_programs = false;
  for (const auto& [op, counters] :
       std::map<std::uint32_t, OpCounters>(by_op.begin(), by_op.end())) {
    report::OpRow row;
    row.name = op_name(op);
    row.op_handle = op;
    row.items = counters.items;
    row.faults = counters.faults;
    row.cancelled = counters.cancelled;
    row.executor = std::string(backend_->name());
    if (op >= kFirstUserOp) {
      row.steps = backend_->steps(op);
      ran_programs = ran_programs || counters.items > counters.cancelled;
    }
    if (counters.latency.total() != 0) row.latency = counters.latency.summary();
    document.ops.push_back(std::move(row));
  }

  MegakernelTelemetry& t = r.telemetry;
  t.bytes_uploaded = bytes_in_.load(std::memory_order_relaxed);
  t.bytes_read_back = bytes_out_.load(std::memory_order_relaxed) + ended * sizeof(Completion);
  t.bytes_moved = *t.bytes_uploaded + *t.bytes_read_back;
  t.resident_allocations = allocations_.load(std::memory_order_relaxed);
  t.sync_points = sync_points_.load(std::memory_order_relaxed);
  t.readback_buffers = readbacks_.load(std::memory_order_relaxed);
  t.device_memory_budget_bytes = options_.memory_budget_bytes;
  if (on_device_) {
    const cuda::DeviceFacts facts = cuda::facts_of(*backend_);
    document.run.device = facts.device;
    t.kernel_launches = static_cast<std::uint32_t>(facts.launches);
    if (device_warps_ != 0) {
      t.occupancy_proxy_bps = static_cast<std::uint16_t>(std::uint64_t{facts.workers} * 10'000 /
                                                         std::max(device_warps_, facts.workers));
    }
    if (options_.memory_budget_bytes == 0) t.device_memory_budget_bytes = facts.arena_bytes;
  }
  if (const ingest::Pump* pump = running_pump_.load(std::memory_order_acquire))
    document.ingest = ingest_section(*pump);
  if (ran_programs) t.execution_mode = ExecutionMode::Interpreter;
  return document;
}

}  // namespace vyre::runtime
