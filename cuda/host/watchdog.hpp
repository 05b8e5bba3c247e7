// Decides from a counter that should grow whether a resident kernel is stuck. Host only and pure:
// the caller brings the time. One owner, the housekeeping of a backend. Spec:
// docs/internals/resident-host.md, "Failure".
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace vyre::cuda {

class Watchdog {
 public:
  explicit Watchdog(std::chrono::nanoseconds limit) : limit_(limit) {}

  /// True: `heartbeat` should have grown and has not for the limit. Time between two looks counts
  /// for a quarter of the limit at most: a process that was stopped, or a thread that got no CPU,
  /// is no proof against the kernel.
  [[nodiscard]] bool stuck(std::uint64_t heartbeat, bool should_grow, Clock::time_point now) {
    const auto passed = std::min<std::chrono::nanoseconds>(now - last_look_, limit_ / 4);
    last_look_ = now;
    if (!should_grow || heartbeat != last_heartbeat_ || !looked_) {
      last_heartbeat_ = heartbeat;
      looked_ = true;
      silent_ = {};
      return false;
    }
    silent_ += passed;
    return silent_ >= limit_;
  }
  [[nodiscard]] std::chrono::nanoseconds silent() const noexcept { return silent_; }

 private:
  std::chrono::nanoseconds limit_;
  std::chrono::nanoseconds silent_{0};
  Clock::time_point last_look_{};
  std::uint64_t last_heartbeat_{0};
  bool looked_{false};
};

}  // namespace vyre::cuda
