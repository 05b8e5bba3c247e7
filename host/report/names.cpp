// Words and identities of the report; see names.hpp.
#include "report/names.hpp"

#include <array>
#include <initializer_list>
#include <limits>
#include <utility>

#include "base/message.hpp"
#include "ingest.hpp"
#include "lineage.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/limits.hpp"
#include "report/latency.hpp"

namespace vyre::report {
namespace {

constexpr std::array<std::string_view, 6> kTopologies{"empty",           "sparse_frontier",
                                                      "hybrid_frontier", "dense_frontier",
                                                      "fused_dense",     "memory_constrained"};
constexpr std::array<std::string_view, 4> kPressures{"empty", "light", "balanced", "saturated"};
constexpr std::array<std::string_view, 2> kModes{"interpreter", "jit"};

template <class T, std::size_t N>
bool find_word(const std::array<std::string_view, N>& words, std::string_view word,
               T& value) noexcept {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] != word) continue;
    value = static_cast<T>(i);
    return true;
  }
  return false;
}

/// True when a + b == c without wrapping.
bool sums_to(std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept {
  return a <= std::numeric_limits<std::uint64_t>::max() - b && a + b == c;
}

}  // namespace

std::string_view enum_name(Topology value) noexcept {
  return kTopologies[static_cast<std::size_t>(value)];
}
std::string_view enum_name(Pressure value) noexcept {
  return kPressures[static_cast<std::size_t>(value)];
}
std::string_view enum_name(ExecutionMode value) noexcept {
  return kModes[static_cast<std::size_t>(value)];
}
std::string_view enum_name(CompletionStatus value) noexcept {
  return status_name(value);
}
std::string_view enum_name(FaultCode value) noexcept {
  return fault_name(value);
}

bool parse_enum(std::string_view word, Topology& value) noexcept {
  return find_word(kTopologies, word, value);
}
bool parse_enum(std::string_view word, Pressure& value) noexcept {
  return find_word(kPressures, word, value);
}
bool parse_enum(std::string_view word, ExecutionMode& value) noexcept {
  return find_word(kModes, word, value);
}

bool parse_enum(std::string_view word, CompletionStatus& value) noexcept {
  for (const auto status :
       {CompletionStatus::done, CompletionStatus::faulted, CompletionStatus::cancelled}) {
    if (status_name(status) != word) continue;
    value = status;
    return true;
  }
  return false;
}

bool parse_enum(std::string_view word, FaultCode& value) noexcept {
  // fault_name() answers "unknown" for numbers without a name, so the table needs no second copy
  // here.
  if (word == "unknown") return false;
  for (std::uint32_t number = 0; number <= 0xFF; ++number) {
    const auto code = static_cast<FaultCode>(number);
    if (fault_name(code) != word) continue;
    value = code;
    return true;
  }
  return false;
}

namespace {

/// What was decided about topology, pressure and mode adds up to the decisions.
Status check_decisions(const DecisionCounts& d) {
  const auto check = [&](const char* what, std::initializer_list<std::uint64_t> parts) -> Status {
    std::uint64_t left = d.decisions;
    bool fits = true;
    for (const std::uint64_t part : parts) {
      fits = fits && part <= left;
      left -= fits ? part : 0;
    }
    if (fits && left == 0) return {};
    return fail(Errc::mismatch, message("report: the launch decisions by {} do not add up to {}",
                                        what, d.decisions));
  };
  const TopologyCounts& t = d.topologies;
  const PressureCounts& p = d.pressures;
  VYRE_TRY(check("topology", {t.empty, t.sparse_frontier, t.hybrid_frontier, t.dense_frontier,
                              t.fused_dense, t.memory_constrained}));
  VYRE_TRY(check("pressure", {p.empty, p.light, p.balanced, p.saturated}));
  VYRE_TRY(check("mode", {d.modes.interpreter, d.modes.jit}));
  for (const ActCounts& act : d.acts) {
    if (act.applied <= d.decisions && act.refused <= d.decisions - act.applied) continue;
    return fail(Errc::mismatch, message("report: '{}' was applied {} and refused {} times by {} "
                                        "launch decisions",
                                        act.output, act.applied, act.refused, d.decisions));
  }
  return {};
}

}  // namespace

Status check_identities(const Document& document) {
  const MegakernelReport& r = document.report;
  if (r.items_processed > std::numeric_limits<std::uint64_t>::max() - r.items_remaining ||
      !sums_to(r.published_items, r.deduped_items, r.items_processed + r.items_remaining)) {
    return fail(Errc::mismatch,
                message("report: items_processed ({}) + items_remaining ({}) is not "
                        "published_items ({}) + deduped_items ({})",
                        r.items_processed, r.items_remaining, r.published_items, r.deduped_items));
  }
  const MegakernelTelemetry& t = r.telemetry;
  if (t.bytes_uploaded && t.bytes_read_back && t.bytes_moved &&
      !sums_to(*t.bytes_uploaded, *t.bytes_read_back, *t.bytes_moved)) {
    return fail(
        Errc::mismatch,
        message("report: bytes_moved ({}) is not bytes_uploaded ({}) + bytes_read_back ({})",
                *t.bytes_moved, *t.bytes_uploaded, *t.bytes_read_back));
  }
  for (const auto* bps : {&t.occupancy_proxy_bps, &t.frontier_density_bps}) {
    if (*bps && **bps > 10'000) {
      return fail(Errc::mismatch, message("report: {} is {}, above 10000 basis points",
                                          bps == &t.occupancy_proxy_bps ? "occupancy_proxy_bps"
                                                                        : "frontier_density_bps",
                                          **bps));
    }
  }
  if (document.faults.size() > document.faults_total) {
    return fail(Errc::mismatch, message("report: {} faults are listed but faults_total is {}",
                                        document.faults.size(), document.faults_total));
  }
  if (document.faults.size() > kMaxReportedFaults) {
    return fail(Errc::limit_exceeded, message("report: {} faults are listed; the limit is {}",
                                              document.faults.size(), kMaxReportedFaults));
  }
  if (const auto& planner = document.planner) {
    const RegionCounts& of = planner->regions;
    const std::uint64_t most = r.published_items;
    const bool fits = of.single <= most && of.bundle <= most && of.chain <= most &&
                      of.lanes <= most && planner->members <= most &&
                      of.single + of.bundle + of.chain + of.lanes <= planner->members;
    if (!fits) {
      return fail(Errc::mismatch,
                  message("report: {} regions have {} members, and {} items were published",
                          of.single + of.bundle + of.chain + of.lanes, planner->members, most));
    }
    if (planner->launches) VYRE_TRY(check_decisions(*planner->launches));
  }
  VYRE_TRY(check_lineage(document));
  if (const auto& debug = document.debug;
      debug && !sums_to(debug->records.size(), debug->records_rest, debug->written)) {
    return fail(Errc::mismatch,
                message("report: records of watches listed ({}) + records_rest ({}) is not written "
                        "({})",
                        debug->records.size(), debug->records_rest, debug->written));
  }
  for (const OpRow& op : document.ops) {
    for (const auto& [latency, what] : {std::pair{&op.latency, "latency"},
                                        {&op.queueing, "queueing"},
                                        {&op.running, "running"}}) {
      if (*latency) VYRE_TRY(check_latency(**latency, message("{} of op '{}'", what, op.name)));
    }
  }
  if (!document.ingest) return {};
  if (document.ingest->latency)
    VYRE_TRY(check_latency(*document.ingest->latency, "latency of ingest"));
  return check_ingest(*document.ingest);
}

}  // namespace vyre::report
