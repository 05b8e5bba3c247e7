// What a run says of itself, and its JSON document; the structures of upstream in it are in
// vyre/api/report.hpp.
// Host only. A value that the run did not measure is nullopt / null, never a constant. Spec:
// docs/report.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "platform/host_info.hpp"
#include "protocol/completion.hpp"
#include "vyre/api/report.hpp"

namespace vyre::report {

/// Values above the bound of the bucket before and up to this one (base/log_buckets.hpp).
struct LatencyBucket {
  std::uint64_t up_to_ns{0};
  std::uint64_t count{0};
};
struct LatencySummary {
  std::uint64_t p50_ns{0};
  std::uint64_t p99_ns{0};
  std::uint64_t max_ns{0};
  // nullopt in documents from before.
  std::optional<std::uint64_t> sum_ns{};
  std::optional<std::vector<LatencyBucket>> buckets{};  // those with values, ascending
};

struct OpRow {
  std::string name;
  std::uint32_t op_handle{0};
  std::uint64_t items{0};
  std::uint64_t faults{0};
  std::uint64_t cancelled{0};
  std::string executor;                // "cpu", "cuda", "reference"
  std::optional<std::uint64_t> steps;  // instructions or iterations, where the executor counts them
  std::optional<LatencySummary> latency;  // submit -> completion seen by the host
  std::uint64_t deduped{0};  // items that did not run because another one stood for them
  std::optional<LatencySummary> queueing{};  // submit -> a worker begins the item
  std::optional<LatencySummary> running{};   // -> the worker is through with it
  std::optional<std::string> program{};      // fingerprint; nullopt: a built-in op
};

struct QueueRow {
  std::uint32_t queue{0};
  std::uint32_t slots{0};
  std::uint64_t published{0};
  std::uint64_t completed{0};
  std::uint64_t full_waits{0};  // times a producer found the ring full
};

struct FaultRow {
  std::uint32_t queue{0};
  std::uint64_t position{0};
  std::string op;
  CompletionStatus status{CompletionStatus::faulted};
  Fault fault;
  std::uint32_t member{0};      // of the region at that position
  std::uint64_t stands_for{0};  // items that did not run, and ended as this one
  std::optional<std::uint32_t> op_handle{};
  /// Of the statement in the program's text: FILE:LINE:COLUMN, and the calls of fns that led there.
  std::optional<std::string> place{};
};

/// One open error about a file or input that did not stop the run.
struct InputFailure {
  std::string what;
  std::string message;
};

/// What the pump of a session did; every number was counted (docs/internals/ingest.md,
/// "Telemetry").
struct IngestTier {
  std::string tier;  // "A" to "E"
  std::uint64_t files{0};
  std::uint64_t submitted_operations{0};
  std::uint64_t completed_operations{0};
  std::uint64_t submitted_bytes{0};
  std::uint64_t completed_bytes{0};
  std::uint64_t fixed_operations{0};   // READ_FIXED
  std::uint64_t plain_operations{0};   // READ, pread
  std::uint64_t direct_bytes{0};       // completed on descriptors with O_DIRECT
  std::uint64_t kernel_copy_bytes{0};  // through the page cache
  std::uint64_t user_copy_bytes{0};    // copied again in this process before an item read them
  std::uint64_t failed_operations{0};
};
struct ErrnoCount {
  std::int32_t error_number{0};
  std::uint64_t count{0};
};
struct IngestSection {
  std::string door;               // "io_uring", "thread pool"
  std::string reason;             // why not a better one; empty: nothing better was asked for
  std::string setup;              // the ring's setup flags that were accepted
  std::vector<IngestTier> tiers;  // those that were used
  std::uint64_t short_reads{0};
  std::uint64_t resubmits{0};
  std::vector<ErrnoCount> retries;     // by errno, ascending
  std::uint64_t stray_completions{0};  // of unknown or ended operations
  std::uint64_t cq_overflows{0};
  std::uint64_t enters{0};
  std::uint32_t depth_p50{0};  // operations under way, at each submission
  std::uint32_t depth_p99{0};
  std::uint32_t depth_max{0};
  std::optional<LatencySummary> latency;  // operation submitted -> completed
  std::uint32_t registered_regions{0};
  std::uint64_t registered_bytes{0};
  std::string registration_reason;          // why not all of it
  std::optional<std::uint64_t> vm_pin_kib;  // VmPin of this process, when the report was made
  std::uint64_t item_requests{0};           // of items: all, and how they ended otherwise than ok
  std::uint64_t item_requests_end_of_file{0};
  std::uint64_t item_requests_failed{0};
  std::uint64_t item_requests_rejected{0};

  // Upstream's counters (docs/origin.md), derived.
  [[nodiscard]] std::uint64_t submitted_bytes() const;
  [[nodiscard]] std::uint64_t completed_bytes() const;
  [[nodiscard]] std::uint64_t submitted_reads() const;
  [[nodiscard]] std::uint64_t completed_reads() const;
  [[nodiscard]] std::uint64_t registered_mapped_read_submissions() const;
  [[nodiscard]] std::uint64_t gpudirect_nvme_submissions() const;
  [[nodiscard]] std::uint64_t cpu_bounce_bytes() const;
  [[nodiscard]] std::uint64_t failed_completions() const;
  /// Whether all that completed went from storage into the pages that items read without a copy:
  /// O_DIRECT, the fixed opcode, nothing bounced. The error says what was not.
  [[nodiscard]] Status validate_completed_zero_copy() const;
};

/// What plans came to (docs/internals/planner.md).
struct RegionCounts {
  std::uint64_t single{0};
  std::uint64_t bundle{0};
  std::uint64_t chain{0};
  std::uint64_t lanes{0};
};
struct RefusedCount {
  std::string rule;
  std::uint64_t count{0};
};
/// Decisions of the launch policy, by what was decided.
struct TopologyCounts {
  std::uint64_t empty{0};
  std::uint64_t sparse_frontier{0};
  std::uint64_t hybrid_frontier{0};
  std::uint64_t dense_frontier{0};
  std::uint64_t fused_dense{0};
  std::uint64_t memory_constrained{0};
};
struct PressureCounts {
  std::uint64_t empty{0};
  std::uint64_t light{0};
  std::uint64_t balanced{0};
  std::uint64_t saturated{0};
};
struct ModeCounts {
  std::uint64_t interpreter{0};
  std::uint64_t jit{0};
};
/// What decisions asked for by one output of the policy: how often that had an effect, and how
/// often it could not have any.
struct ActCounts {
  std::string output;
  std::uint64_t applied{0};
  std::uint64_t refused{0};
  std::optional<std::string> why_refused;
};
struct DecisionCounts {
  std::uint64_t decisions{0};
  std::uint64_t refused{0};  // times that no launch fitted; these are no decisions
  TopologyCounts topologies;
  PressureCounts pressures;
  ModeCounts modes;             // that were wished for
  std::vector<ActCounts> acts;  // of outputs that asked for anything
};
struct PlannerSection {
  std::uint64_t plans{0};                  // that were submitted
  RegionCounts regions;                    // as they were published
  std::uint64_t members{0};                // of all of them
  std::vector<RefusedCount> refused;       // rules that kept items from sharing a region
  std::optional<DecisionCounts> launches;  // nullopt: the launch policy was not asked
};

/// Cached buffers: what callers asked for, and what came of it.
struct InputCache {
  std::uint64_t found{0};  // that were there already
  std::uint64_t bytes_found{0};
  std::uint64_t sent{0};  // whose bytes were sent
  std::uint64_t bytes_sent{0};
  std::uint64_t evicted{0};    // to make room
  std::uint64_t digest_ns{0};  // to know whether bytes are there
};
struct CachesSection {
  InputCache inputs;
};

/// What derives from what (docs/internals/lineage.md). Rules are named by their slot in
/// `rules`, regions by their number, which is their place in `regions` and in region_lineage.
struct LineageRegion {
  std::uint32_t queue{0};
  std::uint64_t position{0};
  std::string form;                  // "single", "bundle", "chain", "lanes"
  std::uint64_t items{0};            // its members
  std::vector<std::uint32_t> ops;    // op_handle of each op of its members, once
  std::vector<std::uint32_t> own;    // rules of these ops, and tags of what they read
  std::vector<std::uint32_t> rules;  // its whole set
  std::vector<std::uint64_t> from;   // regions that wrote last what it reads or keeps
};
struct LineageSection {
  std::vector<std::string> rules;
  std::uint64_t rules_rest{0};  // rules whose names are not spelled out
  std::vector<LineageRegion> regions;
  std::uint64_t regions_rest{0};  // regions that are not spelled out
};

/// What the run took in and gave out.
struct WorkSection {
  std::uint64_t files{0};             // that were streamed, loaded or mapped
  std::uint64_t read_bytes{0};        // of files, by streams and loads
  std::uint64_t mapped_bytes{0};      // of mapped files
  std::uint64_t uploaded_bytes{0};    // by uploads, writes and leases
  std::uint64_t output_bytes{0};      // that callers took out of buffers and streams
  std::optional<std::uint64_t> hits;  // that results of streams tell; nullopt: none tells any

  [[nodiscard]] std::uint64_t input_bytes() const {
    return read_bytes + mapped_bytes + uploaded_bytes;
  }
};

/// What the process took, from the opening of the session to the report.
struct ProcessSection {
  std::uint64_t user_ns{0};
  std::uint64_t system_ns{0};
  std::uint64_t peak_resident_bytes{0};  // since the process began
};

/// What watches wrote down (docs/watching.md).
struct DebugSection {
  std::uint64_t written{0};          // records
  std::uint64_t dropped{0};          // records that found no room
  std::vector<std::string> records;  // the first ones, a line each
  std::uint64_t records_rest{0};
};
/// Records that a document spells out.
inline constexpr std::size_t kMaxReportedRecords{64};

/// What one input file came to.
struct FileRow {
  std::string name;
  std::uint64_t bytes{0};  // that its items were given, each once
  std::uint64_t items{0};
  std::uint64_t failed{0};  // of these: they have no outputs, or the file could not be read
};
struct FilesSection {
  std::vector<FileRow> rows;  // the first ones, in the order of the run
  std::uint64_t rows_rest{0};
};
/// Files that a document spells out.
inline constexpr std::size_t kMaxReportedFiles{4'096};

/// Of a run's command line: how many words are spelled out, and bytes of each.
inline constexpr std::size_t kMaxReportedWords{64};
inline constexpr std::size_t kMaxReportedWordBytes{1024};
/// Labels of a run, and bytes of the value of each.
inline constexpr std::size_t kMaxLabels{32};
inline constexpr std::size_t kMaxLabelBytes{256};

struct RunInfo {
  std::string id;          // 128 random bits, hexadecimal
  std::string started_at;  // RFC 3339, UTC
  std::vector<std::string> command;
  std::string build;  // version, commit, compiler, settings
  std::string host;   // CPU model, logical CPUs, kernel
  std::optional<std::string> device;
  std::string why_no_device;
  std::uint64_t command_rest{0};              // words that are not spelled out
  std::map<std::string, std::string> labels;  // that the caller gave
  std::optional<std::string> executor;        // "cpu", "cuda", "reference"
  std::uint64_t documents{1};                 // that were merged into this one, itself included
};

struct Document {
  RunInfo run;
  MegakernelCaps caps;
  MegakernelReport report;
  std::vector<OpRow> ops;
  std::vector<QueueRow> queues;
  std::vector<FaultRow> faults;  // the first kMaxReportedFaults
  std::uint64_t faults_total{0};
  std::vector<InputFailure> input_failures;
  std::optional<IngestSection> ingest;    // nullopt: this run read no file through a pump
  std::optional<PlannerSection> planner;  // nullopt: no plan and no launch decision
  std::optional<CachesSection> caches;    // nullopt: this run asked for nothing cached
  std::optional<LineageSection> lineage;  // nullopt: this run did not track lineage
  std::optional<WorkSection> work;        // nullopt: a document from before
  std::optional<ProcessSection> process;  // nullopt: a document from before
  std::optional<DebugSection> debug;      // nullopt: nothing was watched
  std::optional<FilesSection> files;      // nullopt: the run was not asked for a row for each file
};

/// {"schema": "vyre.report/2", ...}; one line when `indent` < 0.
[[nodiscard]] std::string to_json(const Document& document, int indent = 2);
/// Accepts unknown keys; a missing or ill-typed key is an error that names its JSON pointer.
[[nodiscard]] Result<Document> from_json(std::string_view text);
/// Temporary file in the same directory, fsync, rename: the whole document or nothing. "-" is
/// stdout.
[[nodiscard]] Status write_json(const Document& document, const std::string& path);
/// Appends one line (JSON Lines); a crash leaves at most one incomplete last line, which readers
/// skip by name.
[[nodiscard]] Status append_json_line(const Document& document, const std::string& path);
/// Reads one document or JSON Lines of them.
[[nodiscard]] Result<std::vector<Document>> read_documents(const std::string& path);
/// A few readable lines for a terminal; several documents are summed with medians where sums are
/// meaningless.
[[nodiscard]] std::string summarise(const std::vector<Document>& documents);

/// Who contributed to what: every region with its rules and what it derives from. not_found where
/// a run did not track lineage.
[[nodiscard]] Result<std::string> lineage_text(const std::vector<Document>& documents);
/// The same as a graph for Graphviz.
[[nodiscard]] Result<std::string> lineage_graph(const std::vector<Document>& documents);

/// Fills id, started_at, build and host from this process and machine.
[[nodiscard]] RunInfo describe_run(std::vector<std::string> command);
/// What this process used since `before`.
[[nodiscard]] ProcessSection process_since(const platform::ProcessUse& before);
/// The command line of the run, as far as it is spelled out.
void set_command(RunInfo& run, const std::vector<std::string>& command);
/// A label "NAME=VALUE" of the run. The error says what a label may be.
[[nodiscard]] Status add_label(RunInfo& run, std::string_view label);

}  // namespace vyre::report
