// Order statistics of samples, and the clocks that benches use. Host only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <vector>

#include "base/clock.hpp"

namespace vyre::bench {

[[nodiscard]] inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Processor time of this thread, in seconds: other work on the machine counts for no side.
[[nodiscard]] inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
/// That `f` takes.
template <class F>
[[nodiscard]] double thread_seconds_of(const F& f) {
  const double start = thread_seconds();
  f();
  return thread_seconds() - start;
}

/// 0 if there are no samples.
[[nodiscard]] inline double median(std::vector<double> samples) {
  if (samples.empty()) return 0;
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

struct Spread {
  double p50{0};
  double p99{0};
  double max{0};
};
[[nodiscard]] inline Spread spread_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  return {samples[samples.size() / 2], samples[samples.size() * 99 / 100], samples.back()};
}

}  // namespace vyre::bench
