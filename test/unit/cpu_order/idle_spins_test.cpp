// How often a worker without work looks again.
#include "cpu/backend/idle_spins.hpp"

#include <gtest/gtest.h>

namespace vyre::cpu {
namespace {

/// Until it sleeps.
std::uint32_t looks_of(IdleSpins& idle) {
  std::uint32_t looks = 1;
  while (idle.look_again()) ++looks;
  idle.slept();
  return looks;
}

TEST(IdleSpins, LooksThatFindNothingBecomeFewAndNowAndThenAllAreTried) {
  IdleSpins idle;
  EXPECT_EQ(looks_of(idle), IdleSpins::kMost);
  EXPECT_EQ(looks_of(idle), IdleSpins::kMost / 2);
  for (int more = 0; more < 4; ++more) (void)looks_of(idle);
  std::uint32_t all = 0;
  std::uint32_t few = 0;
  for (std::uint32_t times = 0; times < 4 * IdleSpins::kAllOneOf; ++times) {
    const std::uint32_t looks = looks_of(idle);
    all += looks == IdleSpins::kMost ? 1 : 0;
    few += looks == IdleSpins::kFewest ? 1 : 0;
  }
  EXPECT_EQ(all, 4u);
  EXPECT_EQ(few, 4 * (IdleSpins::kAllOneOf - 1));
}

TEST(IdleSpins, AWorkerThatFoundWorkByLookingLooksOnAsOftenAsItMay) {
  IdleSpins idle;
  for (int times = 0; times < 8; ++times) (void)looks_of(idle);
  ASSERT_EQ(looks_of(idle), IdleSpins::kFewest);
  idle.found_work();  // at once, as after every sleep: that says nothing
  EXPECT_EQ(looks_of(idle), IdleSpins::kFewest);
  EXPECT_TRUE(idle.look_again());
  idle.found_work();
  EXPECT_EQ(looks_of(idle), IdleSpins::kMost);
}

}  // namespace
}  // namespace vyre::cpu
