// CRC-32C: three streams hide the latency of the crc32 instruction, and a carry-less product moves
// the remainders of the first two over the bytes behind them (V. Gopal et al., "Fast CRC
// Computation for iSCSI Polynomial Using CRC32 Instruction", Intel, 2011).
#include "fast_forms.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "builtin/twins.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#define VYRE_FAST_FORMS 1
#else
#define VYRE_FAST_FORMS 0
#endif

namespace vyre::cpu {
namespace {

constexpr std::uint32_t kCastagnoli{0x82F63B78u};
constexpr std::uint32_t kOne{0x80000000u};  // x^0: bit 31 - k is the coefficient of x^k

constexpr std::uint32_t times_x(std::uint32_t p) {
  return (p & 1u) != 0 ? p >> 1 ^ kCastagnoli : p >> 1;
}

/// Modulo the polynomial.
constexpr std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  std::uint32_t sum = 0;
  for (std::uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) sum ^= b;
    b = times_x(b);
  }
  return sum;
}

/// x^(exponent) modulo the polynomial.
constexpr std::uint32_t power_of_x(std::uint64_t exponent) {
  std::uint32_t result = kOne;
  for (std::uint32_t square = times_x(kOne); exponent != 0; exponent >>= 1) {
    if ((exponent & 1u) != 0) result = product(result, square);
    square = product(square, square);
  }
  return result;
}

#if VYRE_FAST_FORMS

/// The crc32 instruction multiplies by x^32, and a carry-less product of reflected words has a
/// factor x too many.
constexpr std::uint64_t over(std::uint64_t bytes) {
  return power_of_x(bytes * 8 - 33);
}

#define VYRE_CRC_TARGET __attribute__((target("sse4.2,pclmul")))

VYRE_CRC_TARGET std::uint64_t moved(std::uint64_t crc, std::uint64_t by) {
  const __m128i both = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                                            _mm_cvtsi64_si128(static_cast<long long>(by)), 0);
  return _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(both)));
}

/// As many blocks of three times kStream bytes as there are from `at` on.
template <std::uint64_t kStream>
VYRE_CRC_TARGET std::uint64_t three_streams(std::uint64_t crc, ByteSpan bytes, std::uint64_t& at) {
  constexpr std::uint64_t kOverTwo{over(2 * kStream)};
  constexpr std::uint64_t kOverOne{over(kStream)};
  for (; bytes.size() - at >= 3 * kStream; at += 3 * kStream) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::uint64_t i = at; i < at + kStream; i += 8) {
      crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(bytes, i));
      second = _mm_crc32_u64(second, load_le<std::uint64_t>(bytes, i + kStream));
      third = _mm_crc32_u64(third, load_le<std::uint64_t>(bytes, i + 2 * kStream));
    }
    crc = moved(crc, kOverTwo) ^ moved(second, kOverOne) ^ third;
  }
  return crc;
}

VYRE_CRC_TARGET std::uint32_t crc32c_by_instruction(ByteSpan bytes) {
  constexpr std::uint64_t kLong{4096};
  constexpr std::uint64_t kShort{256};
  std::uint64_t at = 0;
  std::uint64_t crc = 0xFFFFFFFFu;
  crc = three_streams<kLong>(crc, bytes, at);
  crc = three_streams<kShort>(crc, bytes, at);
  for (; bytes.size() - at >= 8; at += 8)
    crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(bytes, at));
  auto rest = static_cast<std::uint32_t>(crc);
  for (; at < bytes.size(); ++at) rest = _mm_crc32_u8(rest, bytes[at]);
  return ~rest;
}

#define VYRE_COMPRESS_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,popcnt")))

/// Sixteen words a step; `kept` has room for a step more than is kept.
VYRE_COMPRESS_TARGET std::uint64_t compress(const std::uint8_t* values, const std::uint8_t* mask,
                                            std::uint64_t count, std::uint32_t* kept) {
  std::uint64_t found = 0;
  std::uint64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m128i asked = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + i));
    const __mmask16 wanted = _mm_test_epi8_mask(asked, asked);
    const __m512i words = _mm512_loadu_si512(values + i * 4);
    _mm512_storeu_si512(kept + found, _mm512_maskz_compress_epi32(wanted, words));
    found += static_cast<std::uint64_t>(_mm_popcnt_u32(wanted));
  }
  for (; i < count; ++i) {
    std::memcpy(kept + found, values + i * 4, 4);
    found += mask[i] != 0 ? 1 : 0;
  }
  return found;
}

bool has_crc() {
  static const bool kHas =
      __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
  return kHas;
}
bool has_compress() {
  static const bool kHas = __builtin_cpu_supports("avx512f") != 0 &&
                           __builtin_cpu_supports("avx512bw") != 0 &&
                           __builtin_cpu_supports("avx512vl") != 0;
  return kHas;
}

#endif

/// Without a branch on the mask; as compress() otherwise.
std::uint64_t gather_kept(const std::uint8_t* values, const std::uint8_t* mask, std::uint64_t count,
                          std::uint32_t* kept) {
  std::uint64_t found = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::memcpy(kept + found, values + i * 4, 4);
    found += mask[i] != 0 ? 1 : 0;
  }
  return found;
}

}  // namespace

std::uint32_t crc32c(ByteSpan bytes) noexcept {
#if VYRE_FAST_FORMS
  if (has_crc()) return crc32c_by_instruction(bytes);
#endif
  std::array<std::uint8_t, 4> crc;
  (void)builtin::crc32c(bytes, crc, {});
  return load_le<std::uint32_t>(crc, 0);
}

std::uint32_t crc32c_of_both(std::uint32_t first, std::uint32_t second,
                             std::uint64_t second_bytes) noexcept {
  return product(first, power_of_x(second_bytes * 8)) ^ second;
}

std::uint64_t select_words(const std::uint8_t* values, const std::uint8_t* mask,
                           std::uint64_t count, std::uint8_t* kept, std::uint64_t room) noexcept {
  // Kept words come together here first, because a step writes behind what it keeps.
  constexpr std::uint64_t kTogether{1024};
  std::array<std::uint32_t, kTogether + 16> together;
  std::uint64_t found = 0;
  for (std::uint64_t begin = 0; begin < count; begin += kTogether) {
    const std::uint64_t n = std::min(kTogether, count - begin);
#if VYRE_FAST_FORMS
    const std::uint64_t here =
        has_compress() ? compress(values + begin * 4, mask + begin, n, together.data())
                       : gather_kept(values + begin * 4, mask + begin, n, together.data());
#else
    const std::uint64_t here = gather_kept(values + begin * 4, mask + begin, n, together.data());
#endif
    if (found < room && here != 0)
      std::memcpy(kept + found * 4, together.data(), std::min(here, room - found) * 4);
    found += here;
  }
  return found;
}

void copy_past_caches(std::uint8_t* to, const std::uint8_t* from, std::uint64_t bytes) noexcept {
#if VYRE_FAST_FORMS
  constexpr std::uint64_t kLine{64};
  constexpr std::uint64_t kPage{4096};
  // Side by side, so that several banks of memory work at once; AMD's processors then write half
  // lines, at a sixth of the speed of one page after another (BM_Builtin_Copy of builtin_bench).
  static const std::uint64_t pages = __builtin_cpu_is("intel") != 0 ? 4 : 1;
  const std::uint64_t head =
      std::min(bytes, (kLine - reinterpret_cast<std::uintptr_t>(to) % kLine) % kLine);
  std::memcpy(to, from, head);
  std::uint64_t at = head;
  for (; bytes - at >= pages * kPage; at += pages * kPage) {
    for (std::uint64_t line = at; line < at + kPage; line += kLine) {
      for (std::uint64_t page = 0; page < pages; ++page) {
        const std::uint64_t place = line + page * kPage;
        _mm_prefetch(reinterpret_cast<const char*>(from + place + kLine * 2), _MM_HINT_T0);
        for (std::uint64_t k = place; k < place + kLine; k += 16) {
          _mm_stream_si128(reinterpret_cast<__m128i*>(to + k),
                           _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + k)));
        }
      }
    }
  }
  _mm_sfence();  // such stores are ordered by nothing else
  std::memcpy(to + at, from + at, bytes - at);
#else
  std::memcpy(to, from, bytes);
#endif
}

std::uint64_t count_nonzero(const std::uint8_t* mask, std::uint64_t count) noexcept {
  std::uint64_t found = 0;
  for (std::uint64_t i = 0; i < count; ++i) found += mask[i] != 0 ? 1 : 0;
  return found;
}

}  // namespace vyre::cpu
