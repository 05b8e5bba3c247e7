// Built-in ops on the device: the contract between the resident kernel's workers and the ops. An op
// is a few phases; a phase is a number of units; a unit is run by one warp, in any order, many at
// once. Between two phases everything that the units wrote is visible. Called by all 32 lanes of a
// warp, converged. What each op means: docs/ops.md.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "protocol/completion.hpp"

namespace vyre::cuda::builtin {

struct Buffer {
  std::uint8_t* data;  // device memory, 16-byte aligned
  std::uint64_t bytes;
};

inline constexpr std::uint32_t kMaxInputs{2};
inline constexpr std::uint32_t kMaxOutputs{2};
inline constexpr std::uint64_t kScratchBytes{std::uint64_t{1} << 20};
inline constexpr std::uint32_t kLeastSharedBytes{8 * 1024};

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
  std::uint32_t shared_bytes;  // at least kLeastSharedBytes
};

// Implemented in builtin_ops.cuh.

/// What only reading the buffers can tell, as far as one warp can tell it quickly; anything but
/// none ends the item as faulted with nothing written. vyre::builtin::check has held before.
[[nodiscard]] VYRE_DEVICE inline FaultCode check(const Call& call);
/// At most kScratchBytes whatever the length.
[[nodiscard]] VYRE_DEVICE inline std::uint64_t scratch_needed(const Call& call);
/// Units of a phase, below 2^31; 0 from the first phase that does not exist. May depend on what
/// earlier phases wrote.
[[nodiscard]] VYRE_DEVICE inline std::uint32_t units(const Call& call, std::uint32_t phase);
VYRE_DEVICE inline void run_unit(const Call& call, std::uint32_t phase, std::uint32_t unit,
                                 const WarpMemory& memory);
/// After the last phase: anything but none ends the item as faulted (a pattern blob whose inside is
/// broken: its check is a phase of its own, so that all warps share it; nothing was written).
[[nodiscard]] VYRE_DEVICE inline FaultCode outcome(const Call& call);

}  // namespace vyre::cuda::builtin
