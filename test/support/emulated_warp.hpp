// A warp on the host: 32 fibers, each of which runs on alone until its next synchronisation. So
// lanes are as far apart as the code allows, and whoever reads what another lane has not published
// reads the wrong thing. Takes the place of namespace warp in cuda/interpreter/warp.cuh, which
// includes it. Test support; x86-64.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "support/emulated_cuda.hpp"

namespace vyre::test {

/// Runs `body(lane)` on 32 fibers to its end. Aborts where lanes meet at different synchronisations
/// or some end while others wait.
void run_warp(std::function<void(std::uint32_t lane)> body);

/// The block's shared memory. Guard bytes before and behind a slice are the caller's affair.
inline constexpr std::size_t kEmulatedSharedBytes{std::size_t{1} << 18};
std::uint8_t* emulated_shared();

enum class Meeting : std::uint32_t { sync, any, min, sum, shuffle };
std::uint32_t current_lane();
/// Waits for all lanes; what each of them brought.
std::array<std::uint64_t, 32> meet(Meeting kind, std::uint64_t brought);
/// The same place on this lane's stack, for an address on another's.
void* on_own_stack(void* p);
/// How much faster than ours the warp's clock runs.
inline std::uint32_t emulated_clock_rate{1};

}  // namespace vyre::test

namespace vyre::cuda::interpreter::warp {

using test::Meeting;

template <class T>
T* own(T* p) {
  return static_cast<T*>(test::on_own_stack(p));
}
inline std::uint32_t self() {
  return test::current_lane();
}
inline void sync() {
  (void)test::meet(Meeting::sync, 0);
}
inline bool any(bool x) {
  for (const std::uint64_t one : test::meet(Meeting::any, x ? 1 : 0)) {
    if (one != 0) return true;
  }
  return false;
}
inline std::uint32_t min(std::uint32_t x) {
  std::uint64_t least = x;
  for (const std::uint64_t one : test::meet(Meeting::min, x)) least = one < least ? one : least;
  return static_cast<std::uint32_t>(least);
}
inline std::uint64_t sum(std::uint64_t x) {
  std::uint64_t total = 0;
  for (const std::uint64_t one : test::meet(Meeting::sum, x)) total += one;
  return total;
}
inline std::uint32_t sum(std::uint32_t x) {
  return static_cast<std::uint32_t>(sum(std::uint64_t{x}));
}

void expect_aligned(const void* p, std::size_t bytes);
inline Four load4(const std::uint32_t* from) {
  expect_aligned(from, 16);
  return {from[0], from[1], from[2], from[3]};
}
inline void store4(std::uint32_t* to, Four v) {
  expect_aligned(to, 16);
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}
inline std::uint32_t place_of(const void* p) {
  return static_cast<std::uint32_t>(static_cast<const std::uint8_t*>(p) - test::emulated_shared());
}
inline std::uint32_t* shared_words(std::uint32_t at) {
  auto* const words = reinterpret_cast<std::uint32_t*>(test::emulated_shared() + at);
  expect_aligned(words, 4);
  return words;
}
inline std::uint32_t load_shared(std::uint32_t at) {
  return *shared_words(at);
}
inline std::uint32_t load_byte_shared(std::uint32_t at) {
  return test::emulated_shared()[at];
}
inline void store_shared(std::uint32_t at, std::uint32_t x) {
  *shared_words(at) = x;
}
inline Four load4_shared(std::uint32_t at) {
  return load4(shared_words(at));
}
inline void store4_shared(std::uint32_t at, Four v) {
  store4(shared_words(at), v);
}
inline core::Instruction fetch(const core::Instruction* at) {
  core::Instruction i = *at;
  i.op = static_cast<core::Opcode>(static_cast<std::uint32_t>(i.op) & 0xFFu);
  return i;
}
inline void prefetch(const void*) {}
inline void add(std::uint64_t* word, std::uint64_t n) {
  *word += n;
}
inline std::uint64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(now.count()) * test::emulated_clock_rate;
}
inline void nap(std::uint32_t) {
  std::this_thread::yield();
}
inline std::uint32_t look(const std::uint32_t* word) {
  return *word;
}

}  // namespace vyre::cuda::interpreter::warp

inline std::uint32_t __shfl_sync(std::uint32_t, std::uint32_t value, int from) {
  return static_cast<std::uint32_t>(
      vyre::test::meet(vyre::test::Meeting::shuffle, value)[static_cast<std::size_t>(from)]);
}

// One fiber at a time: plain steps are atomic.
template <class F>
std::uint32_t exchange_with(std::uint32_t* word, F f) {
  const std::uint32_t old = *word;
  *word = f(old);
  return old;
}
inline std::uint32_t atomicAdd(std::uint32_t* word, std::uint32_t x) {
  return exchange_with(word, [x](std::uint32_t old) { return old + x; });
}
inline std::uint32_t atomicOr(std::uint32_t* word, std::uint32_t x) {
  return exchange_with(word, [x](std::uint32_t old) { return old | x; });
}
inline std::uint32_t atomicAnd(std::uint32_t* word, std::uint32_t x) {
  return exchange_with(word, [x](std::uint32_t old) { return old & x; });
}
inline std::uint32_t atomicXor(std::uint32_t* word, std::uint32_t x) {
  return exchange_with(word, [x](std::uint32_t old) { return old ^ x; });
}
inline std::uint32_t atomicMin(std::uint32_t* word, std::uint32_t x) {
  return exchange_with(word, [x](std::uint32_t old) { return x < old ? x : old; });
}
inline std::uint32_t atomicMax(std::uint32_t* word, std::uint32_t x) {
  return exchange_with(word, [x](std::uint32_t old) { return x > old ? x : old; });
}
inline std::uint32_t atomicExch(std::uint32_t* word, std::uint32_t x) {
  return exchange_with(word, [x](std::uint32_t) { return x; });
}
inline std::uint32_t atomicCAS(std::uint32_t* word, std::uint32_t expected, std::uint32_t x) {
  return exchange_with(word, [=](std::uint32_t old) { return old == expected ? x : old; });
}
