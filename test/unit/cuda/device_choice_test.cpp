// How a name chooses among the devices that a driver lists.
#include "cuda/host/device_choice.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace vyre::cuda {
namespace {

const std::vector<DeviceIdentity> kDevices{{"First", "GPU-8f2a6c10-1111-2222-3333-444455556666"},
                                           {"Second", "GPU-8f2a6c11-1111-2222-3333-444455556666"},
                                           {"Third", "GPU-8f2a6c11-9999-2222-3333-444455556666"}};

TEST(DeviceChoice, ANumberOrTheBeginOfAUuidNamesOneDevice) {
  EXPECT_EQ(find_device("0", kDevices).value(), 0u);
  EXPECT_EQ(find_device("2", kDevices).value(), 2u);
  EXPECT_EQ(find_device("GPU-8f2a6c10", kDevices).value(), 0u);
  EXPECT_EQ(find_device("GPU-8F2A6C11-9", kDevices).value(), 2u);
  EXPECT_EQ(find_device("MIG-8f2a6c10", kDevices).value(), 0u);
  for (std::size_t i = 0; i < kDevices.size(); ++i)
    EXPECT_EQ(find_device(kDevices[i].uuid, kDevices).value(), i);
}

TEST(DeviceChoice, ANameOfNoDeviceIsAnsweredWithAListOfThem) {
  for (const char* const name : {"3", "GPU-00000000", "GPU-8f2a6c10-1111-2222-3333-444455556667"}) {
    const auto found = find_device(name, kDevices);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code, Errc::not_found);
    EXPECT_NE(found.error().message.find("1: Second (GPU-8f2a6c11-1111"), std::string::npos)
        << found.error().message;
  }
}

TEST(DeviceChoice, ABeginOfSeveralUuidsIsRefused) {
  const auto found = find_device("GPU-8f2a6c11", kDevices);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::invalid_argument);
  EXPECT_NE(found.error().message.find("several"), std::string::npos);
}

TEST(DeviceChoice, WhatCanBeNoNameIsRefusedWithoutADevice) {
  const std::string long_one = "GPU-" + std::string(37, '0');
  for (const std::string& name :
       {std::string(), std::string("-1"), std::string("1 "), std::string("0x1"),
        std::string("99999999999999999999999"), std::string("GPU-"), std::string("GPU-8f2a6c1"),
        std::string("GPU-8f2a6c100"), std::string("GPU-8f2a6c10x"), std::string("H200"),
        long_one}) {
    const Status named = check_device_name(name);
    ASSERT_FALSE(named) << name;
    EXPECT_EQ(named.error().code, Errc::invalid_argument);
    EXPECT_NE(named.error().message.find("nvidia-smi -L"), std::string::npos);
  }
}

TEST(DeviceChoice, AUuidIsWrittenAsTheDriversToolsWriteIt) {
  std::array<char, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(0xf0 + i);
  EXPECT_EQ(uuid_text(bytes), "GPU-f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff");
}

}  // namespace
}  // namespace vyre::cuda
