// The CUDA backend over any door. Host only, no CUDA: make_backend opens it over the real door,
// tests over one whose kernel is a host thread. Spec: docs/internals/megakernel.md.
#pragma once

#include <memory>

#include "cuda/host/device_backend.hpp"
#include "cuda/host/door.hpp"

namespace vyre::cuda {

[[nodiscard]] Result<std::unique_ptr<backend::Backend>> make_backend_over(
    std::unique_ptr<Door> door, const backend::Options& options, const DeviceOptions& device);

}  // namespace vyre::cuda
