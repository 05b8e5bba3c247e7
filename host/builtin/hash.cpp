// CRC-32C, eight bytes a step with eight tables, and XXH64 with its four lanes.
// Sources: RFC 3720, appendix B.4; the xxHash fast digest algorithm specification, version 0.1.1.
#include <array>
#include <bit>

#include "builtin/twins.hpp"

namespace vyre::builtin {
namespace {

constexpr std::uint32_t kCastagnoli{0x82F63B78u};
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

/// tables[k][b]: what byte b does to the register k bytes later.
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t r = b;
    for (int bit = 0; bit < 8; ++bit) r = (r & 1u) != 0 ? r >> 1 ^ kCastagnoli : r >> 1;
    tables[0][b] = r;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t b = 0; b < 256; ++b) {
      const std::uint32_t r = tables[k - 1][b];
      tables[k][b] = r >> 8 ^ tables[0][r & 0xFFu];
    }
  }
  return tables;
}
constexpr CrcTables kCrc = make_crc_tables();

constexpr std::uint64_t kPrime1{0x9E3779B185EBCA87u};
constexpr std::uint64_t kPrime2{0xC2B2AE3D27D4EB4Fu};
constexpr std::uint64_t kPrime3{0x165667B19E3779F9u};
constexpr std::uint64_t kPrime4{0x85EBCA77C2B2AE63u};
constexpr std::uint64_t kPrime5{0x27D4EB2F165667C5u};
constexpr std::uint64_t kStripe{32};

constexpr std::uint64_t xxh_round(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}
constexpr std::uint64_t xxh_merge(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ xxh_round(0, lane)) * kPrime1 + kPrime4;
}

}  // namespace

bool crc32c(ByteSpan in, MutableByteSpan out, const Stop& stop) noexcept {
  std::uint32_t crc = 0xFFFFFFFFu;
  const bool ended = in_pieces(in.size(), kPieceBytes, stop, [&](auto begin, auto end) {
    std::uint64_t i = begin;
    for (; i + 8 <= end; i += 8) {
      const std::uint64_t x = load_le<std::uint64_t>(in, i) ^ crc;
      crc = 0;
      for (std::uint32_t k = 0; k < 8; ++k) crc ^= kCrc[7 - k][x >> 8 * k & 0xFFu];
    }
    for (; i < end; ++i) crc = crc >> 8 ^ kCrc[0][(crc ^ in[i]) & 0xFFu];
  });
  put_word(out.data(), 0, ~crc);
  return ended;
}

bool xxh64(ByteSpan in, std::uint32_t seed, MutableByteSpan out, const Stop& stop) noexcept {
  const std::uint64_t stripes = in.size() / kStripe;
  std::array<std::uint64_t, 4> lanes{seed + kPrime1 + kPrime2, seed + kPrime2, seed,
                                     seed - kPrime1};
  const bool ended = in_pieces(stripes, kPieceBytes / kStripe, stop, [&](auto begin, auto end) {
    for (std::uint64_t s = begin; s < end; ++s) {
      for (std::size_t k = 0; k < 4; ++k)
        lanes[k] = xxh_round(lanes[k], load_le<std::uint64_t>(in, s * kStripe + 8 * k));
    }
  });
  std::uint64_t hash = seed + kPrime5;
  if (stripes != 0) {
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = xxh_merge(hash, lane);
  }
  hash += in.size();
  std::uint64_t i = stripes * kStripe;
  for (; i + 8 <= in.size(); i += 8) {
    hash ^= xxh_round(0, load_le<std::uint64_t>(in, i));
    hash = std::rotl(hash, 27) * kPrime1 + kPrime4;
  }
  if (i + 4 <= in.size()) {
    hash ^= load_le<std::uint32_t>(in, i) * kPrime1;
    hash = std::rotl(hash, 23) * kPrime2 + kPrime3;
    i += 4;
  }
  for (; i < in.size(); ++i) {
    hash ^= in[i] * kPrime5;
    hash = std::rotl(hash, 11) * kPrime1;
  }
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  hash ^= hash >> 32;
  std::memcpy(out.data(), &hash, sizeof hash);
  return ended;
}

}  // namespace vyre::builtin
