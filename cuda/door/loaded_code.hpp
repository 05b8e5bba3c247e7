// Modules of compiled programs that a door has loaded beside the kernel. Every call is between two
// launches of the door's kernel: the driver waits for a resident one. Host only; one thread at a
// time. Spec: docs/internals/jit.md, "Loading".
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "device_share.hpp"

namespace vyre::cuda {

class LoadedCode {
 public:
  /// As Door::load_code().
  [[nodiscard]] Result<std::vector<std::uint64_t>> load(DeviceShare& share, std::uint32_t own,
                                                        ByteSpan cubin, std::uint32_t functions);
  /// Modules stay loaded while another door may have a kernel that would be waited for.
  void unload(DeviceShare& share, std::uint32_t own) noexcept;

 private:
  std::vector<cudaLibrary_t> libraries_;
};

}  // namespace vyre::cuda
