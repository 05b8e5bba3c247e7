// A median that goes along with its samples, in one word: each moves it by a sixteenth, however far
// away it is. Host only.
//
// Lock: none. Accesses are relaxed: a sample that another thread's overwrites is lost.
#pragma once

#include <atomic>
#include <cstdint>

namespace vyre {

class RunningMedian {
 public:
  void add(std::uint64_t sample) noexcept {
    const std::uint64_t before = median_.load(std::memory_order_relaxed);
    const std::uint64_t step = before / 16 + 1;
    const std::uint64_t after = before == 0       ? sample + 1
                                : sample > before ? before + step
                                : before > step   ? before - step
                                                  : 1;
    median_.store(after, std::memory_order_relaxed);
  }
  /// 0: there was no sample.
  [[nodiscard]] std::uint64_t value() const noexcept {
    return median_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> median_{0};
};

}  // namespace vyre
