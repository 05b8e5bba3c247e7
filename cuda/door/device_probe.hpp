// Asks the machine whether the resident kernel can run here. Host header; the answer is real or
// says why not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "report/report.hpp"

namespace vyre::cuda {

struct DeviceProbe {
  MegakernelCaps caps;                // caps.reason says in words why a device is not supported
  std::optional<std::string> device;  // "NVIDIA H100 80GB HBM3 (sm_90, driver 13.0)"
  std::uint64_t memory_bytes{0};      // of the device; 0: no device
};

/// Touches the driver once; never throws, never prints.
[[nodiscard]] DeviceProbe probe_device();

}  // namespace vyre::cuda
