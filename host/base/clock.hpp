// The clock that deadlines are read on, and how a deadline is made from a duration. Any thread.
#pragma once

#include <chrono>

namespace vyre {

using Clock = std::chrono::steady_clock;
/// A point of time by which a call ends; Deadline::max() never comes.
using Deadline = Clock::time_point;

/// Saturates: a sum beyond the clock's range is Deadline::max().
[[nodiscard]] inline Deadline later(Deadline from, std::chrono::nanoseconds d) {
  return d > Deadline::max() - from ? Deadline::max() : from + d;
}
[[nodiscard]] inline Deadline after(std::chrono::nanoseconds d) {
  return later(Clock::now(), d);
}

}  // namespace vyre
