// The tiny program of the benches, 64 lanes of ten operations, as VIR0 text and as the function
// that a compiled kernel calls. Host and device; the host's copy checks what the device wrote.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace vyre::bench {

inline constexpr std::uint32_t kTinyLanes{64};

inline constexpr const char* kTinyProgram{
    "workgroup 64, 1, 1;\n"
    "buffer x: u32[64] read_only;\n"
    "buffer y: u32[64] read_write output;\n"
    "region \"tiny\" {\n"
    "let a = x[gid.x];\n"
    "let b = a * 3 + 7;\n"
    "let c = (b ^ a >> 5) * 2654435761;\n"
    "let d = (c | 1) + (b & 255);\n"
    "y[gid.x] = d ^ c << 3;\n"
    "}\n"};

[[nodiscard]] VYRE_HD constexpr std::uint32_t tiny_value(std::uint32_t a) noexcept {
  const std::uint32_t b = a * 3u + 7u;
  const std::uint32_t c = (b ^ a >> 5) * 2654435761u;
  const std::uint32_t d = (c | 1u) + (b & 255u);
  return d ^ c << 3;
}

}  // namespace vyre::bench
