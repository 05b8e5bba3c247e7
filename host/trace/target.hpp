// What a replay drives: one executor, addressed with the handles and ops of the trace. Private to
// this room; one thread. Two implementations: a Session (cpu, cuda) and the sequential reference.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "report/report.hpp"
#include "runtime/session.hpp"
#include "source.hpp"
#include "trace/trace.hpp"
#include "vir/program/program.hpp"

namespace vyre::trace {

/// An item that did not end done; `index` counts the items submitted since the last settle().
struct NotDone {
  std::uint64_t index{0};
  CompletionStatus status{CompletionStatus::done};
  Fault fault;
};

/// Contents of a buffer as a trace gives them. Unless `zeros`, `source` has them by `digest`;
/// `path` is a file with exactly these bytes, or "". A target reads the blob or verifies the file.
struct Contents {
  std::uint64_t bytes{0};
  bool zeros{false};
  bool file_backed{false};
  Digest digest{};
  std::string path;
  Source* source{nullptr};

  [[nodiscard]] Result<Blob> blob() const {
    return zeros ? Blob(std::make_shared<const Bytes>(bytes)) : source->blob(digest, bytes);
  }
};

/// Items that the reference executor watches for data races (docs/internals/vir0-semantics.md).
struct RaceWatch {
  std::uint64_t first{1};  // by number in the trace; none while last < first
  std::uint64_t last{0};
  std::uint32_t buffer{0};  // only items that may write it; 0: all
};

class Target {
 public:
  virtual ~Target() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Status define(std::uint32_t op, const std::string& name,
                                      const vir::Program& program) = 0;
  /// Makes the buffer, or gives an existing one new contents.
  [[nodiscard]] virtual Status set_buffer(std::uint32_t handle, const Contents& contents) = 0;
  [[nodiscard]] virtual Status write(std::uint32_t handle, std::uint64_t offset,
                                     ByteSpan bytes) = 0;
  [[nodiscard]] virtual Status bind(std::uint32_t set, std::span<const std::uint32_t> members) = 0;
  [[nodiscard]] virtual Status release(std::uint32_t handle) = 0;
  [[nodiscard]] virtual Status submit(std::span<const MegakernelWorkItem> items,
                                      std::uint32_t queue, std::uint8_t flags) = 0;
  /// The number in the trace of the next item to be submitted; those behind it count up.
  virtual void number_next(std::uint64_t /*item*/) {}
  /// Of the watched items, those whose lanes raced.
  [[nodiscard]] virtual std::vector<RacyItem> racy_items() { return {}; }
  /// Waits for everything submitted; with `details`, how the items since the last call ended that
  /// are not done.
  [[nodiscard]] virtual Result<std::vector<NotDone>> settle(bool details) = 0;
  [[nodiscard]] virtual Result<Bytes> read(std::uint32_t handle) = 0;
  /// Ends the run and says what it measured.
  [[nodiscard]] virtual Result<report::Document> finish() = 0;
  /// What happened when, after finish(), where SessionOptions::timeline_events asked for it.
  [[nodiscard]] virtual Result<std::string> timeline() const {
    return fail(Errc::internal, "this executor keeps no timeline");
  }
};

struct TargetOptions {
  Executor executor{Executor::cpu};
  std::uint32_t workers{0};
  runtime::SessionOptions session;  // queues, ring_slots and fuel of the recording
  Deadline deadline;
  /// Contents of files that the executor holds in memory, together; its other buffers were charged
  /// by TraceState.
  std::uint64_t file_budget_bytes{~std::uint64_t{0}};
  bool (*stopped)(){nullptr};  // ReplayOptions::stopped; what waits ends with Errc::cancelled
  RaceWatch watch;             // the reference executor only
};
[[nodiscard]] Result<std::unique_ptr<Target>> open_target(const TargetOptions& options);
[[nodiscard]] std::unique_ptr<Target> make_reference_target(
    std::uint64_t fuel, Deadline deadline = Deadline::max(),
    std::uint64_t file_budget_bytes = ~std::uint64_t{0}, bool (*stopped)() = nullptr,
    const RaceWatch& watch = {});

}  // namespace vyre::trace
