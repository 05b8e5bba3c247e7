// Recorder, replay() and inspect(): a recorded run as a directory, and its replay on any executor.
// Spec: docs/internals/trace.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

/// What runs programs.
enum class Executor : std::uint32_t {
  cpu = VYRE_EXECUTOR_CPU,
  cuda = VYRE_EXECUTOR_CUDA,
  reference = VYRE_EXECUTOR_REFERENCE,
  jit = VYRE_EXECUTOR_JIT,
};

class Recorder {
 public:
  explicit Recorder(vyre_recorder* owned) : recorder_(owned) {}
  /// Waits for all items, stores what they wrote, and seals the trace.
  [[nodiscard]] Result<void> finish(Timeout timeout = {}) {
    return detail::status(vyre_record_finish(recorder_.get(), timeout.ns()));
  }
  /// Closes the session, stores what the items that ended wrote, and seals the trace.
  [[nodiscard]] Result<void> cut_short() {
    return detail::status(vyre_record_cut_short(recorder_.get()));
  }

 private:
  detail::Owner<vyre_recorder, vyre_recorder_free> recorder_;
};

enum class Compare : std::uint32_t {
  none = VYRE_COMPARE_NONE,
  recorded = VYRE_COMPARE_RECORDED,
  executor = VYRE_COMPARE_EXECUTOR,  // with ReplayOptions::other
};

/// Zero means the default, as in vyre_replay_options.
struct ReplayOptions {
  Executor executor{Executor::cpu};
  Compare compare{Compare::none};
  Executor other{Executor::reference};
  bool recorded_pace{false};
  bool check_races{false};
  std::uint32_t workers{0};
  std::uint32_t ulp{0};
  bool exact{false};  // F32 results have to be equal, whatever `ulp` says
  std::uint64_t memory_bytes{0};
  std::chrono::nanoseconds timeout{0};
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};  // must not throw
  vyre_stopped stopped{nullptr};
  std::vector<std::string> labels{};  // of the report, "NAME=VALUE"
  std::uint32_t timeline_events{0};   // that Replayed::timeline keeps at most; 0: there is none
};
struct Replayed {
  vyre_replay_result counts;
  Blob json;      // {"difference": ..., "racy_items": [...], "report": ...}
  Blob timeline;  // as Session::timeline_json() gives it; empty if none was asked for
};
/// Runs a trace. A difference is no error: look at counts.differs.
[[nodiscard]] inline Result<Replayed> replay(const std::string& directory,
                                             const ReplayOptions& options = {}) {
  vyre_replay_options c = VYRE_INIT(vyre_replay_options);
  c.executor = static_cast<std::uint32_t>(options.executor);
  c.compare = static_cast<std::uint32_t>(options.compare);
  c.other = static_cast<std::uint32_t>(options.other);
  c.recorded_pace = options.recorded_pace ? 1 : 0;
  c.check_races = options.check_races ? 1 : 0;
  c.workers = options.workers;
  c.ulp = options.ulp;
  c.exact = options.exact ? 1 : 0;
  c.memory_bytes = options.memory_bytes;
  c.timeout = options.timeout.count();
  if (options.progress) {
    c.progress = [](void* context, std::uint64_t done, std::uint64_t total) {
      static_cast<const ReplayOptions*>(context)->progress(done, total);
    };
    c.context = const_cast<ReplayOptions*>(&options);
  }
  c.stopped = options.stopped;
  vyre_replay_result counts = VYRE_INIT(vyre_replay_result);
  vyre_blob* json = nullptr;
  vyre_blob* timeline = nullptr;
  c.timeline_events = options.timeline_events;
  c.timeline = &timeline;
  const std::vector<const char*> labels = detail::c_strings(options.labels);
  c.labels = labels.data();
  c.label_count = labels.size();
  const detail::Failed failed{vyre_replay(directory.c_str(), &c, &counts, &json)};
  if (failed) return failed.error();
  return Replayed{counts, Blob(json), Blob(timeline)};
}

/// Reads and checks a trace, digests included, without running it.
[[nodiscard]] inline Result<vyre_trace_info> inspect(const std::string& directory,
                                                     vyre_stopped stopped = nullptr) {
  vyre_trace_info info = VYRE_INIT(vyre_trace_info);
  const detail::Failed failed{vyre_trace_inspect(directory.c_str(), stopped, &info)};
  if (failed) return failed.error();
  return info;
}

}  // namespace vyre::VYRE_V0
