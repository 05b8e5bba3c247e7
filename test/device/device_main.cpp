// main() of the device tests: without a device they skip with the reason, or fail with
// VYRE_REQUIRE_GPU=1; and no test runs longer than VYRE_DEVICE_TEST_SECONDS (30), since a machine
// with a stuck kernel must come back by itself.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda/door/device_probe.hpp"
#include "support/choice.hpp"

namespace vyre::test {
namespace {

class NeedsADevice : public ::testing::Environment {
 public:
  void SetUp() override {
    const cuda::DeviceProbe probe = cuda::probe_device().value();
    if (probe.caps.supported) return;
    if (std::getenv("VYRE_REQUIRE_GPU") != nullptr) FAIL() << probe.caps.reason;
    GTEST_SKIP() << probe.caps.reason;
  }
};

char running[256];

/// Only what a signal handler may do. _exit and not abort: no core file of pinned memory.
void too_long(int) {
  constexpr char kText[]{"\nVYRE_DEVICE_TEST_SECONDS have passed in "};
  (void)!write(STDERR_FILENO, kText, sizeof(kText) - 1);
  (void)!write(STDERR_FILENO, running, std::strlen(running));
  (void)!write(STDERR_FILENO, "\n", 1);
  _exit(124);
}

class TimeLimit : public ::testing::EmptyTestEventListener {
 public:
  explicit TimeLimit(unsigned seconds) : seconds_(seconds) {}
  void OnTestStart(const ::testing::TestInfo& info) override {
    std::snprintf(running, sizeof(running), "%s.%s", info.test_suite_name(), info.name());
    alarm(seconds_);
  }
  void OnTestEnd(const ::testing::TestInfo&) override { alarm(0); }

 private:
  unsigned seconds_;
};

}  // namespace
}  // namespace vyre::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  // Both are owned by the framework from here on.
  ::testing::AddGlobalTestEnvironment(new vyre::test::NeedsADevice);
  const auto seconds = vyre::test::number_from_environment("VYRE_DEVICE_TEST_SECONDS", 30);
  std::signal(SIGALRM, vyre::test::too_long);
  ::testing::UnitTest::GetInstance()->listeners().Append(
      new vyre::test::TimeLimit(static_cast<unsigned>(seconds)));
  return RUN_ALL_TESTS();
}
