// The fatbin of functions.cu as bytes of the library. See linker.hpp.
#include "linker.hpp"

#ifdef VYRE_FUNCTIONS_FATBIN

asm(".section .rodata\n"
    ".balign 16\n"
    ".hidden vyre_own_functions_begin\n"
    ".globl vyre_own_functions_begin\n"
    "vyre_own_functions_begin:\n"
    ".incbin \"" VYRE_FUNCTIONS_FATBIN
    "\"\n"
    ".hidden vyre_own_functions_end\n"
    ".globl vyre_own_functions_end\n"
    "vyre_own_functions_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const std::uint8_t vyre_own_functions_begin[];
extern "C" const std::uint8_t vyre_own_functions_end[];

namespace vyre::cuda {
ByteSpan own_functions() noexcept {
  return {vyre_own_functions_begin, vyre_own_functions_end};
}
}  // namespace vyre::cuda

#else

namespace vyre::cuda {
ByteSpan own_functions() noexcept {
  return {};
}
}  // namespace vyre::cuda

#endif
