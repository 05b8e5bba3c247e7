// Traces: a recorded run as a self-contained directory, and its replay. Host only.
// Spec: docs/internals/trace.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/executor.hpp"
#include "protocol/limits.hpp"
#include "report/report.hpp"
#include "runtime/session.hpp"

namespace vyre::trace {

struct RecordOptions {
  std::uint64_t max_buffer_bytes{kMaxRecordedBufferBytes};  // a larger buffer is refused by name
  /// What the session to be recorded was opened with, so that a recording that is killed carries
  /// it; finish() takes them from the session itself.
  runtime::SessionOptions session;
};

/// Records everything a session does into `directory` (created; must not exist or be empty). Attach
/// before the first submit with session.observe(). A thread appends records shortly after things
/// happen, so that no caller of the session waits for the disk unless the recording is far behind:
/// a kill leaves a trace that replays up to its last complete record. finish() writes the expected
/// outputs and seals the manifest.
class Recorder : public runtime::SessionObserver {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Recorder>> create(const std::string& directory,
                                                                const RecordOptions& options = {});
  /// Call after wait_all(): digests and stores the final bytes of every buffer that items may have
  /// written.
  /// A recording ends once: each later call, also of cut_short(), gives the first one's answer.
  [[nodiscard]] virtual Status finish(runtime::Session& session, Deadline deadline) = 0;
  /// In place of finish() where a recording ends early: stores what items that ended have written,
  /// closes the session, which cancels the others, and seals the manifest.
  [[nodiscard]] virtual Status cut_short(runtime::Session& session) = 0;
  /// In place of both where observe() refused the recorder: removes what was made, so that the
  /// directory can be used again.
  virtual void discard() = 0;
  /// First error met while recording (observers cannot fail the session), once all that happened so
  /// far is recorded; ok if none.
  [[nodiscard]] virtual Status status() const = 0;
};

using vyre::Executor;
enum class Pace : std::uint8_t { full_speed, recorded };
enum class Compare : std::uint8_t { none, expected, executor };

struct ReplayOptions {
  Executor executor{Executor::cpu};
  Pace pace{Pace::full_speed};
  Compare compare{Compare::none};
  Executor other{Executor::reference};  // Compare::executor
  /// Looks for data races in every program item; Executor::reference only.
  bool check_races{false};
  std::uint32_t workers{0};
  /// For F32 outputs of programs with transcendentals; everything else is compared byte by byte.
  std::uint32_t transcendental_ulp{128};
  std::chrono::nanoseconds timeout{std::chrono::minutes{10}};
  /// Buffers that are not files, together; 0 = half of physical memory.
  std::uint64_t memory_budget_bytes{0};
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  /// True: the replay ends early, with ReplayResult::stopped.
  bool (*stopped)(){nullptr};
  /// Events that ReplayResult::timeline keeps at most; 0: there is none. Executors with queues
  /// only.
  std::uint32_t timeline_events{0};
};

/// An item whose lanes raced for memory, so that its results are unspecified.
struct RacyItem {
  std::uint64_t item{0};
  std::string program;
  std::vector<std::string> races;  // both accesses each, as docs/internals/vir0.md says
  std::uint64_t total{0};          // those beyond `races` too
};

/// The first difference: which item (its position in the trace), buffer, byte offset, and both
/// values.
struct Difference {
  std::uint64_t item{0};
  std::uint32_t queue{0};
  std::uint32_t buffer{0};
  std::uint64_t offset{0};
  std::string expected;  // hexadecimal of up to 16 bytes, or a status
  std::string actual;
  std::string message;  // one sentence
  /// An item that wrote the buffer races (ReplayResult::racy_items), so its bytes are unspecified.
  bool races{false};
  bool status{false};  // the items ended differently; buffer and offset say nothing then
};

struct ReplayResult {
  std::uint64_t items{0};
  std::uint64_t buffers_compared{0};
  std::uint64_t bytes_compared{0};
  std::uint64_t items_skipped{0};  // cancelled when recorded: timing decided that, so not run now
  /// False: the recording was cut short; replayed up to its last complete record.
  bool complete{true};
  /// ReplayOptions::stopped said so before the end: nothing is known of what differs.
  bool stopped{false};
  std::optional<Difference> difference;
  /// With check_races, of all items, at most kMaxReportedFaults; else of those that may have made
  /// the difference.
  std::vector<RacyItem> racy_items;
  report::Document document;
  std::string timeline;  // Chrome's trace event format; empty: none was asked for
};

[[nodiscard]] Result<ReplayResult> replay(const std::string& directory,
                                          const ReplayOptions& options);
class Source;  // source.hpp: a directory, or memory in tests and fuzzers
[[nodiscard]] Result<ReplayResult> replay(Source& source, const ReplayOptions& options);

struct TraceInfo {
  std::uint64_t items{0};
  std::uint64_t programs{0};
  std::uint64_t buffers{0};
  std::uint64_t bytes{0};
  bool complete{false};
  std::string recorded_at;
};
/// Reads and checks the manifest and every record (digests included) without running anything.
/// `stopped`: true ends it early, with Errc::cancelled.
[[nodiscard]] Result<TraceInfo> inspect(const std::string& directory, bool (*stopped)() = nullptr);

}  // namespace vyre::trace
