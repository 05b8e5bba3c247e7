// Memory accesses and fences whose names say order and scope. C++ has no word for them on a device:
// an access of 16 bytes has no std::atomic, and an atomic of libcu++ does not show its scope where
// it is used. `gpu`: among threads of the device; `sys`: host threads too. A suffix is the word:
// u32, u64, or v4 for four 32-bit words that move in one transaction (measured, not promised by
// PTX; the phase bit of a slot is in its first word). Each has a host form of the same order, which
// tests run; there a v4 is four accesses, and the order is that of the first word. Pointers are to
// global memory. Which order a protocol needs: docs/internals/memory-model.md.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

#if defined(__CUDACC__)
#define VYRE_PTX_FN __host__ __device__ __forceinline__
#else
#define VYRE_PTX_FN inline
#endif

namespace vyre::cuda::ptx {

// ---- loads ----

/// Orders nothing.
VYRE_PTX_FN std::uint32_t load_relaxed_gpu_u32(const std::uint32_t* from) {
#if VYRE_ON_DEVICE
  std::uint32_t v;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing.
VYRE_PTX_FN std::uint64_t load_relaxed_gpu_u64(const std::uint64_t* from) {
#if VYRE_ON_DEVICE
  std::uint64_t v;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing; the host may write the word meanwhile.
VYRE_PTX_FN std::uint32_t load_relaxed_sys_u32(const std::uint32_t* from) {
#if VYRE_ON_DEVICE
  std::uint32_t v;
  asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing; the host may write the word meanwhile.
VYRE_PTX_FN std::uint64_t load_relaxed_sys_u64(const std::uint64_t* from) {
#if VYRE_ON_DEVICE
  std::uint64_t v;
  asm volatile("ld.relaxed.sys.global.u64 %0, [%1];" : "=l"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_RELAXED);
#endif
}
/// The caller's later accesses come after it and see what the thread of the device that released
/// the value wrote before.
VYRE_PTX_FN std::uint32_t load_acquire_gpu_u32(const std::uint32_t* from) {
#if VYRE_ON_DEVICE
  std::uint32_t v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
#endif
}
/// The caller's later accesses come after it and see what the host or device thread that released
/// the value wrote before.
VYRE_PTX_FN std::uint32_t load_acquire_sys_u32(const std::uint32_t* from) {
#if VYRE_ON_DEVICE
  std::uint32_t v;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
#else
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
#endif
}

/// Orders nothing.
VYRE_PTX_FN uint4 load_relaxed_gpu_v4(const void* from) {
#if VYRE_ON_DEVICE
  uint4 v;
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from)
               : "memory");
  return v;
#else
  const auto* const words = static_cast<const std::uint32_t*>(from);
  return {load_relaxed_gpu_u32(words), load_relaxed_gpu_u32(words + 1),
          load_relaxed_gpu_u32(words + 2), load_relaxed_gpu_u32(words + 3)};
#endif
}
/// Orders nothing; the host may write the words meanwhile.
VYRE_PTX_FN uint4 load_relaxed_sys_v4(const void* from) {
#if VYRE_ON_DEVICE
  uint4 v;
  asm volatile("ld.relaxed.sys.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from)
               : "memory");
  return v;
#else
  return load_relaxed_gpu_v4(from);
#endif
}
/// The caller's later accesses come after it and see what the thread of the device that released
/// the words wrote before.
VYRE_PTX_FN uint4 load_acquire_gpu_v4(const void* from) {
#if VYRE_ON_DEVICE
  uint4 v;
  asm volatile("ld.acquire.gpu.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from)
               : "memory");
  return v;
#else
  const auto* const words = static_cast<const std::uint32_t*>(from);
  const std::uint32_t first = load_acquire_gpu_u32(words);
  return {first, load_relaxed_gpu_u32(words + 1), load_relaxed_gpu_u32(words + 2),
          load_relaxed_gpu_u32(words + 3)};
#endif
}
/// The caller's later accesses come after it and see what the host or device thread that released
/// the words wrote before.
VYRE_PTX_FN uint4 load_acquire_sys_v4(const void* from) {
#if VYRE_ON_DEVICE
  uint4 v;
  asm volatile("ld.acquire.sys.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from)
               : "memory");
  return v;
#else
  return load_acquire_gpu_v4(from);
#endif
}

// ---- stores ----

/// Orders nothing.
VYRE_PTX_FN void store_relaxed_gpu_u32(std::uint32_t* to, std::uint32_t v) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing.
VYRE_PTX_FN void store_relaxed_gpu_u64(std::uint64_t* to, std::uint64_t v) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(to), "l"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing; the host may read the word meanwhile.
VYRE_PTX_FN void store_relaxed_sys_u32(std::uint32_t* to, std::uint32_t v) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.sys.global.u32 [%0], %1;" ::"l"(to), "r"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing; the host may read the word meanwhile.
VYRE_PTX_FN void store_relaxed_sys_u64(std::uint64_t* to, std::uint64_t v) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.sys.global.u64 [%0], %1;" ::"l"(to), "l"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELAXED);
#endif
}
/// The caller's earlier accesses come before it, for the thread of the device that acquires it.
VYRE_PTX_FN void store_release_gpu_u32(std::uint32_t* to, std::uint32_t v) {
#if VYRE_ON_DEVICE
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELEASE);
#endif
}
/// The caller's earlier accesses come before it, for the host or device thread that acquires it.
VYRE_PTX_FN void store_release_sys_u64(std::uint64_t* to, std::uint64_t v) {
#if VYRE_ON_DEVICE
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(to), "l"(v) : "memory");
#else
  __atomic_store_n(to, v, __ATOMIC_RELEASE);
#endif
}

/// Orders nothing.
VYRE_PTX_FN void store_relaxed_gpu_v4(void* to, uint4 v) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.gpu.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(to), "r"(v.x), "r"(v.y),
               "r"(v.z), "r"(v.w)
               : "memory");
#else
  auto* const words = static_cast<std::uint32_t*>(to);
  store_relaxed_gpu_u32(words, v.x);
  store_relaxed_gpu_u32(words + 1, v.y);
  store_relaxed_gpu_u32(words + 2, v.z);
  store_relaxed_gpu_u32(words + 3, v.w);
#endif
}
/// Orders nothing; the host may read the words meanwhile.
VYRE_PTX_FN void store_relaxed_sys_v4(void* to, uint4 v) {
#if VYRE_ON_DEVICE
  asm volatile("st.relaxed.sys.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(to), "r"(v.x), "r"(v.y),
               "r"(v.z), "r"(v.w)
               : "memory");
#else
  store_relaxed_gpu_v4(to, v);
#endif
}

// ---- read-modify-writes: by threads of the device only. `fetch` returns what was there before;
// without it the caller does not wait for an answer. ----

/// Orders nothing.
VYRE_PTX_FN std::uint32_t fetch_add_relaxed_gpu_u32(std::uint32_t* word, std::uint32_t n) {
#if VYRE_ON_DEVICE
  std::uint32_t old;
  asm volatile("atom.add.relaxed.gpu.global.u32 %0, [%1], %2;"
               : "=r"(old)
               : "l"(word), "r"(n)
               : "memory");
  return old;
#else
  return __atomic_fetch_add(word, n, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing.
VYRE_PTX_FN std::uint64_t fetch_add_relaxed_gpu_u64(std::uint64_t* word, std::uint64_t n) {
#if VYRE_ON_DEVICE
  std::uint64_t old;
  asm volatile("atom.add.relaxed.gpu.global.u64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(n)
               : "memory");
  return old;
#else
  return __atomic_fetch_add(word, n, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing.
VYRE_PTX_FN void add_relaxed_gpu_u64(std::uint64_t* word, std::uint64_t n) {
#if VYRE_ON_DEVICE
  asm volatile("red.add.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(n) : "memory");
#else
  (void)__atomic_fetch_add(word, n, __ATOMIC_RELAXED);
#endif
}
/// Acquires what threads of the device released by the word, and releases what the caller wrote.
VYRE_PTX_FN std::uint32_t fetch_add_acq_rel_gpu_u32(std::uint32_t* word, std::uint32_t n) {
#if VYRE_ON_DEVICE
  std::uint32_t old;
  asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], %2;"
               : "=r"(old)
               : "l"(word), "r"(n)
               : "memory");
  return old;
#else
  return __atomic_fetch_add(word, n, __ATOMIC_ACQ_REL);
#endif
}
/// Acquires what threads of the device released by the word.
VYRE_PTX_FN std::uint64_t fetch_add_acquire_gpu_u64(std::uint64_t* word, std::uint64_t n) {
#if VYRE_ON_DEVICE
  std::uint64_t old;
  asm volatile("atom.add.acquire.gpu.global.u64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(n)
               : "memory");
  return old;
#else
  return __atomic_fetch_add(word, n, __ATOMIC_ACQUIRE);
#endif
}
/// Acquires what threads of the device released by the word, and releases what the caller wrote.
VYRE_PTX_FN std::uint64_t fetch_add_acq_rel_gpu_u64(std::uint64_t* word, std::uint64_t n) {
#if VYRE_ON_DEVICE
  std::uint64_t old;
  asm volatile("atom.add.acq_rel.gpu.global.u64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(n)
               : "memory");
  return old;
#else
  return __atomic_fetch_add(word, n, __ATOMIC_ACQ_REL);
#endif
}
/// Orders nothing.
VYRE_PTX_FN std::uint64_t fetch_or_relaxed_gpu_u64(std::uint64_t* word, std::uint64_t bits) {
#if VYRE_ON_DEVICE
  std::uint64_t old;
  asm volatile("atom.or.relaxed.gpu.global.b64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(bits)
               : "memory");
  return old;
#else
  return __atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing.
VYRE_PTX_FN std::uint64_t fetch_and_relaxed_gpu_u64(std::uint64_t* word, std::uint64_t bits) {
#if VYRE_ON_DEVICE
  std::uint64_t old;
  asm volatile("atom.and.relaxed.gpu.global.b64 %0, [%1], %2;"
               : "=l"(old)
               : "l"(word), "l"(bits)
               : "memory");
  return old;
#else
  return __atomic_fetch_and(word, bits, __ATOMIC_RELAXED);
#endif
}
/// Orders nothing.
VYRE_PTX_FN void and_relaxed_gpu_u64(std::uint64_t* word, std::uint64_t bits) {
#if VYRE_ON_DEVICE
  asm volatile("red.and.relaxed.gpu.global.b64 [%0], %1;" ::"l"(word), "l"(bits) : "memory");
#else
  (void)__atomic_fetch_and(word, bits, __ATOMIC_RELAXED);
#endif
}
/// Writes `desired` if the word is `expected`; returns what was there before. Acquires what threads
/// of the device released by the word, and releases what the caller wrote.
VYRE_PTX_FN std::uint32_t compare_exchange_acq_rel_gpu_u32(std::uint32_t* word,
                                                           std::uint32_t expected,
                                                           std::uint32_t desired) {
#if VYRE_ON_DEVICE
  std::uint32_t old;
  asm volatile("atom.cas.acq_rel.gpu.global.b32 %0, [%1], %2, %3;"
               : "=r"(old)
               : "l"(word), "r"(expected), "r"(desired)
               : "memory");
  return old;
#else
  (void)__atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE);
  return expected;
#endif
}

// ---- fences ----

/// A relaxed load before it acquires, and a relaxed store after it releases, among threads of the
/// device.
VYRE_PTX_FN void fence_acq_rel_gpu() {
#if VYRE_ON_DEVICE
  asm volatile("fence.acq_rel.gpu;" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_ACQ_REL);
#endif
}
/// The same, among host threads and threads of the device.
VYRE_PTX_FN void fence_acq_rel_sys() {
#if VYRE_ON_DEVICE
  asm volatile("fence.acq_rel.sys;" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_ACQ_REL);
#endif
}
/// As fence_acq_rel_sys; besides, all threads agree on one order of these fences. Of two threads
/// that each store, fence and load the other's word, at least one sees the other's store.
VYRE_PTX_FN void fence_sc_sys() {
#if VYRE_ON_DEVICE
  asm volatile("fence.sc.sys;" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

}  // namespace vyre::cuda::ptx
