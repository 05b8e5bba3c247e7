// The kernel that calls compiled programs, compiled and linked, as bytes of the library. Host only,
// private to the room.
#pragma once

namespace vyre::cuda::megakernel {

/// A fatbin with one entry; null: the build has none (VYRE_JIT).
[[nodiscard]] const void* calling_kernel_fatbin() noexcept;

}  // namespace vyre::cuda::megakernel
