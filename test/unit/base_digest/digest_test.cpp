// BLAKE3 against the reference implementation's values, and against itself when fed in pieces.
#include "base/digest.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>
#include <sstream>

namespace vyre {
namespace {

Bytes official_input(std::size_t length) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
  return bytes;
}

std::map<std::size_t, std::string> golden() {
  std::ifstream file(VYRE_SOURCE_DIR "/test/unit/base_digest/blake3_lengths.txt");
  std::map<std::size_t, std::string> values;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::size_t length = 0;
    std::string hash;
    fields >> length >> hash;
    values[length] = hash;
  }
  return values;
}

TEST(Blake3, EveryOfficialLengthAndChunkBoundaryHasItsKnownHash) {
  const auto values = golden();
  for (const std::size_t official :
       {0,    1,    2,    3,    4,    5,    6,    7,    8,     63,    64,    65,
        127,  128,  129,  1023, 1024, 1025, 2048, 2049, 3072,  3073,  4096,  4097,
        5120, 5121, 6144, 6145, 7168, 7169, 8192, 8193, 16384, 31744, 102400}) {
    EXPECT_EQ(values.count(official), 1u) << "no golden value for length " << official;
  }
  for (const auto& [length, hash] : values) {
    EXPECT_EQ(blake3(official_input(length)).hex(), hash) << "length " << length;
  }
}

TEST(Blake3, EmptyInputHasThePublishedHash) {
  EXPECT_EQ(blake3({}).hex(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
}

TEST(Blake3, FinishLeavesTheStateAsItWas) {
  const Bytes input = official_input(5000);
  Blake3 hash;
  hash.update(ByteSpan(input).first(2500));
  EXPECT_EQ(hash.finish(), blake3(ByteSpan(input).first(2500)));
  EXPECT_EQ(hash.finish(), blake3(ByteSpan(input).first(2500)));
  hash.update(ByteSpan(input).subspan(2500));
  EXPECT_EQ(hash.finish(), blake3(input));
}

TEST(Blake3, EveryPrefixAroundTheFirstChunksEqualsItsByteByByteHash) {
  const Bytes input = official_input(4200);
  Blake3 running;
  for (std::size_t i = 0; i < input.size(); ++i) {
    running.update(ByteSpan(input).subspan(i, 1));
    // Every length near a block or chunk boundary, and a sample of the rest.
    const std::size_t length = i + 1;
    if (length % 64 <= 1 || length % 64 == 63 || length % 97 == 0) {
      ASSERT_EQ(running.finish(), blake3(ByteSpan(input).first(length))) << "length " << length;
    }
  }
}

TEST(Blake3, PiecesOfAnySizeGiveTheHashOfTheWhole) {
  const std::uint32_t seed = 20260622;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const Bytes input = official_input(40'000);
  for (int round = 0; round < 40; ++round) {
    const std::size_t length = random() % (input.size() + 1);
    const std::size_t largest = std::size_t{1} << (random() % 14);
    Blake3 hash;
    for (std::size_t at = 0; at < length;) {
      const std::size_t take = std::min<std::size_t>(length - at, random() % (largest + 1));
      hash.update(ByteSpan(input).subspan(at, take));
      at += take;
    }
    ASSERT_EQ(hash.finish(), blake3(ByteSpan(input).first(length)))
        << "round " << round << " length " << length << " pieces up to " << largest;
  }
}

TEST(Blake3, OneFlippedBitAnywhereChangesTheHash) {
  Bytes input = official_input(3000);
  const Digest original = blake3(input);
  for (std::size_t at = 0; at < input.size(); at += 37) {
    input[at] ^= 0x10;
    EXPECT_NE(blake3(input), original) << "byte " << at;
    input[at] ^= 0x10;
  }
}

}  // namespace
}  // namespace vyre
