// Native ops on the device: the contract between the resident kernel's workers and the ops. An op
// is a few phases; a phase is a number of units; a unit is run by one warp, in any order, many at
// once. Between two phases everything that the units wrote is visible. Called by all 32 lanes of a
// warp, converged. What each op means: docs/ops.md.
#pragma once

#include <cstdint>

#include "vyre/base/host_device.hpp"
#include "vyre/protocol/completion.hpp"

namespace vyre::cuda::native {

struct Buffer {
  std::uint8_t* data;  // device memory, 16-byte aligned
  std::uint64_t bytes;
};

inline constexpr std::uint32_t kMaxInputs{2};
inline constexpr std::uint32_t kMaxOutputs{2};

/// One item. Plain data, the same for all its units. `scratch`: 256-byte aligned device memory of
/// the item, uninitialised, at least scratch_needed() bytes, kept between phases.
struct Call {
  std::uint32_t op;
  std::uint32_t param;
  std::uint32_t input_count;
  std::uint32_t output_count;
  Buffer inputs[kMaxInputs];
  Buffer outputs[kMaxOutputs];
  std::uint8_t* scratch;
};

/// Shared memory of the warp, 16-byte aligned; contents do not outlive a unit.
struct WarpMemory {
  std::uint8_t* shared;
  std::uint32_t shared_bytes;  // at least 8 KiB
};

/// Whether the buffers and param are what the op asks for; anything but none ends the item as
/// faulted with nothing written. Aliasing is the caller's check.
[[nodiscard]] VYRE_DEVICE FaultCode check(const Call& call);
/// At most megakernel::kNativeScratchBytes whatever the length.
[[nodiscard]] VYRE_DEVICE std::uint64_t scratch_needed(const Call& call);
/// Units of a phase, below 2^31; 0 from the first phase that does not exist. May depend on what
/// earlier phases wrote.
[[nodiscard]] VYRE_DEVICE std::uint32_t units(const Call& call, std::uint32_t phase);
VYRE_DEVICE void run_unit(const Call& call, std::uint32_t phase, std::uint32_t unit,
                          const WarpMemory& memory);

}  // namespace vyre::cuda::native
