// A program as the device reads it: one block of bytes, the DeviceProgram first and its arrays
// behind it, with the addresses that hold once it lies at `base`. Host only, pure. Layout:
// megakernel/layout.hpp. Spec: docs/internals/resident-host.md, "Programs".
#pragma once

#include <cstdint>

#include "backend/backend.hpp"
#include "cuda/megakernel/layout.hpp"

namespace vyre::cuda {

/// Bytes of the block of `program`; refuses by name what the device has no room for.
[[nodiscard]] Result<std::uint64_t> program_block_bytes(const backend::ProgramOp& program);
/// The block for the device address `base`, 256-byte aligned. `program` passed the check above.
[[nodiscard]] Bytes program_block(const backend::ProgramOp& program, std::uint64_t base);

}  // namespace vyre::cuda
