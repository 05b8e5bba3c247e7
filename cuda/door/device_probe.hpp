// Asks the machine whether the resident kernel can run here. Host header; the answer is real or
// says why not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "report/report.hpp"

namespace vyre::cuda {

struct DeviceProbe {
  MegakernelCaps caps;                // caps.reason says in words why a device is not supported
  std::optional<std::string> device;  // "NVIDIA H100 80GB HBM3 (sm_90, driver 13.0)"
  std::uint64_t memory_bytes{0};      // of the device; 0: no device
  int ordinal{0};                     // as the driver numbers devices for this process
};

/// Of the device that `wanted` names (docs/device.md, "Which device"); empty: the first that can
/// run the kernel, or the first one. An error where `wanted` can name none, or none of those that
/// there are; a machine without a driver or device is an answer. Never prints.
[[nodiscard]] Result<DeviceProbe> probe_device(std::string_view wanted = {});

}  // namespace vyre::cuda
