// What the interpreter asks of a warp and of sm_90: votes, 16-byte accesses, f32 as
// docs/internals/f32.md wants it. On the host, where none of it runs, the same functions are plain
// ones; a test puts a warp of 32 fibers in their place (VYRE_WARP_EMULATION names its header).
#pragma once

#include <cstdint>

#include "core/f32.hpp"
#include "core/image.hpp"
#include "cuda/ptx/access.cuh"
#include "cuda/ptx/clock.cuh"

namespace vyre::cuda::interpreter {

inline constexpr std::uint32_t kWholeWarp{0xFFFFFFFFu};

struct Four {
  std::uint32_t x, y, z, w;
};

}  // namespace vyre::cuda::interpreter

#if defined(VYRE_WARP_EMULATION)
#include VYRE_WARP_EMULATION
#define VYRE_ON_WARP 1
#else
#define VYRE_ON_WARP VYRE_ON_DEVICE
#endif
#define VYRE_WARP_FN static __host__ __device__ __forceinline__

namespace vyre::cuda::interpreter {

#if !defined(VYRE_WARP_EMULATION)
namespace warp {

/// This lane's own object, where a pointer into local memory came from another lane: the address is
/// the same in all of them.
template <class T>
VYRE_WARP_FN T* own(T* p) {
  return p;
}
VYRE_WARP_FN void sync() {
#if VYRE_ON_DEVICE
  __syncwarp();  // callers say what it publishes
#endif
}
VYRE_WARP_FN std::uint32_t self() {
#if VYRE_ON_DEVICE
  return threadIdx.x % 32;
#else
  return 0;
#endif
}
VYRE_WARP_FN bool any(bool x) {
#if VYRE_ON_DEVICE
  return __any_sync(kWholeWarp, x) != 0;
#else
  return x;
#endif
}
VYRE_WARP_FN std::uint32_t min(std::uint32_t x) {
#if VYRE_ON_DEVICE
  return __reduce_min_sync(kWholeWarp, x);
#else
  return x;
#endif
}
VYRE_WARP_FN std::uint32_t sum(std::uint32_t x) {
#if VYRE_ON_DEVICE
  return __reduce_add_sync(kWholeWarp, x);
#else
  return x;
#endif
}
VYRE_WARP_FN std::uint64_t sum(std::uint64_t x) {
#if VYRE_ON_DEVICE
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(kWholeWarp, x, step);
#endif
  return x;
}

VYRE_WARP_FN Four load4(const std::uint32_t* from) {
#if VYRE_ON_DEVICE
  const uint4 v = *reinterpret_cast<const uint4*>(from);
  return {v.x, v.y, v.z, v.w};
#else
  return {from[0], from[1], from[2], from[3]};
#endif
}
VYRE_WARP_FN void store4(std::uint32_t* to, Four v) {
#if VYRE_ON_DEVICE
  *reinterpret_cast<uint4*>(to) = make_uint4(v.x, v.y, v.z, v.w);
#else
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
#endif
}
// Shared memory by its own 32-bit addresses: no generic address is resolved.
VYRE_WARP_FN std::uint32_t place_of(const void* p) {
#if VYRE_ON_DEVICE
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
#else
  (void)p;
  return 0;
#endif
}
VYRE_WARP_FN std::uint32_t load_shared(std::uint32_t at) {
  std::uint32_t x = 0;
#if VYRE_ON_DEVICE
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(x) : "r"(at) : "memory");
#else
  (void)at;
#endif
  return x;
}
VYRE_WARP_FN std::uint32_t load_byte_shared(std::uint32_t at) {
  std::uint32_t x = 0;
#if VYRE_ON_DEVICE
  asm volatile("ld.shared.u8 %0, [%1];" : "=r"(x) : "r"(at) : "memory");
#else
  (void)at;
#endif
  return x;
}
VYRE_WARP_FN Four load4_shared(std::uint32_t at) {
  Four v{};
#if VYRE_ON_DEVICE
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(at)
               : "memory");
#else
  (void)at;
#endif
  return v;
}
VYRE_WARP_FN void store_shared(std::uint32_t at, std::uint32_t x) {
#if VYRE_ON_DEVICE
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(at), "r"(x) : "memory");
#else
  (void)at, (void)x;
#endif
}
VYRE_WARP_FN void store4_shared(std::uint32_t at, Four v) {
#if VYRE_ON_DEVICE
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(at), "r"(v.x), "r"(v.y), "r"(v.z),
               "r"(v.w)
               : "memory");
#else
  (void)at, (void)v;
#endif
}
/// The high byte of a staged opcode holds marks (hot.cuh).
VYRE_WARP_FN core::Instruction fetch(const core::Instruction* at) {
#if VYRE_ON_DEVICE
  const uint4 v = *reinterpret_cast<const uint4*>(at);
  return {static_cast<core::Opcode>(v.x & 0xFFu), static_cast<std::uint8_t>(v.x >> 16),
          static_cast<std::uint8_t>(v.x >> 24),   static_cast<std::uint16_t>(v.y),
          static_cast<std::uint16_t>(v.y >> 16),  static_cast<std::uint16_t>(v.z),
          static_cast<std::uint16_t>(v.z >> 16),  v.w};
#else
  return *at;
#endif
}
/// Asks for a line of global memory; `at` must be mapped.
VYRE_WARP_FN void prefetch(const void* at) {
#if VYRE_ON_DEVICE
  asm volatile("prefetch.global.L2 [%0];" ::"l"(at));
#else
  (void)at;
#endif
}
VYRE_WARP_FN std::uint32_t look(const std::uint32_t* word) {
  return *static_cast<const volatile std::uint32_t*>(word);
}
/// By one lane, to a word of global memory; orders nothing.
VYRE_WARP_FN void add(std::uint64_t* word, std::uint64_t n) {
  ptx::add_relaxed_gpu_u64(word, n);
}
VYRE_WARP_FN std::uint64_t now_ns() {
  std::uint64_t ns = 0;
#if VYRE_ON_DEVICE
  ns = ptx::device_ns();
#endif
  return ns;
}
VYRE_WARP_FN void nap(std::uint32_t ns) {
#if VYRE_ON_DEVICE
  __nanosleep(ns);
#else
  (void)ns;
#endif
}

}  // namespace warp
#endif

/// f32 in registers of the device: subnormals are flushed in every value, NaN has any bits.
/// Addition flushes by itself, rightly. Multiplication and division must round first and flush
/// afterwards, which adding -0 does: .ftz on them would lose results that round up to the smallest
/// normal number (docs/internals/f32.md).
namespace f32 {

VYRE_WARP_FN float add(float a, float b) {
#if VYRE_ON_DEVICE
  float r;
  asm("add.rn.ftz.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
#else
  return core::f32::add(core::f32::canonical(a), core::f32::canonical(b));
#endif
}
VYRE_WARP_FN float sub(float a, float b) {
#if VYRE_ON_DEVICE
  float r;
  asm("sub.rn.ftz.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
#else
  return core::f32::sub(core::f32::canonical(a), core::f32::canonical(b));
#endif
}
VYRE_WARP_FN float flush(float x) {
  return add(x, -0.0f);
}
VYRE_WARP_FN float rounded_product(float a, float b) {
#if VYRE_ON_DEVICE
  float r;
  asm("mul.rn.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
#else
  return a * b;
#endif
}
VYRE_WARP_FN float mul(float a, float b) {
  return flush(rounded_product(a, b));
}
/// Two roundings. The addition flushes the rounded product.
VYRE_WARP_FN float mul_add(float a, float b, float c) {
  return add(rounded_product(a, b), c);
}
VYRE_WARP_FN float div(float a, float b) {
#if VYRE_ON_DEVICE
  return flush(__fdiv_rn(a, b));
#else
  return core::f32::div(a, b);
#endif
}
/// Bits that enter f32: a subnormal must not reach a multiplication.
VYRE_WARP_FN std::uint32_t enter(std::uint32_t bits) {
  return core::f32::to_bits(flush(core::f32::from_bits(bits)));
}
/// Bits that leave f32: canonical.
VYRE_WARP_FN std::uint32_t leave(std::uint32_t bits) {
  const float x = flush(core::f32::from_bits(bits));
  return x == x ? core::f32::to_bits(x) : core::f32::kNanBits;
}

}  // namespace f32

}  // namespace vyre::cuda::interpreter
