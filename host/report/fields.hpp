// The one list of the document's keys, in the order in which they are written. Keys that `later`
// names came after the first documents, and a reader does without them. Writer and reader
// are visitors of it, so a field that is written and not read (or the reverse) cannot exist.
// Private to this room. Page: docs/report.md.
#pragma once

#include <type_traits>
#include <utility>

#include "report/report.hpp"

namespace vyre::report {

template <class V>
void visit_fields(V& v, MegakernelCaps& c) {
  v("supported", c.supported);
  v("max_worker_count", c.max_worker_count);
  v("reason", c.reason);
}

template <class V>
void visit_fields(V& v, MegakernelTelemetry& t) {
  v("bytes_uploaded", t.bytes_uploaded);
  v("bytes_read_back", t.bytes_read_back);
  v("bytes_moved", t.bytes_moved);
  v("resident_allocations", t.resident_allocations);
  v("kernel_launches", t.kernel_launches);
  v("sync_points", t.sync_points);
  v("occupancy_proxy_bps", t.occupancy_proxy_bps);
  v("frontier_density_bps", t.frontier_density_bps);
  v("readback_buffers", t.readback_buffers);
  v("compiled_pipeline_cache_hit", t.compiled_pipeline_cache_hit);
  v("resident_input_cache_hit", t.resident_input_cache_hit);
  v("topology", t.topology);
  v("pressure", t.pressure);
  v("execution_mode", t.execution_mode);
  v("hit_capacity", t.hit_capacity);
  v("estimated_peak_device_bytes", t.estimated_peak_device_bytes);
  v("device_memory_budget_bytes", t.device_memory_budget_bytes);
}

template <class V>
void visit_fields(V& v, MegakernelReport& r) {
  v("items_processed", r.items_processed);
  v("items_remaining", r.items_remaining);
  v("wall_time_ns", r.wall_time);
  v("queue_plan_ns", r.queue_plan_ns);
  v("queue_publish_ns", r.queue_publish_ns);
  v("backend_dispatch_ns", r.backend_dispatch_ns);
  v("lineage_ns", r.lineage_ns);
  v("deduped_items", r.deduped_items);
  v("published_items", r.published_items);
  v("lineage_items", r.lineage_items);
  v("telemetry", r.telemetry);
  v("region_lineage", r.region_lineage);
}

template <class V>
void visit_fields(V& v, LatencyBucket& b) {
  v("up_to_ns", b.up_to_ns);
  v("count", b.count);
}

template <class V>
void visit_fields(V& v, LatencySummary& l) {
  v("p50_ns", l.p50_ns);
  v("p99_ns", l.p99_ns);
  v("max_ns", l.max_ns);
  v.later("sum_ns", l.sum_ns);
  v.later("buckets", l.buckets);
}

template <class V>
void visit_fields(V& v, OpRow& o) {
  v("name", o.name);
  v("op_handle", o.op_handle);
  v("items", o.items);
  v("faults", o.faults);
  v("cancelled", o.cancelled);
  v("executor", o.executor);
  v("steps", o.steps);
  v("latency", o.latency);
  v.later("deduped", o.deduped);
  v.later("queueing", o.queueing);
  v.later("running", o.running);
  v.later("program", o.program);
}

template <class V>
void visit_fields(V& v, QueueRow& q) {
  v("queue", q.queue);
  v("slots", q.slots);
  v("published", q.published);
  v("completed", q.completed);
  v("full_waits", q.full_waits);
}

template <class V>
void visit_fields(V& v, FaultRow& f) {
  v("queue", f.queue);
  v("position", f.position);
  v("op", f.op);
  v("status", f.status);
  v("code", f.fault.code);
  v("workgroup", f.fault.workgroup);
  v("lane", f.fault.lane);
  v("statement", f.fault.statement);
  v.later("member", f.member);
  v.later("stands_for", f.stands_for);
  v.later("op_handle", f.op_handle);
  v.later("place", f.place);
}

template <class V>
void visit_fields(V& v, InputFailure& f) {
  v("what", f.what);
  v("message", f.message);
}

template <class V>
void visit_fields(V& v, IngestTier& t) {
  v("tier", t.tier);
  v("files", t.files);
  v("submitted_operations", t.submitted_operations);
  v("completed_operations", t.completed_operations);
  v("submitted_bytes", t.submitted_bytes);
  v("completed_bytes", t.completed_bytes);
  v("fixed_operations", t.fixed_operations);
  v("plain_operations", t.plain_operations);
  v("direct_bytes", t.direct_bytes);
  v("kernel_copy_bytes", t.kernel_copy_bytes);
  v("user_copy_bytes", t.user_copy_bytes);
  v("failed_operations", t.failed_operations);
}

template <class V>
void visit_fields(V& v, ErrnoCount& e) {
  v("errno", e.error_number);
  v("count", e.count);
}

template <class V>
void visit_fields(V& v, IngestSection& i) {
  v("door", i.door);
  v("reason", i.reason);
  v("setup", i.setup);
  v("tiers", i.tiers);
  v("short_reads", i.short_reads);
  v("resubmits", i.resubmits);
  v("retries", i.retries);
  v("stray_completions", i.stray_completions);
  v("cq_overflows", i.cq_overflows);
  v("enters", i.enters);
  v("depth_p50", i.depth_p50);
  v("depth_p99", i.depth_p99);
  v("depth_max", i.depth_max);
  v("latency", i.latency);
  v("registered_regions", i.registered_regions);
  v("registered_bytes", i.registered_bytes);
  v("registration_reason", i.registration_reason);
  v("vm_pin_kib", i.vm_pin_kib);
  v("item_requests", i.item_requests);
  v("item_requests_end_of_file", i.item_requests_end_of_file);
  v("item_requests_failed", i.item_requests_failed);
  v("item_requests_rejected", i.item_requests_rejected);
}

template <class V>
void visit_fields(V& v, RegionCounts& r) {
  v("single", r.single);
  v("bundle", r.bundle);
  v("chain", r.chain);
  v("lanes", r.lanes);
}

template <class V>
void visit_fields(V& v, RefusedCount& r) {
  v("rule", r.rule);
  v("count", r.count);
}

template <class V>
void visit_fields(V& v, TopologyCounts& t) {
  v("empty", t.empty);
  v("sparse_frontier", t.sparse_frontier);
  v("hybrid_frontier", t.hybrid_frontier);
  v("dense_frontier", t.dense_frontier);
  v("fused_dense", t.fused_dense);
  v("memory_constrained", t.memory_constrained);
}

template <class V>
void visit_fields(V& v, PressureCounts& p) {
  v("empty", p.empty);
  v("light", p.light);
  v("balanced", p.balanced);
  v("saturated", p.saturated);
}

template <class V>
void visit_fields(V& v, ModeCounts& m) {
  v("interpreter", m.interpreter);
  v("jit", m.jit);
}

template <class V>
void visit_fields(V& v, ActCounts& a) {
  v("output", a.output);
  v("applied", a.applied);
  v("refused", a.refused);
  v("why_refused", a.why_refused);
}

template <class V>
void visit_fields(V& v, DecisionCounts& d) {
  v("decisions", d.decisions);
  v("refused", d.refused);
  v("topologies", d.topologies);
  v("pressures", d.pressures);
  v("modes", d.modes);
  v.later("acts", d.acts);
}

template <class V>
void visit_fields(V& v, PlannerSection& p) {
  v("plans", p.plans);
  v("regions", p.regions);
  v("members", p.members);
  v("refused", p.refused);
  v.later("launches", p.launches);
}

template <class V>
void visit_fields(V& v, InputCache& i) {
  v("found", i.found);
  v("bytes_found", i.bytes_found);
  v("sent", i.sent);
  v("bytes_sent", i.bytes_sent);
  v("evicted", i.evicted);
  v("digest_ns", i.digest_ns);
}

template <class V>
void visit_fields(V& v, CachesSection& c) {
  v("inputs", c.inputs);
}

template <class V>
void visit_fields(V& v, LineageRegion& r) {
  v("queue", r.queue);
  v("position", r.position);
  v("form", r.form);
  v("items", r.items);
  v("ops", r.ops);
  v("own", r.own);
  v("rules", r.rules);
  v("from", r.from);
}

template <class V>
void visit_fields(V& v, LineageSection& l) {
  v("rules", l.rules);
  v("rules_rest", l.rules_rest);
  v("regions", l.regions);
  v("regions_rest", l.regions_rest);
}

template <class V>
void visit_fields(V& v, WorkSection& w) {
  v("files", w.files);
  v("read_bytes", w.read_bytes);
  v("mapped_bytes", w.mapped_bytes);
  v("uploaded_bytes", w.uploaded_bytes);
  v("output_bytes", w.output_bytes);
  v("hits", w.hits);
}

template <class V>
void visit_fields(V& v, ProcessSection& p) {
  v("user_ns", p.user_ns);
  v("system_ns", p.system_ns);
  v("peak_resident_bytes", p.peak_resident_bytes);
}

template <class V>
void visit_fields(V& v, DebugSection& d) {
  v("written", d.written);
  v("dropped", d.dropped);
  v("records", d.records);
  v("records_rest", d.records_rest);
}

template <class V>
void visit_fields(V& v, FileRow& f) {
  v("name", f.name);
  v("bytes", f.bytes);
  v("items", f.items);
  v("failed", f.failed);
}

template <class V>
void visit_fields(V& v, FilesSection& f) {
  v("rows", f.rows);
  v("rows_rest", f.rows_rest);
}

template <class V>
void visit_fields(V& v, RunInfo& r) {
  v("id", r.id);
  v("started_at", r.started_at);
  v("command", r.command);
  v("build", r.build);
  v("host", r.host);
  v("device", r.device);
  v("why_no_device", r.why_no_device);
  v.later("command_rest", r.command_rest);
  v.later("labels", r.labels);
  v.later("executor", r.executor);
  v.later("documents", r.documents);
}

/// Everything but "schema" and "faults_rest", which the writer and reader treat by hand, and the
/// sections, which come last.
template <class V>
void visit_fields(V& v, Document& d) {
  v("run", d.run);
  v("caps", d.caps);
  v("report", d.report);
  v("ops", d.ops);
  v("queues", d.queues);
  v("faults", d.faults);
  v("faults_total", d.faults_total);
  v("input_failures", d.input_failures);
}

template <class V>
void visit_sections(V& v, Document& d) {
  v("ingest", d.ingest);
  v.later("planner", d.planner);
  v.later("caches", d.caches);
  v.later("lineage", d.lineage);
  v.later("work", d.work);
  v.later("process", d.process);
  v.later("debug", d.debug);
  v.later("files", d.files);
}

/// Whether visit_fields() has the fields of T.
template <class T, class = void>
struct HasFields : std::false_type {};
struct NoVisitor {
  template <class T>
  void operator()(const char*, T&) {}
};
template <class T>
struct HasFields<
    T, std::void_t<decltype(visit_fields(std::declval<NoVisitor&>(), std::declval<T&>()))>>
    : std::true_type {};

}  // namespace vyre::report
