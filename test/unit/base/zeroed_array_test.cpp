// Arrays whose pages come when they are touched.
#include <gtest/gtest.h>

#include <cstdint>
#include <new>
#include <utility>

#include "base/zeroed_array.hpp"

namespace vyre {
namespace {

struct Words {
  std::uint64_t first;
  std::uint32_t second[6];
};

TEST(ZeroedArray, AllOfItIsZeroAndCanBeWritten) {
  constexpr std::size_t kCount{10'001};
  const ZeroedArray<Words> array = make_zeroed<Words>(kCount);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.get()) % 4'096, 0u);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(array[i].first, 0u);
    ASSERT_EQ(array[i].second[5], 0u);
    array[i].second[5] = static_cast<std::uint32_t>(i);
  }
  EXPECT_EQ(array[kCount - 1].second[5], kCount - 1);
}

TEST(ZeroedArray, ItGoesWithItsLastOwner) {
  ZeroedArray<Words> one = make_zeroed<Words>(3);
  Words* const there = one.get();
  one[2].first = 7;
  ZeroedArray<Words> other = std::move(one);
  EXPECT_EQ(other.get(), there);
  EXPECT_EQ(other[2].first, 7u);
  EXPECT_EQ(one, nullptr);
  other.reset();
  EXPECT_EQ(other, nullptr);
}

TEST(ZeroedArray, WhatTheSystemHasNotIsBadAlloc) {
  EXPECT_THROW((void)make_zeroed<std::uint8_t>(~std::size_t{0} / 2), std::bad_alloc);
}

}  // namespace
}  // namespace vyre
