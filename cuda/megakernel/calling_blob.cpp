// See calling_blob.hpp. The path comes from the build.
#include "calling_blob.hpp"

#ifdef VYRE_KERNEL_FATBIN

asm(".section .rodata\n"
    ".balign 16\n"
    ".hidden vyre_calling_kernel_fatbin\n"
    ".globl vyre_calling_kernel_fatbin\n"
    "vyre_calling_kernel_fatbin:\n"
    ".incbin \"" VYRE_KERNEL_FATBIN
    "\"\n"
    ".previous\n");

extern "C" const unsigned char vyre_calling_kernel_fatbin[];

namespace vyre::cuda::megakernel {
const void* calling_kernel_fatbin() noexcept {
  return vyre_calling_kernel_fatbin;
}
}  // namespace vyre::cuda::megakernel

#else

namespace vyre::cuda::megakernel {
const void* calling_kernel_fatbin() noexcept {
  return nullptr;
}
}  // namespace vyre::cuda::megakernel

#endif
