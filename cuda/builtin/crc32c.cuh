// CRC-32C as arithmetic with polynomials modulo P over bits, reflected as the checksum is: bit 31
// of a word is x^0. With it pieces of a text are taken in any order and joined exactly. Constants
// are made here at compile time from P alone.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

namespace vyre::cuda::builtin::crc32c {

inline constexpr std::uint32_t kPolynomial{0x82F63B78u};
inline constexpr std::uint32_t kOne{0x80000000u};
/// x^kOrder = 1 modulo P, so exponents count modulo this, and negative ones have a meaning.
inline constexpr std::uint64_t kOrder{0x7FFFFFFFu};

[[nodiscard]] VYRE_HD constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (int bit = 31; bit >= 0; --bit) {
    product ^= b & (0u - (a >> bit & 1u));
    b = b >> 1 ^ (kPolynomial & (0u - (b & 1u)));
  }
  return product;
}

/// x^(2^k).
struct Powers {
  std::uint32_t value[32];
};
[[nodiscard]] constexpr Powers make_powers() {
  Powers powers{};
  powers.value[0] = kOne >> 1;
  for (int k = 1; k < 32; ++k) powers.value[k] = multiply(powers.value[k - 1], powers.value[k - 1]);
  return powers;
}
inline constexpr Powers kPowers{make_powers()};
static_assert(kPowers.value[31] == kPowers.value[0], "x^(2^31) = x: the order divides 2^31 - 1");

/// For a state of 32 bits: value[k][b] = b x^(8 k), as its byte k, times x^(8 * 512): what one
/// step over a stripe of the warp makes of it.
struct StripeTable {
  std::uint32_t value[4][256];
};
[[nodiscard]] constexpr StripeTable make_stripe_table() {
  StripeTable table{};
  for (int k = 0; k < 4; ++k) {
    for (int bit = 0; bit < 8; ++bit) {
      const std::uint32_t one = multiply(1u << (8 * k + bit), kPowers.value[12]);
      for (int low = 0; low < 1 << bit; ++low)
        table.value[k][(1 << bit) + low] = table.value[k][low] ^ one;
    }
  }
  return table;
}

}  // namespace vyre::cuda::builtin::crc32c
