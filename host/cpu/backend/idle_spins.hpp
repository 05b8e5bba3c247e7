// How often a worker without work looks again before it sleeps. Looking pays where work comes
// within microseconds. It does not where the thread that would bring work needs the worker's
// processor, so a worker whose looks found nothing looks less often. Host only; the worker's
// thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace vyre::cpu {

class IdleSpins {
 public:
  static constexpr std::uint32_t kMost{256};  // a few microseconds
  static constexpr std::uint32_t kFewest{16};
  /// One of so many times it looks as often as it may, in case that pays again.
  static constexpr std::uint32_t kAllOneOf{16};

  /// There is nothing to do; false: sleep.
  [[nodiscard]] bool look_again() noexcept { return ++looks_ < limit_; }
  void found_work() noexcept {
    if (looks_ != 0) limit_ = spins_ = kMost;
    looks_ = 0;
  }
  void slept() noexcept {
    spins_ = std::max(spins_ / 2, kFewest);
    limit_ = ++sleeps_ % kAllOneOf == 0 ? kMost : spins_;
    looks_ = 0;
  }

 private:
  std::uint32_t looks_{0};  // since there was something to do
  std::uint32_t limit_{kMost};
  std::uint32_t spins_{kMost};
  std::uint32_t sleeps_{0};
};

}  // namespace vyre::cpu
