// Reading bytes that another process or another item may change at any moment: the value that is
// checked must be the value that is used. Without this the compiler may load a word twice, once for
// the check and once for the use. Host only; device loads are volatile (cuda/ptx/weak.cuh).
// Rule: docs/internals/changing-bytes.md.
#pragma once

#include <cstdint>
#include <cstring>

namespace vyre {

/// One load of an unaligned value; what comes back is never loaded again.
template <class T>
[[nodiscard]] inline T read_once(const std::uint8_t* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  // The value may have changed here, for all the compiler knows, so it must keep this copy.
  __asm__("" : "+r"(value));
  return value;
}

}  // namespace vyre
