#include "platform/processors.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace vyre::platform {
namespace {

TEST(Processors, FreeOnesComeFirstThenOneOfEachCoreThenTheOthers) {
  const std::vector<std::uint32_t> order = placement_order({{0, 95, false, false},
                                                            {1, 0, true, false},
                                                            {2, 5, false, false},
                                                            {3, 0, true, false},
                                                            {4, 0, false, true},
                                                            {6, 0, false, false}});
  EXPECT_EQ(order, (std::vector<std::uint32_t>{2, 6, 1, 3, 0, 4}));
}

TEST(Processors, AShareHoldsAllowedOnesOnly) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < CPU_SETSIZE; ++i) last = CPU_ISSET(i, &before) ? i : last;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(last, &only);
  ASSERT_EQ(::sched_setaffinity(0, sizeof only, &only), 0);
  const ProcessorShare share(4);
  EXPECT_EQ(share.processors(), std::vector<std::uint32_t>{last});
  EXPECT_TRUE(share.pin(3));
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Processors, TwoSharesHaveNoneInCommonWhileThereAreEnough) {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  if (CPU_COUNT(&allowed) < 2) GTEST_SKIP() << "one processor cannot be shared out";
  // A name of this process's own: other tests may run at the same time.
  const std::string name = "vyre-test-" + std::to_string(::getpid());
  const ProcessorShare first(1, name);
  const ProcessorShare second(1, name);
  ASSERT_EQ(first.processors().size(), 1u);
  ASSERT_EQ(second.processors().size(), 1u);
  EXPECT_NE(first.processors()[0], second.processors()[0]);
}

}  // namespace
}  // namespace vyre::platform
