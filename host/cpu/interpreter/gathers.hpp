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
  static constexpr u32 kWindowBytes{4 * kWindowWords};
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

  /// Of lanes that name one word the last one wins, as if they stored in turn.
  static bool scatter(const u32* index, const u32* on, const u32* values, u32 value,
                      const core::BoundBuffer& buffer, u32 lanes) {
    const __m512i flip = _mm512_set1_epi32(int(0x80000000u));
    void* const to = const_cast<void*>(middle(buffer.data, 4));
    for (u32 l = 0; l < lanes; l += 16) {
      const __m512i at = _mm512_loadu_si512(index + l);
      const __mmask16 which = wanted(on + l, at, buffer.last);
      if (which == 0) continue;
      const __m512i what =
          values == nullptr ? _mm512_set1_epi32(int(value)) : _mm512_loadu_si512(values + l);
      _mm512_mask_i32scatter_epi32(to, which, _mm512_xor_si512(at, flip), what, 4);
    }
    return true;
  }

  /// The bits of 16 lanes that are on.
  static u32 lanes_on(const u32* on) {
    const __m512i mask = _mm512_loadu_si512(on);
    return _mm512_test_epi32_mask(mask, mask);
  }

  /// The windows of a load, if it may have some and they are of use.
  static Windows* windows_of(const RunRequest& r, u32 number, u32 site) {
    if (r.windows == nullptr || r.steady[number] == 0 || r.buffers[number].last < kWindowBytes - 1)
      return nullptr;
    constexpr u32 kEnoughAsked{256};
    for (u32 k = 0; k < kWindowSites; ++k) {
      Windows& w = r.windows[k];
      if (w.site != site && w.site != Windows::kNone) continue;
      if (w.asked > kEnoughAsked && w.filled > w.asked / 4) return nullptr;
      if (w.asked > u32{1} << 30) w.asked = w.filled = 0;
      return &w;
    }
    return nullptr;
  }

  /// As bytes(), from what the lanes have read before where that has the byte.
  static void bytes_of_windows(u32* d, const u32* index, const u32* on,
                               const core::BoundBuffer& buffer, Windows& w, u32 site, u32 lanes) {
    const bool fresh = w.site != site;
    w.site = site;
    const __m512i flip = _mm512_set1_epi32(int(0x80000000u));
    const __m512i top = _mm512_set1_epi32(int(buffer.last - (kWindowBytes - 1)));
    const __m512i span = _mm512_set1_epi32(int(kWindowBytes));
    const __m512i byte = _mm512_set1_epi32(0xFF);
    for (u32 l = 0; l < lanes; l += 16) {
      const __m512i at = _mm512_loadu_si512(index + l);
      const __mmask16 want = wanted(on + l, at, buffer.last);
      __m512i first = _mm512_loadu_si512(w.first + l);
      __m512i within = _mm512_sub_epi32(at, first);
      const auto fill =
          static_cast<__mmask16>(fresh ? kAll : want & ~_mm512_cmplt_epu32_mask(within, span));
      if (fill != 0) {
        first = _mm512_mask_min_epu32(first, fill, at, top);
        within = _mm512_sub_epi32(at, first);
        _mm512_storeu_si512(w.first + l, first);
        for (u32 k = 0; k < kWindowWords; ++k) {
          u32* const words = w.words + k * lanes + l;
          const __m512i old = fresh ? _mm512_setzero_si512() : _mm512_loadu_si512(words);
          _mm512_storeu_si512(words,
                              _mm512_mask_i32gather_epi32(old, fill, _mm512_xor_si512(first, flip),
                                                          middle(buffer.data + 4 * k, 1), 1));
        }
        ++w.filled;
      }
      ++w.asked;
      __m512i found = _mm512_loadu_si512(w.words + l);
      for (u32 k = 1; k < kWindowWords; ++k) {
        const __mmask16 later = _mm512_cmpge_epu32_mask(within, _mm512_set1_epi32(int(4 * k)));
        found = _mm512_mask_loadu_epi32(found, later, w.words + k * lanes + l);
      }
      const __m512i shift =
          _mm512_maskz_slli_epi32(kAll, _mm512_and_si512(within, _mm512_set1_epi32(3)), 3);
      const __m512i one = _mm512_and_si512(_mm512_maskz_srlv_epi32(kAll, found, shift), byte);
      _mm512_storeu_si512(d + l, _mm512_maskz_mov_epi32(want, one));
    }
  }

  /// Four bytes for each lane, none of them outside the buffer, and the one of them that it wants.
  static bool bytes(u32* d, const u32* index, const u32* on, const RunRequest& r, u32 number,
                    u32 site, u32 lanes) {
    const core::BoundBuffer& buffer = r.buffers[number];
    if (buffer.last < 3) return false;
    if (Windows* const windows = windows_of(r, number, site)) {
      bytes_of_windows(d, index, on, buffer, *windows, site, lanes);
      return true;
    }
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
  static bool bytes(u32*, const u32*, const u32*, const RunRequest&, u32, u32, u32) {
    return false;
  }
  static bool scatter(const u32*, const u32*, const u32*, u32, const core::BoundBuffer&, u32) {
    return false;
  }
  static u32 lanes_on(const u32* on) {
    u32 bits = 0;
    for (u32 k = 0; k < 16; ++k) bits |= (on[k] & 1u) << k;
    return bits;
  }
#endif
};

}  // namespace vyre::cpu
