// Copies of every length, from everywhere to everywhere, against memcpy.
#include "base/copy_bytes.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vyre {
namespace {

TEST(CopyBytes, MovesEveryByteAndNoOtherWhereverTargetAndSourceLie) {
  std::mt19937 random(41);
  std::vector<std::uint8_t> source(40'000);
  for (std::uint8_t& byte : source) byte = static_cast<std::uint8_t>(random());
  for (int round = 0; round < 2'000; ++round) {
    const std::size_t bytes = random() % (round % 2 == 0 ? 20'000 : 5'000);
    const std::size_t from = random() % 4'200;
    // Every other target lies a few bytes after the source, modulo a page.
    std::vector<std::uint8_t> have(40'000, 0xA5);
    const auto distance = reinterpret_cast<std::uintptr_t>(source.data() + from) -
                          reinterpret_cast<std::uintptr_t>(have.data());
    const std::size_t to =
        random() % 2 == 0 ? random() % 8'000 : (distance + random() % 66) % 4'096;
    std::vector<std::uint8_t> want = have;
    std::memcpy(want.data() + to, source.data() + from, bytes);
    copy_bytes(have.data() + to, source.data() + from, bytes);
    ASSERT_TRUE(have == want) << "round " << round << ": " << bytes << " bytes from " << from
                              << " to " << to;
  }
  copy_bytes(nullptr, nullptr, 0);
}

}  // namespace
}  // namespace vyre
