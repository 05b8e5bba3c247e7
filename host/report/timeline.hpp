// What happened when in a run: items, regions and reads, for a picture of it. Memory is bounded: a
// log that is full keeps every second of its events, and from then on as few of those that come.
// Host only; any thread. Page: docs/report-tools.md ("A timeline").
//
// Lock: each Timeline owns one, under which nothing else is taken.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace vyre::report {

struct TimelineEvent {
  enum class Kind : std::uint8_t { item, region, read };
  Kind kind{Kind::item};
  bool done{true};
  std::uint32_t line{0};    // the queue; of a read the tier
  std::uint32_t op{0};      // of a region how many members it has
  std::uint32_t worker{0};  // that ran it, if `ran`
  bool ran{false};          // began_ns, ended_ns and worker are known
  std::uint64_t number{0};  // the position; of a read how many bytes came
  // Since the session opened.
  std::int64_t asked_ns{0};  // when it was submitted
  std::int64_t began_ns{0};
  std::int64_t ended_ns{0};
  std::int64_t seen_ns{0};  // when the host saw its end
};

class Timeline {
 public:
  /// `capacity`: events that are kept at most.
  Timeline(Deadline opened, std::size_t capacity) : opened_(opened), capacity_(capacity) {}

  [[nodiscard]] Deadline opened() const noexcept { return opened_; }
  /// An event that finds no memory is one that is not kept.
  void add(const TimelineEvent& event) noexcept;

  /// As Chrome's trace event format, which Perfetto reads. `op_name` of an item.
  [[nodiscard]] std::string chrome_trace(
      const std::function<std::string(std::uint32_t)>& op_name) const;

 private:
  const Deadline opened_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<TimelineEvent> events_;
  std::uint64_t came_{0};
  std::uint64_t every_{1};  // of those that come, one is kept
};

}  // namespace vyre::report
