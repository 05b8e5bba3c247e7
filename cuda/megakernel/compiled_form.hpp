// What the kernel that calls compiled programs knows of one: plain data behind the DeviceProgram,
// read by g++ and nvcc. Every program's block has it. Spec: docs/internals/jit.md, "A run".
#pragma once

#include <cstdint>

#include "cuda/megakernel/layout.hpp"

namespace vyre::cuda::megakernel {

struct CompiledForm {
  /// Address of a core::CompiledUnit; 0: the program is interpreted. Written by the host, before
  /// the program is known to the kernel or while none is resident.
  std::uint64_t address;
  // Workers add units that the function ran, and those that it left to the interpreter.
  std::uint64_t units;
  std::uint64_t units_again;
  std::uint64_t reserved;
};
static_assert(sizeof(CompiledForm) == 32 && sizeof(DeviceProgram) % alignof(CompiledForm) == 0);

/// Of the program whose block begins with `program`.
[[nodiscard]] VYRE_HD inline CompiledForm* compiled_form(const DeviceProgram* program) {
  return reinterpret_cast<CompiledForm*>(const_cast<DeviceProgram*>(program) + 1);
}

}  // namespace vyre::cuda::megakernel
