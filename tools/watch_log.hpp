// What `vyre run --watch` says: the records of each item on standard error, as items end, and the
// first of them for the report. Main thread only. Spec: docs/watching.md.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "library.hpp"
#include "run_plan.hpp"
#include "run_sink.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// The target becomes the program that also writes down what --watch asks for.
[[nodiscard]] Status watch_target(const RunOptions& options, RunTarget& target,
                                  v0::Timeout timeout);

class WatchLog {
 public:
  WatchLog(const Shell& shell, const RunPlan& plan, const RunOptions& options);

  /// The program is watched.
  [[nodiscard]] bool wanted() const { return !returned_.empty(); }
  /// An item is done. `outputs`: every returned buffer in declaration order.
  [[nodiscard]] Status add(const ItemName& item, std::span<const ByteSpan> outputs);
  /// nullopt: the program is not watched.
  [[nodiscard]] std::optional<v0::DebugRecords> records() const;

 private:
  const Shell& shell_;
  const RunPlan& plan_;
  std::vector<std::size_t> returned_;  // places of its buffers among the returned ones
  v0::DebugRecords records_;
};

}  // namespace vyre::cli
