// The first pass over a trace: every record checked before anything runs, and how its items ended.
// Private to this room; one thread. Page: docs/internals/trace.md, "Replay".
#pragma once

#include <map>
#include <vector>

#include "events.hpp"
#include "runtime/session.hpp"

namespace vyre::trace {

/// A set of positions as runs: what ended, mostly in order.
class PositionRuns {
 public:
  /// False if one of them is in the set already.
  [[nodiscard]] bool add(std::uint64_t first, std::uint64_t count);
  [[nodiscard]] bool contains(std::uint64_t position) const;
  [[nodiscard]] std::size_t runs() const noexcept { return runs_.size(); }

 private:
  std::map<std::uint64_t, std::uint64_t> runs_;  // first -> one past the last
};

/// How the recorded items ended. Memory grows with the items that did not end done, not with all
/// items, and counts against the memory budget.
struct Scan {
  struct Queue {
    std::uint64_t submitted{0};
    PositionRuns ended;
    std::map<std::uint64_t, runtime::ItemResult> not_done;
  };
  std::vector<Queue> queues;
  std::uint64_t records{0};
  std::uint64_t print{0};  // of the records, see EventReader
  std::uint64_t items{0};
  std::uint64_t programs{0};
  std::uint64_t buffers{0};
  std::uint64_t not_done{0};
  bool complete{true};

  /// Null if the recording does not say how the item ended.
  [[nodiscard]] const runtime::ItemResult* ended(std::uint32_t queue, std::uint64_t position) const;
};

[[nodiscard]] Result<Scan> scan(Source& source, std::uint64_t memory_budget_bytes);
/// Half of physical memory, unless `asked` says otherwise.
[[nodiscard]] std::uint64_t memory_budget(std::uint64_t asked);

}  // namespace vyre::trace
