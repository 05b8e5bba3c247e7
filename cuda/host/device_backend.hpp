// The CUDA backend: a resident cooperative kernel behind the Backend interface. Host header, no
// CUDA types; exists in every build (without nvcc make_backend refuses by name). One backend drives
// one device; any number may live in one process. Spec: docs/internals/megakernel.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "backend/backend.hpp"

namespace vyre::cuda {

/// Reserved or decided before the kernel goes resident, since nothing can be afterwards.
struct DeviceOptions {
  int ordinal{0};                // of the device, as the driver numbers them for this process
  std::uint64_t arena_bytes{0};  // device memory for buffers; 0: half of what is free
  std::uint64_t staging_bytes{std::uint64_t{16} << 20};   // pinned memory that uploads go through
  std::uint64_t scratch_bytes{std::uint64_t{256} << 10};  // device memory of each warp
  std::chrono::nanoseconds park_after{std::chrono::seconds{1}};  // idle; 0: never
  std::chrono::nanoseconds watchdog{std::chrono::seconds{5}};    // without a heartbeat: lost
  std::uint64_t drain_after{
      0};  // leave after so many items and start again on the next; for profilers
  std::uint32_t max_blocks{0};      // of the grid; 0: as many as fit at once
  std::uint32_t ingress_blocks{0};  // 0: one a queue, up to the limit
  backend::Jit jit{backend::Jit::off};
  std::string cache_folder{};  // of compiled forms, as cache::CodeCache takes it
  /// Fault injection for tests: a megakernel::InjectedFault that the host passes on to the kernel.
  /// Null: none.
  std::shared_ptr<std::atomic<std::uint32_t>> inject;
};

/// backend::Options::workers is ignored: the grid comes from the occupancy query.
[[nodiscard]] Result<std::unique_ptr<backend::Backend>> make_backend(
    const backend::Options& options, const DeviceOptions& device);

}  // namespace vyre::cuda
