// The second pass over a trace: hands every record to one executor, or to two in lock step, in
// bounded windows, and compares as it goes. The file is opened anew, so what the scan found is no
// promise about what is read here: every record is checked again. Private to this room; one thread.
// Page: docs/internals/trace.md, "Replay".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "compare.hpp"
#include "scan.hpp"
#include "target.hpp"
#include "trace/trace.hpp"

namespace vyre::trace {

struct PlayOptions {
  Pace pace{Pace::full_speed};
  Compare compare{Compare::none};
  std::uint32_t ulp{0};
  std::uint64_t window{1};                     // items between two looks at the results
  std::uint64_t fine_from{~std::uint64_t{0}};  // from this item on every item is looked at
  std::uint64_t until{~std::uint64_t{0}};      // items to play; the rest of the trace is left
  Deadline deadline;
  std::uint64_t memory_budget_bytes{~std::uint64_t{0}};  // that of the scan
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  bool (*stopped)(){nullptr};
};

struct Played {
  std::uint64_t items{0};
  std::uint64_t skipped{0};
  std::uint64_t buffers_compared{0};
  std::uint64_t bytes_compared{0};
  std::optional<Difference> difference;
  std::uint64_t window_begin{0};  // first item of the window in which the difference showed
  std::uint64_t window_end{0};    // one past its last
};

class Player {
 public:
  /// `targets`: one, or two for Compare::executor (the second is the one held to be right).
  Player(Source& source, const Scan& scan, std::span<Target* const> targets,
         const PlayOptions& options);
  /// Plays until the end or the first difference; Errc::cancelled where it was told to stop.
  [[nodiscard]] Result<Played> play();

 private:
  [[nodiscard]] Status take(const EventReader& reader);
  /// The records are not those of the scan.
  [[nodiscard]] tl::unexpected<Error> changed() const;
  [[nodiscard]] Status take_program(const EventReader& reader);
  [[nodiscard]] Status take_buffer(const EventReader& reader);
  [[nodiscard]] Status take_submit(const EventReader& reader);
  [[nodiscard]] Status take_final(const EventReader& reader);
  [[nodiscard]] Contents contents(const EventReader& reader);
  [[nodiscard]] Status go_on() const;
  [[nodiscard]] Status flush();
  [[nodiscard]] Status settle();
  [[nodiscard]] Status compare_endings(std::vector<std::vector<NotDone>>& endings);
  [[nodiscard]] Status compare_written(std::span<const std::uint32_t> written);
  [[nodiscard]] Status wait_for(std::chrono::nanoseconds since_open);

  struct Entry {
    MegakernelWorkItem item;
    std::uint64_t ordinal;
    std::uint64_t position;  // in the recording's queue
    std::uint32_t queue;
  };

  Source& source_;
  const Scan& scan_;
  std::span<Target* const> targets_;
  PlayOptions options_;
  TraceState state_;
  WriteTracker tracker_;
  Played played_;

  std::vector<MegakernelWorkItem> batch_;
  std::uint64_t batch_first_{0};  // number in the trace of its first item
  std::uint32_t batch_queue_{0};
  std::uint8_t batch_flags_{0};
  std::vector<Entry> window_;  // items since the last settle; only when comparing
  std::unordered_set<std::uint32_t> window_writes_;  // buffers that they may write, in lock step
  std::uint64_t in_window_{0};
  std::uint64_t next_item_{0};            // number of the next submit record
  std::vector<std::uint64_t> positions_;  // next position by queue
  Clock::time_point started_;
  std::optional<std::chrono::nanoseconds> first_submit_;
};

}  // namespace vyre::trace
