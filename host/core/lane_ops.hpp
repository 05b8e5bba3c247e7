// What each arithmetic instruction does to the words of one lane. Pure functions, single source for
// host and device, no branches where a select will do, so that a loop over lanes vectorises.
// `static` and always inlined: translation units built for different instruction sets must not
// share one copy. Spec: docs/internals/image.md, docs/internals/vir0-semantics.md "Semantics".
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "core/f32.hpp"

#if defined(__GNUC__) || defined(__clang__)
#define VYRE_LANE_INLINE VYRE_HD __attribute__((always_inline)) inline
#else
#define VYRE_LANE_INLINE VYRE_HD inline
#endif
#define VYRE_LANE_FN [[nodiscard]] static VYRE_LANE_INLINE

namespace vyre::core::lane {

using u32 = std::uint32_t;
using i32 = std::int32_t;
using u64 = std::uint64_t;
using i64 = std::int64_t;

VYRE_LANE_FN i32 s(u32 x) {
  return static_cast<i32>(x);
}
VYRE_LANE_FN u32 u(i32 x) {
  return static_cast<u32>(x);
}

// 32-bit integers. Total: division by zero has the format's answer, i32 faults are found by the
// caller first.
VYRE_LANE_FN u32 udiv(u32 a, u32 b) {
  return b == 0 ? 0xFFFFFFFFu : a / (b == 0 ? 1u : b);
}
VYRE_LANE_FN u32 umod(u32 a, u32 b) {
  return b == 0 ? 0u : a % (b == 0 ? 1u : b);
}
VYRE_LANE_FN u32 ishr(u32 a, u32 b) {
  return u(s(a) >> (b & 31u));
}
VYRE_LANE_FN u32 rotl(u32 a, u32 b) {
  return a << (b & 31u) | a >> ((32u - (b & 31u)) & 31u);
}
VYRE_LANE_FN u32 rotr(u32 a, u32 b) {
  return a >> (b & 31u) | a << ((32u - (b & 31u)) & 31u);
}
VYRE_LANE_FN u32 uabsdiff(u32 a, u32 b) {
  return a > b ? a - b : b - a;
}
VYRE_LANE_FN u32 iabsdiff(u32 a, u32 b) {
  return s(a) > s(b) ? a - b : b - a;
}
VYRE_LANE_FN u32 usat_add(u32 a, u32 b) {
  return a + b < a ? 0xFFFFFFFFu : a + b;
}
VYRE_LANE_FN u32 usat_sub(u32 a, u32 b) {
  return a > b ? a - b : 0u;
}
VYRE_LANE_FN u32 usat_mul(u32 a, u32 b) {
  const u64 wide = u64{a} * b;
  return wide > 0xFFFFFFFFu ? 0xFFFFFFFFu : static_cast<u32>(wide);
}
VYRE_LANE_FN u32 iclamp(i64 x) {
  const i64 low = x < INT32_MIN ? i64{INT32_MIN} : x;
  return static_cast<u32>(low > INT32_MAX ? i64{INT32_MAX} : low);
}
VYRE_LANE_FN u32 isat_add(u32 a, u32 b) {
  return iclamp(i64{s(a)} + s(b));
}
VYRE_LANE_FN u32 isat_sub(u32 a, u32 b) {
  return iclamp(i64{s(a)} - s(b));
}
VYRE_LANE_FN u32 isat_mul(u32 a, u32 b) {
  return iclamp(i64{s(a)} * s(b));
}
VYRE_LANE_FN u32 umulhi(u32 a, u32 b) {
  return static_cast<u32>(u64{a} * b >> 32);
}
VYRE_LANE_FN u32 popcount(u32 x) {
  x -= x >> 1 & 0x55555555u;
  x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
  return ((x + (x >> 4)) & 0x0F0F0F0Fu) * 0x01010101u >> 24;
}
VYRE_LANE_FN u32 clz(u32 x) {
  x |= x >> 1;
  x |= x >> 2;
  x |= x >> 4;
  x |= x >> 8;
  x |= x >> 16;
  return popcount(~x);
}
VYRE_LANE_FN u32 ctz(u32 x) {
  return popcount(~x & (x - 1u));
}
VYRE_LANE_FN u32 reverse_bits(u32 x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0F0F0F0Fu) | (x & 0x0F0F0F0Fu) << 4;
  x = (x >> 8 & 0x00FF00FFu) | (x & 0x00FF00FFu) << 8;
  return x >> 16 | x << 16;
}

// 64-bit integers.
VYRE_LANE_FN u64 udiv64(u64 a, u64 b) {
  return b == 0 ? ~u64{0} : a / (b == 0 ? 1u : b);
}
VYRE_LANE_FN u64 umod64(u64 a, u64 b) {
  return b == 0 ? 0u : a % (b == 0 ? 1u : b);
}
VYRE_LANE_FN u64 mulhi64(u64 a, u64 b) {
  const u64 al = a & 0xFFFFFFFFu, ah = a >> 32, bl = b & 0xFFFFFFFFu, bh = b >> 32;
  const u64 low = al * bl;
  const u64 mid = ah * bl + (low >> 32);  // cannot overflow: (2^32-1)^2 + 2^32-1 < 2^64
  const u64 mid2 = al * bh + (mid & 0xFFFFFFFFu);
  return ah * bh + (mid >> 32) + (mid2 >> 32);
}
VYRE_LANE_FN u64 sat_add64(u64 a, u64 b) {
  return a + b < a ? ~u64{0} : a + b;
}
VYRE_LANE_FN u64 sat_sub64(u64 a, u64 b) {
  return a > b ? a - b : 0u;
}
VYRE_LANE_FN u64 sat_mul64(u64 a, u64 b) {
  return mulhi64(a, b) != 0 ? ~u64{0} : a * b;
}
VYRE_LANE_FN u32 low(u64 x) {
  return static_cast<u32>(x);
}
VYRE_LANE_FN u32 high(u64 x) {
  return static_cast<u32>(x >> 32);
}
VYRE_LANE_FN u64 wide(u32 lo, u32 hi) {
  return u64{lo} | u64{hi} << 32;
}
VYRE_LANE_FN u32 popcount64(u64 x) {
  return popcount(low(x)) + popcount(high(x));
}
VYRE_LANE_FN u32 clz64(u64 x) {
  return high(x) != 0 ? clz(high(x)) : 32u + clz(low(x));
}
VYRE_LANE_FN u32 ctz64(u64 x) {
  return low(x) != 0 ? ctz(low(x)) : 32u + ctz(high(x));
}
VYRE_LANE_FN u64 reverse_bits64(u64 x) {
  return wide(reverse_bits(high(x)), reverse_bits(low(x)));
}

// binary32 tests on the bits, indifferent to whether subnormals were flushed yet.
VYRE_LANE_FN u32 fmagnitude(u32 x) {
  return x & 0x7FFFFFFFu;
}
VYRE_LANE_FN u32 ftruth(u32 x) {
  return fmagnitude(x) >= f32::kMinNormalBits;
}
VYRE_LANE_FN u32 fis_nan(u32 x) {
  return fmagnitude(x) > f32::kInfBits;
}
VYRE_LANE_FN u32 fis_inf(u32 x) {
  return fmagnitude(x) == f32::kInfBits;
}
VYRE_LANE_FN u32 fis_finite(u32 x) {
  return fmagnitude(x) < f32::kInfBits;
}

// binary64 is carried, never computed with; conversions work on the bits and need no double.
inline constexpr u64 kF64Magnitude{0x7FFFFFFFFFFFFFFFull};
inline constexpr u64 kF64Inf{0x7FF0000000000000ull};
VYRE_LANE_FN u64 f64_from_f32(u32 bits) {
  const u32 x = f32::canonical_bits(bits);
  const u64 sign = u64{x & 0x80000000u} << 32;
  const u32 exponent = x >> 23 & 0xFFu;
  const u64 fraction = u64{x & 0x7FFFFFu} << 29;
  if (exponent == 0) return sign;  // canonical: no subnormals
  if (exponent == 255) return sign | kF64Inf | fraction;
  return sign | u64{exponent + 896u} << 52 | fraction;
}
/// Rounds to nearest even, then canonical.
VYRE_LANE_FN u32 f32_from_f64(u64 x) {
  const u32 sign = static_cast<u32>(x >> 32) & 0x80000000u;
  const u64 magnitude = x & kF64Magnitude;
  if (magnitude > kF64Inf) return f32::kNanBits;
  // 2^-126 - 2^-150 is where rounding on the subnormal grid still reaches the smallest normal
  // number.
  if (magnitude < 0x380FFFFFE0000000ull) return sign;
  if (magnitude < 0x3810000000000000ull) return sign | f32::kMinNormalBits;
  if (magnitude >= 0x47EFFFFFF0000000ull) return sign | f32::kInfBits;
  const u64 rebased = magnitude - (u64{896} << 52);
  const u64 rounded = rebased + 0x0FFFFFFFull + (rebased >> 29 & 1u);
  return sign | static_cast<u32>(rounded >> 29);
}
VYRE_LANE_FN bool f64_is_finite(u64 x) {
  return (x & kF64Magnitude) < kF64Inf;
}
VYRE_LANE_FN u32 truth_f64(u64 x) {
  return (x & kF64Magnitude) != 0;
}
/// Truncated magnitude of a finite value below 2^64.
VYRE_LANE_FN u64 f64_magnitude_integer(u64 x) {
  const u32 exponent = static_cast<u32>(x >> 52) & 0x7FFu;
  const u64 fraction = (x & 0xFFFFFFFFFFFFFull) | u64{1} << 52;
  if (exponent < 1023) return 0;
  const u32 shift = exponent - 1023u;  // < 64
  return shift <= 52 ? fraction >> (52u - shift) : fraction << (shift - 52u);
}
VYRE_LANE_FN u32 u32_from_f64(u64 x) {
  if ((x & kF64Magnitude) > kF64Inf || x >> 63 != 0) return 0;
  if (x >= 0x41F0000000000000ull) return 0xFFFFFFFFu;  // 2^32
  return static_cast<u32>(f64_magnitude_integer(x));
}
VYRE_LANE_FN u32 i32_from_f64(u64 x) {
  const u64 magnitude = x & kF64Magnitude;
  if (magnitude > kF64Inf) return 0;
  if (magnitude >= 0x41E0000000000000ull) return x >> 63 != 0 ? 0x80000000u : 0x7FFFFFFFu;  // 2^31
  const u32 value = static_cast<u32>(f64_magnitude_integer(x));
  return x >> 63 != 0 ? 0u - value : value;
}
// "As u32" and "as u64" of a float: finite and within range (-0 counts as 0), otherwise not
// representable.
VYRE_LANE_FN bool f64_fits_u32(u64 x) {
  if ((x & kF64Magnitude) == 0) return true;
  return x >> 63 == 0 && x <= 0x41EFFFFFFFE00000ull;  // 4294967295.0
}
VYRE_LANE_FN bool f64_fits_u64(u64 x) {
  if ((x & kF64Magnitude) == 0) return true;
  return x >> 63 == 0 && x < 0x43F0000000000000ull;  // 2^64
}
VYRE_LANE_FN u64 u64_from_f64(u64 x) {
  return (x & kF64Magnitude) == 0 ? 0 : f64_magnitude_integer(x);
}
/// Nearest even, from the bits, so that the answer does not depend on the rounding mode or library.
VYRE_LANE_FN u32 f32_from_u64(u64 x) {
  return f32::to_bits(f32::from_u64(x));
}

}  // namespace vyre::core::lane
