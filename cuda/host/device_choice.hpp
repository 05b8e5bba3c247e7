// Which of the devices that the driver lists a name means. Host only, no CUDA types. Spec:
// docs/device.md, "Which device".
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace vyre::cuda {

/// A device as its driver names it.
struct DeviceIdentity {
  std::string name;  // "NVIDIA H200"
  std::string uuid;  // "GPU-8f2a6c10-...", in the form of nvidia-smi
};

/// Whether `wanted` can name a device at all: the number that the driver gives it (decimal), or its
/// UUID, "GPU-" or "MIG-" and at least 8 of the digits that follow.
[[nodiscard]] Status check_device_name(std::string_view wanted);

/// The index in `devices` of the one that `wanted` names. Errc::not_found, with a list of what
/// there is, where none has that name; Errc::invalid_argument where several begin so.
[[nodiscard]] Result<std::size_t> find_device(std::string_view wanted,
                                              std::span<const DeviceIdentity> devices);

/// The UUID of 16 bytes as nvidia-smi prints it.
[[nodiscard]] std::string uuid_text(std::span<const char, 16> bytes);

}  // namespace vyre::cuda
