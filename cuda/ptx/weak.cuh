// Loads and stores of buffer bytes that no other thread writes or reads meanwhile: PTX calls them
// weak, and they have neither order nor scope. They are volatile, so that the compiler carries no
// value over from one phase of an op into the next; the hardware may have many in flight. None is
// of the non-coherent kind, because earlier phases and earlier items wrote what they read. Device
// only; pointers are to global memory.
#pragma once

#include <cstdint>

namespace vyre::cuda::ptx {

/// Sixteen bytes, which the first-level cache does not keep.
[[nodiscard]] __device__ __forceinline__ uint4 load_weak_v4(const void* from) {
  uint4 v;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(__cvta_generic_to_global(from)));
  return v;
}
[[nodiscard]] __device__ __forceinline__ std::uint64_t load_weak_u64(const void* from) {
  std::uint64_t v;
  asm volatile("ld.global.u64 %0, [%1];" : "=l"(v) : "l"(__cvta_generic_to_global(from)));
  return v;
}
[[nodiscard]] __device__ __forceinline__ std::uint32_t load_weak_u32(const void* from) {
  std::uint32_t v;
  asm volatile("ld.global.u32 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(from)));
  return v;
}
[[nodiscard]] __device__ __forceinline__ std::uint32_t load_weak_u8(const void* from) {
  std::uint32_t v;
  asm volatile("ld.global.u8 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(from)));
  return v;
}

__device__ __forceinline__ void store_weak_v4(void* to, uint4 v) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)),
               "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
               : "memory");
}
__device__ __forceinline__ void store_weak_u64(void* to, std::uint64_t v) {
  asm volatile("st.global.u64 [%0], %1;" ::"l"(__cvta_generic_to_global(to)), "l"(v) : "memory");
}
__device__ __forceinline__ void store_weak_u32(void* to, std::uint32_t v) {
  asm volatile("st.global.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(to)), "r"(v) : "memory");
}
/// The low byte of `v`.
__device__ __forceinline__ void store_weak_u8(void* to, std::uint32_t v) {
  asm volatile("st.global.u8 [%0], %1;" ::"l"(__cvta_generic_to_global(to)), "r"(v) : "memory");
}

}  // namespace vyre::cuda::ptx
