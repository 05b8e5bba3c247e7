// Documents for the tests of this folder: one full, one with nothing measured, and seeded random
// ones.
#pragma once

#include <algorithm>
#include <random>

#include "report/latency.hpp"
#include "report/report.hpp"

namespace vyre::report::test {

/// Of these values.
inline LatencySummary latency_of_values(const std::vector<std::uint64_t>& values) {
  std::uint64_t sum = 0;
  std::uint64_t max = 0;
  for (const std::uint64_t value : values) {
    sum += value;
    max = std::max(max, value);
  }
  const auto count = [&](std::uint32_t bucket) {
    return static_cast<std::uint64_t>(
        std::count_if(values.begin(), values.end(),
                      [&](std::uint64_t value) { return LogBuckets::bucket(value) == bucket; }));
  };
  return latency_of(count, values.size(), sum, max);
}

inline Document nothing_measured() {
  Document d;
  d.run = describe_run({"vyre", "test"});
  d.run.why_no_device = "no CUDA driver on this machine";
  d.caps = MegakernelCaps::unsupported("no CUDA driver on this machine");
  return d;
}

/// A stream that read most of its bytes directly and the rest through the page cache.
inline IngestSection some_ingest() {
  IngestSection i;
  i.door = "io_uring";
  i.setup = "SUBMIT_ALL|CLAMP|CQSIZE";
  i.tiers.push_back({"A", 2, 100, 98, 104'857'600, 102'760'448, 100, 0, 102'760'448, 0, 0, 1});
  i.tiers.push_back({"C", 30, 40, 40, 163'840, 163'840, 10, 30, 0, 163'840, 4'096, 0});
  i.short_reads = 3;
  i.resubmits = 4;
  i.retries = {{4, 1}, {11, 2}};
  i.stray_completions = 5;
  i.cq_overflows = 6;
  i.enters = 77;
  i.depth_p50 = 32;
  i.depth_p99 = 63;
  i.depth_max = 64;
  i.latency = latency_of_values({1'000, 2'000, 3'000});
  i.registered_regions = 1;
  i.registered_bytes = std::uint64_t{1} << 28;
  i.registration_reason = "ENOMEM";
  i.vm_pin_kib = 262'144;
  i.item_requests = 20;
  i.item_requests_end_of_file = 1;
  i.item_requests_failed = 2;
  i.item_requests_rejected = 3;
  return i;
}

/// 33 rules, so that bit 31 is shared.
inline LineageSection some_lineage() {
  LineageSection l;
  for (int rule = 0; rule < 33; ++rule) l.rules.push_back("rule " + std::to_string(rule));
  l.regions.push_back({0, 5, "single", 1, {0}, {}, {}, {}});
  l.regions.push_back({0, 6, "chain", 2, {1'024, 0}, {0}, {0}, {0}});
  l.regions.push_back({1, 7, "single", 1, {1'024}, {30, 32}, {0, 30, 32}, {0, 1}});
  l.regions_rest = 4;
  return l;
}

inline Document everything_measured() {
  Document d;
  d.run = describe_run({"vyre", "run", "a \"quoted\" name", "näme"});
  d.run.device = "cuda:0 Example GPU";
  d.caps = MegakernelCaps::with_workers(264);
  MegakernelReport& r = d.report;
  r.items_processed = 9;
  r.items_remaining = 3;
  r.published_items = 10;
  r.deduped_items = 2;
  r.wall_time = std::chrono::nanoseconds(123'456'789);
  r.queue_plan_ns = 1;
  r.queue_publish_ns = 2;
  r.backend_dispatch_ns = 3;
  r.lineage_ns = 0;
  r.lineage_items = 4;
  r.region_lineage = {0, 1, 0xC000'0001u};
  MegakernelTelemetry& t = r.telemetry;
  t.bytes_uploaded = 1'000;
  t.bytes_read_back = 24;
  t.bytes_moved = 1'024;
  t.resident_allocations = 5;
  t.kernel_launches = 1;
  t.sync_points = 2;
  t.occupancy_proxy_bps = 10'000;
  t.frontier_density_bps = 0;
  t.readback_buffers = 1;
  t.compiled_pipeline_cache_hit = true;
  t.resident_input_cache_hit = false;
  t.topology = Topology::HybridFrontier;
  t.pressure = Pressure::Saturated;
  t.execution_mode = ExecutionMode::Jit;
  t.hit_capacity = 7;
  t.estimated_peak_device_bytes = std::uint64_t{1} << 40;
  t.device_memory_budget_bytes = 0;
  d.ops.push_back({"scan", 1'024, 9, 1, 0, "cpu", 77, latency_of_values({100, 200, 300})});
  d.ops.push_back({"nop", 0, 3, 0, 3, "cpu", std::nullopt, std::nullopt});
  d.queues.push_back({0, 4'096, 10, 9, 1});
  d.faults.push_back({0, 8, "scan", CompletionStatus::faulted, {FaultCode::trap, 1, 2, 3}});
  d.faults_total = 4;
  d.input_failures.push_back({"/no/such/file", "No such file or directory"});
  d.ingest = some_ingest();
  d.ops[0].deduped = 2;
  d.ops[0].queueing = latency_of_values({40, 50});
  d.ops[0].running = latency_of_values({60, std::uint64_t{1} << 50});
  d.ops[0].program = std::string(64, 'a');
  d.run.command_rest = 7;
  d.run.labels = {{"job", "nightly"}, {"stage", "a=\"b\""}};
  d.run.executor = "cpu";
  d.run.documents = 3;
  d.work = WorkSection{5, 1'000, 200, 30, 44, 6};
  d.process = ProcessSection{70, 80, 90'000};
  d.debug = DebugSection{5, 6, {"a.vir:1:2: workgroup 0, lane 1: x = 2"}, 4};
  d.files = FilesSection{{{"a.txt", 100, 3, 1}}, 7};
  d.faults[0].member = 5;
  d.faults[0].stands_for = 1;
  d.faults[0].op_handle = 1'024;
  d.faults[0].place = "scan.vir:3:5";
  d.planner = PlannerSection{2, {1, 1, 2, 0}, 10, {{"full", 3}, {"cost", 1}}, {}};
  d.planner->launches = DecisionCounts{6,
                                       1,
                                       {1, 1, 1, 1, 1, 1},
                                       {1, 2, 2, 1},
                                       {4, 2},
                                       {{"slot_count", 3, 2, "why"}, {"saturated", 1, 0, {}}}};
  d.caches = CachesSection{{3, 300, 1, 100, 1, 55}};
  d.lineage = some_lineage();
  return d;
}

/// Any values that keep the identities; about every second optional is absent.
inline Document random_document(std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  const auto small = [&] {
    return rng() >> (1 + rng() % 60);
  };  // below 2^63: the schema validator reads i64
  const auto maybe = [&](auto& value, auto make) {
    using T = typename std::remove_reference_t<decltype(value)>::value_type;
    if (rng() % 2 == 0) {
      value = static_cast<T>(make());
    } else {
      value.reset();
    }
  };
  Document d = rng() % 2 == 0 ? everything_measured() : nothing_measured();
  MegakernelReport& r = d.report;
  r.published_items = small() >> 2;
  r.deduped_items = small() >> 2;
  r.items_remaining = rng() % (r.published_items + r.deduped_items + 1);
  r.items_processed = r.published_items + r.deduped_items - r.items_remaining;
  r.lineage_items = std::min(r.lineage_items, r.published_items);
  if (d.planner) d.planner = PlannerSection{small(), {0, 0, 0, 0}, 0, {}, {}};
  r.wall_time = std::chrono::nanoseconds(static_cast<std::int64_t>(small() >> 1));
  maybe(r.queue_plan_ns, small);
  maybe(r.queue_publish_ns, small);
  maybe(r.backend_dispatch_ns, small);
  maybe(r.lineage_ns, small);
  MegakernelTelemetry& t = r.telemetry;
  maybe(t.bytes_uploaded, [&] { return small() >> 1; });
  maybe(t.bytes_read_back, [&] { return small() >> 1; });
  t.bytes_moved.reset();
  if (t.bytes_uploaded && t.bytes_read_back) t.bytes_moved = *t.bytes_uploaded + *t.bytes_read_back;
  maybe(t.kernel_launches, small);
  maybe(t.hit_capacity, small);
  maybe(t.topology, [&] { return rng() % 6; });
  maybe(t.pressure, [&] { return rng() % 4; });
  maybe(t.execution_mode, [&] { return rng() % 2; });
  maybe(t.occupancy_proxy_bps, [&] { return rng() % 10'001; });
  for (std::uint64_t i = rng() % 4; d.lineage && i != 0; --i) {  // regions that have no row
    r.region_lineage.push_back(static_cast<std::uint32_t>(small()));
    ++d.lineage->regions_rest;
  }
  for (std::uint64_t i = rng() % 4; i != 0; --i) {
    d.ops.push_back({"op" + std::to_string(i), static_cast<std::uint32_t>(i), small(), small(),
                     small(), "cuda", std::nullopt, std::nullopt});
  }
  d.faults_total = d.faults.size() + rng() % 3;
  return d;
}

}  // namespace vyre::report::test
