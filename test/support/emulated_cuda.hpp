// What nvcc knows of itself and g++ does not: the qualifiers of functions, and the vector that a
// 16-byte access moves. A test includes it ahead of a .cuh header. Test support.
#pragma once

#include <cstdint>

#define __host__
#define __device__
#define __forceinline__ inline
#define __noinline__

struct uint4 {
  std::uint32_t x, y, z, w;
};
inline uint4 make_uint4(std::uint32_t x, std::uint32_t y, std::uint32_t z, std::uint32_t w) {
  return {x, y, z, w};
}
