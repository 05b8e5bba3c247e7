// A program as the device reads it: one block of bytes, the DeviceProgram first and its arrays
// behind it, with the addresses that hold once it lies at `base`. Host only, pure. Layout:
// megakernel/layout.hpp. Spec: docs/internals/resident-host.md, "Programs".
#pragma once

#include <cstdint>

#include "backend/backend.hpp"
#include "cuda/host/door.hpp"
#include "cuda/megakernel/layout.hpp"
#include "reservation.hpp"

namespace vyre::cuda {

/// Bytes of the block of `program`; refuses by name what the device has no room for. `fused`: the
/// image of several members whose program it is; null: it is none.
[[nodiscard]] Result<std::uint64_t> program_block_bytes(
    const backend::ProgramOp& program, const backend::FusedProgram* fused = nullptr);
/// The block for the device address `base`, 256-byte aligned. `program` passed the check above.
/// `compiled`: the address of its function on the device; 0: it has none.
[[nodiscard]] Bytes program_block(const backend::ProgramOp& program, std::uint64_t base,
                                  const backend::FusedProgram* fused = nullptr,
                                  std::uint64_t compiled = 0);
/// Refuses an image that needs more scratch than a warp has.
[[nodiscard]] Status fits_scratch(const Door& door, const Reservation& reserved,
                                  const backend::ProgramOp& program);

}  // namespace vyre::cuda
