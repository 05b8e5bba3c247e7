// Everything that a backend reserves before its kernel goes resident, since nothing can be
// afterwards: one pinned region (rings, orders, commands, staging, ingest memory), one block of
// device memory for what the kernel keeps, one for buffers. Host only, no CUDA. Made once at open;
// the memory is the door's. Spec: docs/internals/resident-host.md, "Memory".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/host/device_backend.hpp"
#include "cuda/host/door.hpp"
#include "cuda/megakernel/layout.hpp"
#include "queue/queue.hpp"

namespace vyre::cuda {

struct Reservation {
  DoorFacts facts;
  std::vector<queue::Queue> queues;     // the callers', then the host's own
  std::vector<std::uint64_t*> cancels;  // marks of the callers' queues, a completion slot each
  megakernel::HostOrders* orders{nullptr};
  megakernel::KernelReport* report{nullptr};
  std::span<megakernel::ControlCommand> commands;
  std::span<megakernel::RegionBlock> region_blocks;
  MutableByteSpan pinned;  // all of it; what follows are parts
  MutableByteSpan staging;
  MutableByteSpan ingest;  // page aligned, zeroed, as IngestLayout says; empty: none was asked for
  std::uint8_t* arena{nullptr};
  std::uint64_t arena_bytes{0};
  std::uint64_t program_scratch_bytes{0};   // of a warp, for frames of programs
  megakernel::KernelArguments arguments{};  // but for the epoch

  [[nodiscard]] std::uint32_t worker_blocks() const noexcept {
    return facts.blocks - arguments.ingress_blocks;
  }
};

/// The device structures are filled when it returns; the kernel may be launched.
[[nodiscard]] Result<Reservation> reserve(Door& door, const backend::Options& options,
                                          const DeviceOptions& device);

}  // namespace vyre::cuda
