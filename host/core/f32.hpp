// Canonical f32: one NaN (7FC00000), no subnormals, every operation rounded once to nearest even.
// Single source for host and device; every executor computes f32 with these functions and no
// others. Functions are `static`: translation units built for different instruction sets must not
// share one copy. Build with -ffp-contract=off (host) or -fmad=false (device). Spec:
// docs/internals/f32.md.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"

#if defined(__GNUC__) || defined(__clang__)
#define VYRE_F32_FN [[nodiscard]] static inline VYRE_HD __attribute__((always_inline))
#else
#define VYRE_F32_FN [[nodiscard]] static inline VYRE_HD
#endif

namespace vyre::core::f32 {

inline constexpr std::uint32_t kNanBits{0x7FC00000u};
inline constexpr std::uint32_t kInfBits{0x7F800000u};
inline constexpr std::uint32_t kSignBit{0x80000000u};
inline constexpr std::uint32_t kMinNormalBits{0x00800000u};

VYRE_F32_FN std::uint32_t to_bits(float value) noexcept {
#if VYRE_ON_DEVICE
  return __float_as_uint(value);
#else
  return __builtin_bit_cast(std::uint32_t, value);
#endif
}

VYRE_F32_FN float from_bits(std::uint32_t bits) noexcept {
#if VYRE_ON_DEVICE
  return __uint_as_float(bits);
#else
  return __builtin_bit_cast(float, bits);
#endif
}

/// NaN -> 7FC00000, subnormal -> zero of the same sign, everything else unchanged. Branch-free.
VYRE_F32_FN constexpr std::uint32_t canonical_bits(std::uint32_t bits) noexcept {
  const std::uint32_t magnitude = bits & ~kSignBit;
  const std::uint32_t flushed = magnitude < kMinNormalBits ? bits & kSignBit : bits;
  return magnitude > kInfBits ? kNanBits : flushed;
}

VYRE_F32_FN float canonical(float value) noexcept {
  return from_bits(canonical_bits(to_bits(value)));
}

VYRE_F32_FN bool is_nan(float x) noexcept {
  return (to_bits(x) & ~kSignBit) > kInfBits;
}
VYRE_F32_FN bool is_inf(float x) noexcept {
  return (to_bits(x) & ~kSignBit) == kInfBits;
}
VYRE_F32_FN bool is_finite(float x) noexcept {
  return (to_bits(x) & ~kSignBit) < kInfBits;
}

// Everything below takes canonical operands and returns a canonical result.

VYRE_F32_FN float add(float a, float b) noexcept {
#if VYRE_ON_DEVICE
  return canonical(__fadd_rn(a, b));
#else
  return canonical(a + b);
#endif
}

VYRE_F32_FN float sub(float a, float b) noexcept {
#if VYRE_ON_DEVICE
  return canonical(__fsub_rn(a, b));
#else
  return canonical(a - b);
#endif
}

VYRE_F32_FN float mul(float a, float b) noexcept {
#if VYRE_ON_DEVICE
  return canonical(__fmul_rn(a, b));
#else
  return canonical(a * b);
#endif
}

/// x/0 is an infinity or NaN, never a fault.
VYRE_F32_FN float div(float a, float b) noexcept {
#if VYRE_ON_DEVICE
  return canonical(__fdiv_rn(a, b));
#else
  return canonical(a / b);
#endif
}

/// a * b + c with a single rounding. Where the target has no fused instruction the C library
/// emulates it exactly.
VYRE_F32_FN float fma(float a, float b, float c) noexcept {
#if VYRE_ON_DEVICE
  return canonical(__fmaf_rn(a, b, c));
#else
  return canonical(__builtin_fmaf(a, b, c));
#endif
}

VYRE_F32_FN float negate(float x) noexcept {
  return from_bits(canonical_bits(to_bits(x) ^ kSignBit));
}

VYRE_F32_FN float abs(float x) noexcept {
  return from_bits(to_bits(x) & ~kSignBit);
}

/// The other operand where one is NaN. Of two equal operands (the two zeros) the left one, for min
/// and max alike: the IEEE standard leaves it open, and the format's reference was seen to do this.
VYRE_F32_FN float min(float a, float b) noexcept {
  const float ordered = b < a ? b : a;
  return is_nan(a) ? b : ordered;  // a NaN in b is never less
}

VYRE_F32_FN float max(float a, float b) noexcept {
  const float ordered = b > a ? b : a;
  return is_nan(a) ? b : ordered;
}

/// NaN stays NaN, both zeros give +0, everything else +-1.
VYRE_F32_FN float sign(float x) noexcept {
  const std::uint32_t one = (to_bits(x) & kSignBit) | 0x3F800000u;
  const float nonzero = is_nan(x) ? x : from_bits(one);
  return x == 0.0f ? 0.0f : nonzero;
}

namespace detail {
inline constexpr std::uint32_t kTwo23Bits{0x4B000000u};  // from 2^23 on every f32 is an integer

VYRE_F32_FN float with_sign_of(float magnitude, float sign) noexcept {
  return from_bits((to_bits(magnitude) & ~kSignBit) | (to_bits(sign) & kSignBit));
}
VYRE_F32_FN bool is_integral(float x) noexcept {  // true for infinities and NaN too
  return (to_bits(x) & ~kSignBit) >= kTwo23Bits;
}
/// Truncation of |x| for |x| < 2^23 by way of i32, which every target converts in vectors.
VYRE_F32_FN float truncated_magnitude(float x) noexcept {
  const float small = is_integral(x) ? 0.0f : abs(x);
  return static_cast<float>(static_cast<std::int32_t>(small));
}
}  // namespace detail

// Rounding to integers keeps the sign of the operand, also where the result is zero.

VYRE_F32_FN float trunc(float x) noexcept {
  const float r = detail::with_sign_of(detail::truncated_magnitude(x), x);
  return detail::is_integral(x) ? x : r;
}

VYRE_F32_FN float floor(float x) noexcept {
  const float t = detail::with_sign_of(detail::truncated_magnitude(x), x);
  const float r = detail::with_sign_of(t > x ? t - 1.0f : t, x);
  return detail::is_integral(x) ? x : r;
}

VYRE_F32_FN float ceil(float x) noexcept {
  const float t = detail::with_sign_of(detail::truncated_magnitude(x), x);
  const float r = detail::with_sign_of(t < x ? t + 1.0f : t, x);
  return detail::is_integral(x) ? x : r;
}

/// Half away from zero.
VYRE_F32_FN float round(float x) noexcept {
  const float t = detail::truncated_magnitude(x);
  const float r = detail::with_sign_of(abs(x) - t >= 0.5f ? t + 1.0f : t, x);
  return detail::is_integral(x) ? x : r;
}

VYRE_F32_FN float sqrt(float x) noexcept {
#if VYRE_ON_DEVICE
  return canonical(__fsqrt_rn(x));
#else
  return canonical(__builtin_sqrtf(x));
#endif
}

/// 1 / sqrt(x): two roundings, as the reference of the format computes it.
VYRE_F32_FN float inverse_sqrt(float x) noexcept {
  return div(1.0f, sqrt(x));
}
VYRE_F32_FN float reciprocal(float x) noexcept {
  return div(1.0f, x);
}

/// Toward zero; NaN -> 0; out of range -> the nearest bound.
VYRE_F32_FN std::uint32_t to_u32(float x) noexcept {
  const bool in_range = x > 0.0f && x < 4294967296.0f;
  // By way of i64, which covers the range and converts in one instruction.
  const auto value = static_cast<std::uint32_t>(static_cast<std::int64_t>(in_range ? x : 0.0f));
  return x >= 4294967296.0f ? 0xFFFFFFFFu : value;
}

VYRE_F32_FN std::int32_t to_i32(float x) noexcept {
  const bool in_range = x >= -2147483648.0f && x < 2147483648.0f;
  const auto value = static_cast<std::int32_t>(in_range ? x : 0.0f);
  const std::int32_t low = x < -2147483648.0f ? INT32_MIN : value;
  return x >= 2147483648.0f ? INT32_MAX : low;
}

VYRE_F32_FN float from_u32(std::uint32_t value) noexcept {
  return static_cast<float>(value);
}
VYRE_F32_FN float from_i32(std::int32_t value) noexcept {
  return static_cast<float>(value);
}
VYRE_F32_FN float from_u64(std::uint64_t value) noexcept {
  return static_cast<float>(value);
}

}  // namespace vyre::core::f32
