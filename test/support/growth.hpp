// How much longer work takes when its input is four times as large, in processor time of the
// calling thread, so that a busy machine does not matter much. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>
#include <string_view>

namespace vyre::test {

/// Near-linear work: four times the input may take so many times as long.
inline constexpr double kMostGrowth{6};

inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// `small` and `large` do the same work on an input and on one four times as large. The fastest of
/// several runs counts, and `noise` seconds are granted: caches that others empty.
template <class Small, class Large>
void expect_near_linear(std::string_view what, const Small& small, const Large& large,
                        double noise = 0.005) {
  double least_small = std::numeric_limits<double>::infinity();
  double least_large = std::numeric_limits<double>::infinity();
  const auto once = [](const auto& work) {
    const double begin = thread_seconds();
    work();
    return thread_seconds() - begin;
  };
  constexpr int kRounds{20};  // the first that will do ends them
  for (int round = 0; round < kRounds; ++round) {
    least_small = std::min(least_small, once(small));
    least_large = std::min(least_large, once(large));
    if (round != 0 && least_large < kMostGrowth * least_small + noise) return;
  }
  EXPECT_LT(least_large, kMostGrowth * least_small + noise)
      << what << ": " << least_small * 1e3 << " ms grew to " << least_large * 1e3
      << " ms with four times the input";
}

}  // namespace vyre::test
