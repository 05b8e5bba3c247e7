// CRC-32C and XXH64: published vectors, values of other implementations, and lengths of every kind.
#include "naive.hpp"

namespace vyre::builtin::test {
namespace {

std::uint32_t crc(Bytes bytes) {
  return words_in(outputs_of(Op::hash_crc32c, {std::move(bytes)}, {4})[0])[0];
}
std::uint64_t xxh(Bytes bytes, std::uint32_t seed) {
  return load_le<std::uint64_t>(outputs_of(Op::hash_xxh64, {std::move(bytes)}, {8}, seed)[0], 0);
}

/// One bit at a time.
std::uint32_t naive_crc(const Bytes& bytes) {
  std::uint32_t r = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) {
    r ^= byte;
    for (int bit = 0; bit < 8; ++bit) r = (r & 1) != 0 ? r >> 1 ^ 0x82F63B78u : r >> 1;
  }
  return ~r;
}

TEST(Crc32c, GivesTheVectorsOfRfc3720) {
  Bytes rising;
  for (std::uint8_t i = 0; i < 32; ++i) rising.push_back(i);
  const Bytes falling(rising.rbegin(), rising.rend());
  EXPECT_EQ(crc(Bytes(32, 0x00)), 0x8A9136AAu);
  EXPECT_EQ(crc(Bytes(32, 0xFF)), 0x62A8AB43u);
  EXPECT_EQ(crc(rising), 0x46DD794Eu);
  EXPECT_EQ(crc(falling), 0x113FDB5Cu);
  const auto read_command = from_hex(
      "01c00000000000000000000000000000140000000000040000000014000000182800000000000000"
      "0200000000000000");
  ASSERT_TRUE(read_command);
  EXPECT_EQ(crc(*read_command), 0xD9963A56u);
}

TEST(Crc32c, AgreesWithOneBitAtATimeForEveryLength) {
  for (std::size_t n = 0; n < 70; ++n)
    EXPECT_EQ(crc(noise_bytes(n, n)), naive_crc(noise_bytes(n, n)));
  EXPECT_EQ(crc(noise_bytes(100'003, 1)), naive_crc(noise_bytes(100'003, 1)));
}

struct XxhVector {
  std::size_t length;
  std::uint32_t seed;
  std::uint64_t hash;
};

/// Bytes (i*i*7 + i*131 + 17) >> 3 of each length; hashes by libxxhash 0.8.1.
const XxhVector kXxh[] = {{0, 0u, 0xEF46DB3751D8E999u},
                          {0, 1u, 0xD5AFBA1336A3BE4Bu},
                          {1, 0u, 0x4B79B8C95732B0E7u},
                          {3, 0u, 0x3431DE799B2F8433u},
                          {4, 0u, 0x14B45794D307DF64u},
                          {5, 2654435761u, 0x597A0C318FD0F955u},
                          {7, 0u, 0x70D11A91912BD2ADu},
                          {8, 0u, 0x8984994E2EB734DAu},
                          {12, 7u, 0x49078149C813F90Eu},
                          {15, 0u, 0xDB4EB336E7278B26u},
                          {31, 0u, 0x32119577048D3AF4u},
                          {31, 2654435761u, 0xB1073E3F422D2AC7u},
                          {32, 0u, 0x203217BCDB169B0Cu},
                          {33, 0u, 0xB9DD7B415058BC8Bu},
                          {40, 1u, 0xA1EB18CC6C997C97u},
                          {44, 0u, 0x8F23B47FD84DBB06u},
                          {47, 0u, 0xF7CD86069BF793A9u},
                          {63, 0u, 0x8F11417D080FF5BCu},
                          {64, 0u, 0x88D754E38E09250Bu},
                          {65, 4294967295u, 0x2CC1D7C241E8C7CCu},
                          {100, 0u, 0x099F18D3ED7F419Bu},
                          {1023, 0u, 0xE8247F2A339C8B85u},
                          {1024, 2654435761u, 0x758A0BD3BCB961B8u},
                          {1025, 0u, 0x61921EA05F69A508u},
                          {100003, 5u, 0x77F9D9292DF06A46u}};

TEST(Xxh64, GivesTheHashesOfTheLibraryForEveryTailAndSeed) {
  for (const XxhVector& v : kXxh) {
    Bytes bytes;
    for (std::uint64_t i = 0; i < v.length; ++i)
      bytes.push_back(static_cast<std::uint8_t>((i * i * 7 + i * 131 + 17) >> 3));
    EXPECT_EQ(xxh(bytes, v.seed), v.hash) << v.length << " bytes, seed " << v.seed;
  }
}

}  // namespace
}  // namespace vyre::builtin::test
