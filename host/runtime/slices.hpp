// Waits of a session that may have to end sooner: cut into slices, with a look between two
// of them. Host only. Calls that copy take `stopped` themselves (session.hpp).
#pragma once

#include <algorithm>
#include <chrono>

#include "runtime/session.hpp"

namespace vyre::runtime {

/// Between two looks at whether a wait is to stop.
inline constexpr std::chrono::milliseconds kStopLook{50};

/// Calls `wait(deadline)` with deadlines up to `until` until it gives anything but "too early".
/// Where `stopped` is given and says true before a slice: Errc::cancelled.
template <class Wait>
auto in_slices(Deadline until, bool (*stopped)(), const Wait& wait) -> decltype(wait(until)) {
  for (;;) {
    if (stopped != nullptr && stopped()) return fail(Errc::cancelled, "told to stop");
    auto result = wait(std::min<Deadline>(until, after(kStopLook)));
    if (result) return result;
    if (!retryable(result.error()) || Clock::now() >= until) return result;
  }
}

}  // namespace vyre::runtime
