// Tests of a device that skip without one, with the reason, or fail if VYRE_REQUIRE_GPU is set.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "cuda/door/device_probe.hpp"

namespace vyre::test {

class NeedsDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const cuda::DeviceProbe probe = cuda::probe_device().value();
    if (probe.device) return;
    if (std::getenv("VYRE_REQUIRE_GPU") != nullptr) FAIL() << probe.caps.reason;
    GTEST_SKIP() << probe.caps.reason;
  }
};

}  // namespace vyre::test
