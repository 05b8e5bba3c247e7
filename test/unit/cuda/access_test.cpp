// The host forms of the accesses of cuda/ptx: they move whole words, and have the order that their
// names say. ThreadSanitizer runs the second half; it knows no fences, so those are left to the
// model tests of their protocols. The kernel's tests run the PTX.
#include "support/emulated_cuda.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <thread>

#include "cuda/ptx/access.cuh"

namespace vyre::cuda {
namespace {

constexpr std::uint32_t kLow{0x01234567u};
constexpr std::uint64_t kWide{0x0123456789ABCDEFu};

bool is(const uint4& v, std::uint32_t x, std::uint32_t y, std::uint32_t z, std::uint32_t w) {
  return v.x == x && v.y == y && v.z == z && v.w == w;
}

TEST(PtxAccess, LoadsGiveWhatStoresWrote) {
  std::uint32_t narrow = 0;
  ptx::store_relaxed_gpu_u32(&narrow, kLow);
  EXPECT_EQ(ptx::load_relaxed_gpu_u32(&narrow), kLow);
  ptx::store_relaxed_sys_u32(&narrow, kLow + 1);
  EXPECT_EQ(ptx::load_relaxed_sys_u32(&narrow), kLow + 1);
  ptx::store_release_gpu_u32(&narrow, kLow + 2);
  EXPECT_EQ(ptx::load_acquire_gpu_u32(&narrow), kLow + 2);
  EXPECT_EQ(ptx::load_acquire_sys_u32(&narrow), kLow + 2);
  std::uint64_t wide = 0;
  ptx::store_relaxed_gpu_u64(&wide, kWide);
  EXPECT_EQ(ptx::load_relaxed_gpu_u64(&wide), kWide);
  ptx::store_relaxed_sys_u64(&wide, kWide + 1);
  EXPECT_EQ(ptx::load_relaxed_sys_u64(&wide), kWide + 1);
  ptx::store_release_sys_u64(&wide, kWide + 2);
  EXPECT_EQ(ptx::load_relaxed_sys_u64(&wide), kWide + 2);
}

TEST(PtxAccess, ASixteenByteAccessKeepsTheOrderOfItsWordsAndTouchesNoOthers) {
  alignas(16) std::array<std::uint32_t, 6> words{9, 9, 9, 9, 8, 8};
  ptx::store_relaxed_gpu_v4(words.data(), make_uint4(1, 2, 3, 4));
  EXPECT_TRUE(is(ptx::load_relaxed_gpu_v4(words.data()), 1, 2, 3, 4));
  EXPECT_TRUE(is(ptx::load_acquire_gpu_v4(words.data()), 1, 2, 3, 4));
  ptx::store_relaxed_sys_v4(words.data(), make_uint4(5, 6, 7, 8));
  EXPECT_TRUE(is(ptx::load_relaxed_sys_v4(words.data()), 5, 6, 7, 8));
  EXPECT_TRUE(is(ptx::load_acquire_sys_v4(words.data()), 5, 6, 7, 8));
  EXPECT_EQ(words, (std::array<std::uint32_t, 6>{5, 6, 7, 8, 8, 8}));
}

TEST(PtxAccess, AFetchReturnsWhatWasThereBefore) {
  std::uint32_t narrow = ~0u;
  EXPECT_EQ(ptx::fetch_add_relaxed_gpu_u32(&narrow, 2), ~0u);
  EXPECT_EQ(ptx::fetch_add_acq_rel_gpu_u32(&narrow, 3), 1u);
  EXPECT_EQ(narrow, 4u);
  std::uint64_t wide = 1;
  EXPECT_EQ(ptx::fetch_add_relaxed_gpu_u64(&wide, kWide), 1u);
  EXPECT_EQ(ptx::fetch_add_acq_rel_gpu_u64(&wide, 1), kWide + 1);
  ptx::add_relaxed_gpu_u64(&wide, 1);
  EXPECT_EQ(wide, kWide + 3);
  wide = 0xF0;
  EXPECT_EQ(ptx::fetch_or_relaxed_gpu_u64(&wide, 0x0F), 0xF0u);
  EXPECT_EQ(ptx::fetch_and_relaxed_gpu_u64(&wide, 0x3C), 0xFFu);
  ptx::and_relaxed_gpu_u64(&wide, 0x0F);
  EXPECT_EQ(wide, 0x0Cu);
}

TEST(PtxAccess, AnExchangeWritesOnlyOverTheExpectedValue) {
  std::uint32_t word = 1;
  EXPECT_EQ(ptx::compare_exchange_acq_rel_gpu_u32(&word, 0, 7), 1u);
  EXPECT_EQ(word, 1u);
  EXPECT_EQ(ptx::compare_exchange_acq_rel_gpu_u32(&word, 1, 7), 1u);
  EXPECT_EQ(word, 7u);
}

/// One thread writes plain values and publishes each; another waits for each and reads it.
template <class Publish, class Published>
void hand_over(Publish publish, Published published) {
  constexpr std::uint32_t kValues{1'000};
  std::array<std::uint64_t, kValues> plain{};
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < kValues; ++i) {
      plain[i] = kWide + i;
      publish(i + 1);
    }
  });
  std::uint32_t wrong = 0;
  for (std::uint32_t i = 0; i < kValues; ++i) {
    while (published() <= i) std::this_thread::yield();
    if (plain[i] != kWide + i) ++wrong;
  }
  writer.join();
  EXPECT_EQ(wrong, 0u);
}

TEST(PtxAccess, AReleasePublishesToAnAcquire) {
  std::uint32_t narrow = 0;
  hand_over([&](std::uint32_t n) { ptx::store_release_gpu_u32(&narrow, n); },
            [&] { return ptx::load_acquire_gpu_u32(&narrow); });
  alignas(16) std::array<std::uint32_t, 4> words{};
  hand_over([&](std::uint32_t n) { ptx::store_release_gpu_u32(words.data(), n); },
            [&] { return ptx::load_acquire_sys_v4(words.data()).x; });
  std::uint64_t wide = 0;
  hand_over([&](std::uint32_t n) { ptx::store_release_sys_u64(&wide, n); },
            [&] { return ptx::fetch_add_acq_rel_gpu_u64(&wide, 0); });
  narrow = 0;
  hand_over([&](std::uint32_t) { (void)ptx::fetch_add_acq_rel_gpu_u32(&narrow, 1); },
            [&] { return ptx::load_acquire_sys_u32(&narrow); });
}

TEST(PtxAccess, AnExchangeMakesALock) {
  constexpr std::uint32_t kTurns{1'000};
  std::uint32_t lock = 0;
  std::uint64_t plain = 0;
  const auto add = [&] {
    for (std::uint32_t i = 0; i < kTurns; ++i) {
      while (ptx::compare_exchange_acq_rel_gpu_u32(&lock, 0, 1) != 0) std::this_thread::yield();
      ++plain;
      ptx::store_release_gpu_u32(&lock, 0);
    }
  };
  std::thread other(add);
  add();
  other.join();
  EXPECT_EQ(plain, 2u * kTurns);
}

}  // namespace
}  // namespace vyre::cuda
