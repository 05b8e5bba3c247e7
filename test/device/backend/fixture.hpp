// What tests of the backend on a device share: a listener that does nothing, and a fixture that
// skips without a device (VYRE_REQUIRE_GPU=1: fails) and ends the process after kAlarmSeconds, so
// that a hang shows where it is. Test code.
#pragma once

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "cuda/door/device_probe.hpp"
#include "cuda/host/device_backend.hpp"

namespace vyre::cuda {

class Listening final : public backend::Listener {
 public:
  void posted() noexcept override {}
  void idle() noexcept override {}
};

class OnDevice : public ::testing::Test {
 protected:
  static constexpr unsigned kAlarmSeconds{30};

  void SetUp() override {
    ::alarm(kAlarmSeconds);
    const DeviceProbe probe = probe_device().value();
    if (probe.caps.supported) return;
    const char* required = std::getenv("VYRE_REQUIRE_GPU");
    ASSERT_FALSE(required != nullptr && std::string(required) == "1") << probe.caps.reason;
    GTEST_SKIP() << probe.caps.reason;
  }
  void TearDown() override {
    backend_.reset();
    ::alarm(0);
  }

  Listening listener_;
  std::unique_ptr<backend::Backend> backend_;
};

}  // namespace vyre::cuda
