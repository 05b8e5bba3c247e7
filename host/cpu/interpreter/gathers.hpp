// Loads of CPU lanes from places of their own, by gather instructions where this instruction set
// has fast ones. Included by variant.hpp, a template over its tag for the same reason.
#pragma once

#include "request.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__)
#include <immintrin.h>
#define VYRE_CPU_GATHERS 1
#else
#define VYRE_CPU_GATHERS 0
#endif

namespace vyre::cpu {

template <class Tag>
struct Gathers {
  using u32 = std::uint32_t;

#if VYRE_CPU_GATHERS
  /// For the forms with a mask: of the others g++ 12 says that they read what is not set.
  static constexpr __mmask16 kAll{0xFFFF};

  /// Gathers take signed offsets: places are counted from the middle of what 32 bits reach.
  static const void* middle(const std::uint8_t* data, std::uintptr_t scale) {
    return reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(data) + (scale << 31));
  }

  /// Lanes that are on and inside.
  static __mmask16 wanted(const u32* on, __m512i at, u32 last) {
    const __m512i mask = _mm512_loadu_si512(on);
    return static_cast<__mmask16>(_mm512_test_epi32_mask(mask, mask) &
                                  _mm512_cmple_epu32_mask(at, _mm512_set1_epi32(int(last))));
  }

  static bool words(u32* d, const u32* index, const u32* on, const core::BoundBuffer& buffer,
                    u32 lanes) {
    const __m512i flip = _mm512_set1_epi32(int(0x80000000u));
    const void* const from = middle(buffer.data, 4);
    for (u32 l = 0; l < lanes; l += 16) {
      const __m512i at = _mm512_loadu_si512(index + l);
      const __m512i found =
          _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), wanted(on + l, at, buffer.last),
                                      _mm512_xor_si512(at, flip), from, 4);
      _mm512_storeu_si512(d + l, found);
    }
    return true;
  }

  /// Four bytes for each lane, none of them outside the buffer, and the one of them that it wants.
  static bool bytes(u32* d, const u32* index, const u32* on, const core::BoundBuffer& buffer,
                    u32 lanes) {
    if (buffer.last < 3) return false;
    const __m512i flip = _mm512_set1_epi32(int(0x80000000u));
    const __m512i top = _mm512_set1_epi32(int(buffer.last - 3));
    const __m512i byte = _mm512_set1_epi32(0xFF);
    const void* const from = middle(buffer.data, 1);
    for (u32 l = 0; l < lanes; l += 16) {
      const __m512i at = _mm512_loadu_si512(index + l);
      const __m512i four = _mm512_maskz_min_epu32(kAll, at, top);
      const __m512i found =
          _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), wanted(on + l, at, buffer.last),
                                      _mm512_xor_si512(four, flip), from, 1);
      const __m512i shift = _mm512_maskz_slli_epi32(kAll, _mm512_sub_epi32(at, four), 3);
      _mm512_storeu_si512(d + l,
                          _mm512_and_si512(_mm512_maskz_srlv_epi32(kAll, found, shift), byte));
    }
    return true;
  }
#else
  static bool words(u32*, const u32*, const u32*, const core::BoundBuffer&, u32) {
    return false;
  }
  static bool bytes(u32*, const u32*, const u32*, const core::BoundBuffer&, u32) {
    return false;
  }
#endif
};

}  // namespace vyre::cpu
