// See session_report.hpp.
#include "session_report.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "lineage_section.hpp"

namespace vyre::runtime {
namespace {

using OpSums = std::unordered_map<std::uint32_t, OpCounters>;

/// Sums over queues that more than one section needs.
struct QueueSums {
  OpSums ops;
  std::uint64_t accepted{0};
  std::uint64_t completions{0};  // and results of members that were read
  std::int64_t last_end_ns{-1};
};

report::RunInfo run_of(const SessionSetup& setup, std::string_view executor) {
  report::RunInfo run = report::describe_run({});
  run.id = setup.id;
  run.started_at = setup.started_at;
  run.device = setup.device;
  run.why_no_device = setup.caps.reason;
  run.executor = std::string(executor);
  return run;
}

void add_faults(const ReportSources& from, std::uint32_t queue, const Counts& counts,
                report::Document& document) {
  document.faults_total += counts.not_done;
  for (std::size_t i = 0;
       i < counts.first_not_done.size() && document.faults.size() < kMaxReportedFaults; ++i) {
    const ItemResult& result = counts.first_not_done[i];
    const std::uint32_t op = counts.first_not_done_ops[i];
    document.faults.push_back({queue, result.ticket.position, from.ops.name(op), result.status,
                               result.fault, result.ticket.member,
                               counts.first_not_done_stand_for[i],
                               op == kNoOp ? std::nullopt : std::optional(op)});
  }
}

QueueSums add_queues(const ReportSources& from, report::Document& document) {
  QueueSums sums;
  for (std::uint32_t q = 0; q < from.results.queues(); ++q) {
    Collector& collector = from.results.collector(q);
    // Ended first: what is accepted in between counts as remaining, never as negative.
    const Counts counts = collector.counts();
    const std::uint64_t deduped = collector.deduped();
    const std::uint64_t published = collector.published();
    sums.accepted += published + deduped;
    sums.completions += counts.ended - counts.stood_for - counts.members + counts.region_reads;
    document.report.published_items += published;
    document.report.deduped_items += deduped;
    document.report.items_processed += counts.ended - counts.never_started;
    sums.last_end_ns = std::max(sums.last_end_ns, counts.ended != 0 ? counts.last_end_ns : -1);
    add_faults(from, q, counts, document);
    document.queues.push_back({q, from.setup.options.ring_slots, published,
                               counts.ended - counts.stood_for, from.submitter.full_waits(q)});
    collector.add_ops(sums.ops);
  }
  document.report.items_remaining = sums.accepted - document.report.items_processed;
  return sums;
}

void add_times(const ReportSources& from, const QueueSums& sums, MegakernelReport& report) {
  const std::int64_t closed_ns = from.life.closed_ns();
  report.wall_time =
      std::chrono::nanoseconds{closed_ns >= 0 ? closed_ns : from.setup.since_open_ns()};
  report.queue_plan_ns = from.counters.plan_ns.load(std::memory_order_relaxed);
  report.queue_publish_ns = from.counters.publish_ns.load(std::memory_order_relaxed);
  const std::int64_t first = from.counters.first_publish_ns.load(std::memory_order_relaxed);
  if (first >= 0 && sums.last_end_ns >= first)
    report.backend_dispatch_ns = static_cast<std::uint64_t>(sums.last_end_ns - first);
}

/// What ran the session's programs; nullopt: none was run.
std::optional<ExecutionMode> add_ops(const ReportSources& from, const OpSums& ops,
                                     report::Document& document) {
  bool ran_programs = false;
  bool compiled = false;
  for (const auto& [op, counters] : std::map<std::uint32_t, OpCounters>(ops.begin(), ops.end())) {
    report::OpRow row;
    row.name = from.ops.name(op);
    row.op_handle = op;
    row.items = counters.items;
    row.faults = counters.faults;
    row.cancelled = counters.cancelled;
    row.deduped = counters.deduped;
    row.executor = std::string(from.backend.name());
    if (op >= kFirstUserOp) {
      row.steps = from.backend.steps(op);
      compiled = compiled || from.backend.compiled_units(op).ran != 0;
      ran_programs = ran_programs || counters.items > counters.cancelled;
      if (const auto& print = from.ops.record(op).info.fingerprint) row.program = print->hex();
    }
    if (counters.latency.total() != 0) row.latency = counters.latency.summary();
    if (counters.queueing.total() != 0) row.queueing = counters.queueing.summary();
    if (counters.running.total() != 0) row.running = counters.running.summary();
    document.ops.push_back(std::move(row));
  }
  if (!ran_programs) return std::nullopt;
  return compiled ? ExecutionMode::Jit : ExecutionMode::Interpreter;
}

void add_telemetry(const ReportSources& from, const QueueSums& sums, MegakernelTelemetry& t) {
  const SessionCounters& counters = from.counters;
  t.bytes_uploaded = counters.bytes_in.load(std::memory_order_relaxed);
  t.bytes_read_back =
      counters.bytes_out.load(std::memory_order_relaxed) + sums.completions * sizeof(Completion);
  t.bytes_moved = *t.bytes_uploaded + *t.bytes_read_back;
  t.resident_allocations =
      counters.allocations.load(std::memory_order_relaxed) + from.ops.programs();
  t.sync_points = counters.sync_points.load(std::memory_order_relaxed);
  t.readback_buffers = counters.readbacks.load(std::memory_order_relaxed);
  t.device_memory_budget_bytes = from.setup.options.memory_budget_bytes;
}

void add_device(const ReportSources& from, report::Document& document) {
  if (!from.setup.on_device) return;
  const backend::DeviceFacts facts = from.backend.device_facts();
  document.run.device = facts.device;
  MegakernelTelemetry& t = document.report.telemetry;
  t.kernel_launches = static_cast<std::uint32_t>(facts.launches);
  t.occupancy_proxy_bps = from.backend.sampled_busy_bps();
  if (from.setup.options.memory_budget_bytes == 0) t.device_memory_budget_bytes = facts.arena_bytes;
}

std::optional<report::DecisionCounts> decisions_of(const LaunchSummary& launch) {
  const planner::LaunchHistory::Counts& counts = launch.counts;
  if (counts.decisions + counts.refused == 0) return std::nullopt;
  const auto& t = counts.topologies;
  const auto& p = counts.pressures;
  const auto& m = counts.modes;
  report::DecisionCounts made{
      counts.decisions,         counts.refused, {t[0], t[1], t[2], t[3], t[4], t[5]},
      {p[0], p[1], p[2], p[3]}, {m[0], m[1]},   {}};
  for (std::size_t a = 0; a < kLaunchActs; ++a) {
    const LaunchActCount& act = launch.acts[a];
    if (act.applied + act.refused == 0) continue;
    report::ActCounts row{std::string(name(static_cast<LaunchAct>(a))), act.applied, act.refused,
                          std::nullopt};
    if (act.refused != 0) row.why_refused = std::string(why_refused(static_cast<LaunchAct>(a)));
    made.acts.push_back(std::move(row));
  }
  return made;
}

std::optional<report::PlannerSection> planner_section(
    const PlanCounts& counts, std::optional<report::DecisionCounts> launches) {
  if (counts.plans == 0 && !launches) return std::nullopt;
  const auto of = [&](planner::Form form) {
    return counts.regions[static_cast<std::size_t>(form)];
  };
  report::PlannerSection section;
  section.plans = counts.plans;
  section.launches = std::move(launches);
  section.regions = {of(planner::Form::single), of(planner::Form::bundle), of(planner::Form::chain),
                     of(planner::Form::lanes)};
  section.members = counts.members;
  for (std::size_t r = 0; r < planner::kRefusals; ++r) {
    if (counts.refused[r] != 0)
      section.refused.push_back(
          {std::string(name(static_cast<planner::Refusal>(r))), counts.refused[r]});
  }
  return section;
}

void add_launch(const LaunchSummary& launch, MegakernelTelemetry& t) {
  if (launch.busy_bps) t.occupancy_proxy_bps = launch.busy_bps;
  if (!launch.last) return;
  t.topology = launch.last->topology;
  t.pressure = launch.last->pressure;
  t.frontier_density_bps = launch.last->frontier_density_bps;
  t.hit_capacity = launch.last->hit_capacity;
  t.estimated_peak_device_bytes = launch.last->estimated_peak_device_bytes;
}

std::uint64_t of(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

report::WorkSection work_of(const SessionCounters& counters) {
  report::WorkSection work{of(counters.files),        of(counters.read_bytes),
                           of(counters.mapped_bytes), of(counters.uploaded_bytes),
                           of(counters.output_bytes), std::nullopt};
  if (of(counters.hit_headers) != 0) work.hits = of(counters.hits);
  return work;
}

void add_caches(const SessionCounters& counters, report::Document& document) {
  const report::InputCache inputs{of(counters.inputs_found),   of(counters.input_bytes_found),
                                  of(counters.inputs_sent),    of(counters.input_bytes_sent),
                                  of(counters.inputs_evicted), of(counters.input_digest_ns)};
  if (inputs.found + inputs.sent == 0) return;
  document.caches = report::CachesSection{inputs};
  document.report.telemetry.resident_input_cache_hit = inputs.found != 0;
}

}  // namespace

report::Document make_report(const ReportSources& from) {
  (void)from.results.collect_all();
  report::Document document;
  document.run = run_of(from.setup, from.backend.name());
  document.caps = from.setup.caps;
  // First: what is submitted in between counts as published and not yet in the lineage.
  add_lineage(from.lineage, from.order, document);
  const QueueSums sums = add_queues(from, document);
  add_times(from, sums, document.report);
  document.report.telemetry.execution_mode = add_ops(from, sums.ops, document);
  add_telemetry(from, sums, document.report.telemetry);
  add_device(from, document);
  document.ingest = from.pump.section();
  const LaunchSummary launch = from.launch.summary();
  add_launch(launch, document.report.telemetry);
  document.planner = planner_section(from.submitter.plan_counts(), decisions_of(launch));
  add_caches(from.counters, document);
  document.work = work_of(from.counters);
  document.process = report::process_since(from.setup.used_before);
  const backend::CodeFacts code = from.backend.code_facts();
  if (code.made + code.from_memory + code.from_folder != 0)
    document.report.telemetry.compiled_pipeline_cache_hit = code.made == 0;
  return document;
}

}  // namespace vyre::runtime
