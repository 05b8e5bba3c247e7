// When a silent kernel counts as stuck, and when it does not.
#include "cuda/host/watchdog.hpp"

#include <gtest/gtest.h>

namespace vyre::cuda {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLimit{100};
const Deadline kBegin{milliseconds{5'000}};

TEST(Watchdog, SilenceForTheLimitIsStuck) {
  Watchdog dog(kLimit);
  EXPECT_FALSE(dog.stuck(7, true, kBegin));
  for (int ms = 10; ms < 100; ms += 10) EXPECT_FALSE(dog.stuck(7, true, kBegin + milliseconds{ms}));
  EXPECT_TRUE(dog.stuck(7, true, kBegin + milliseconds{100}));
}

TEST(Watchdog, AnyGrowthBeginsAnew) {
  Watchdog dog(kLimit);
  for (int ms = 0; ms < 1'000; ms += 10) {
    EXPECT_FALSE(dog.stuck(static_cast<std::uint64_t>(ms / 90), true, kBegin + milliseconds{ms}));
  }
}

TEST(Watchdog, AParkedKernelNeedNotBeat) {
  Watchdog dog(kLimit);
  for (int ms = 0; ms < 1'000; ms += 10)
    EXPECT_FALSE(dog.stuck(7, false, kBegin + milliseconds{ms}));
  EXPECT_FALSE(dog.stuck(7, true, kBegin + milliseconds{1'000}));
}

TEST(Watchdog, AProcessThatWasStoppedProvesNothing) {
  Watchdog dog(kLimit);
  EXPECT_FALSE(dog.stuck(7, true, kBegin));
  // Ten seconds without a look, and the device was stopped as well.
  EXPECT_FALSE(dog.stuck(7, true, kBegin + milliseconds{10'000}));
  EXPECT_FALSE(dog.stuck(8, true, kBegin + milliseconds{10'010}));
}

}  // namespace
}  // namespace vyre::cuda
