// Sine to logarithm for canonical f32: the same bits on every IEEE machine, processor or device.
// Computed in binary64 with + - * / sqrt and bit operations only, never fused, never by a C
// library; the polynomials are Chebyshev fits of our own (docs/internals/f32.md says how they were
// made and how far off they are). Operands are canonical, results too. Spec: docs/internals/f32.md.
#pragma once

#include <cstdint>

#include "core/f32.hpp"

namespace vyre::core::f32 {

#define VYRE_F64_FN [[nodiscard]] static inline VYRE_HD

namespace detail {

inline constexpr double kLn2{0x1.62e42fefa39efp-1};
inline constexpr double kLog2E{0x1.71547652b82fep+0};
inline constexpr double kPi{0x1.921fb54442d18p+1};
inline constexpr double kHalfPi{0x1.921fb54442d18p+0};
inline constexpr double kQuarterPi{0x1.921fb54442d18p-1};
inline constexpr double kTwoOverPi{0x1.45f306dc9c883p-1};
inline constexpr double kHalfPiHigh{
    0x1.921fb54400000p+0};  // 33 bits: exact times any integer below 2^20
inline constexpr double kHalfPiLow{0x1.0b4611a626331p-34};
inline constexpr double kRoundToInteger{0x1.8p+52};  // adding and subtracting it rounds |v| < 2^51

/// a * b + c with two roundings, whatever the compiler's contraction setting on a device.
VYRE_F64_FN double mul_add(double a, double b, double c) noexcept {
#if VYRE_ON_DEVICE
  return __dadd_rn(__dmul_rn(a, b), c);
#else
  const double product = a * b;
  return product + c;
#endif
}

/// a * b that no compiler may join with an addition around it.
VYRE_F64_FN double mul64(double a, double b) noexcept {
#if VYRE_ON_DEVICE
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

VYRE_F64_FN double sqrt64(double v) noexcept {
#if VYRE_ON_DEVICE
  return __dsqrt_rn(v);
#else
  return __builtin_sqrt(v);
#endif
}

VYRE_F64_FN double from_bits64(std::uint64_t bits) noexcept {
#if VYRE_ON_DEVICE
  return __longlong_as_double(static_cast<long long>(bits));
#else
  return __builtin_bit_cast(double, bits);
#endif
}

VYRE_F64_FN double nearest_integer(double v) noexcept {
  const double shifted = v + kRoundToInteger;
  return shifted - kRoundToInteger;
}

VYRE_F64_FN double power_of_two(std::int32_t exponent) noexcept {  // -1022..1023
  return from_bits64(static_cast<std::uint64_t>(1023 + exponent) << 52);
}

/// c0 + z*(c1 + z*(c2 + ...)).
VYRE_F64_FN double horner(double, double c0) noexcept {
  return c0;
}
template <class... Rest>
VYRE_F64_FN double horner(double z, double c0, Rest... rest) noexcept {
  return mul_add(horner(z, rest...), z, c0);
}

VYRE_F64_FN float nan() noexcept {
  return from_bits(kNanBits);
}
VYRE_F64_FN float infinity() noexcept {
  return from_bits(kInfBits);
}
/// The one rounding to f32.
VYRE_F64_FN float narrow(double v) noexcept {
  return canonical(static_cast<float>(v));
}

/// e^v for |v| <= 300: v = k ln 2 + r, |r| <= ln 2 / 2.
VYRE_F64_FN double exp64(double v) noexcept {
  const double k = nearest_integer(mul64(v, kLog2E));
  const double r = mul_add(-k, kLn2, v);
  const double p = horner(r, 0x1.0000000000000p+0, 0x1.000000000001ep+0, 0x1.0000000000005p-1,
                          0x1.555555554b736p-3, 0x1.55555555520a4p-5, 0x1.1111112ddae8bp-7,
                          0x1.6c16c17f46982p-10, 0x1.a01978b8b3d18p-13, 0x1.a019a6611cad5p-16,
                          0x1.72fafebdaf273p-19, 0x1.28a2ca617b969p-22);
  return mul64(p, power_of_two(static_cast<std::int32_t>(k)));
}

/// x = 2^exponent * m with m in [sqrt(1/2), sqrt 2), and ln m = 2 atanh((m-1)/(m+1)). x > 0,
/// normal, finite.
struct Logarithm {
  double exponent;
  double ln_m;
};
VYRE_F64_FN Logarithm split_log(float x) noexcept {
  const std::uint32_t bits = to_bits(x);
  // Rounding the exponent up where the fraction is beyond that of sqrt 2 centres m around 1.
  constexpr std::uint32_t kAboveSqrt2 = 0x00800000u - 0x003504F3u;
  const auto exponent = static_cast<std::int32_t>((bits + kAboveSqrt2) >> 23) - 127;
  const double m = mul64(static_cast<double>(x), power_of_two(-exponent));
  const double s = (m - 1.0) / (m + 1.0);
  const double z = mul64(s, s);
  const double p = horner(z, 0x1.0000000000001p+0, 0x1.5555555552d4ap-2, 0x1.999999a436686p-3,
                          0x1.249240b78fa06p-3, 0x1.c722cd6f60ec5p-4, 0x1.73230ffbca770p-4,
                          0x1.58d6a2d12a491p-4);
  const double twice = s + s;
  return {static_cast<double>(exponent), mul64(twice, p)};
}

VYRE_F64_FN double sin_quarter(double r) noexcept {  // |r| <= pi/4
  const double p = horner(r * r, 0x1.0000000000000p+0, -0x1.5555555555543p-3, 0x1.111111110f3d4p-7,
                          -0x1.a01a019ba86e6p-13, 0x1.71de352fe0423p-19, -0x1.ae5e374862b03p-26,
                          0x1.5d873a7cbedebp-33);
  return mul64(r, p);
}

VYRE_F64_FN double cos_quarter(double r) noexcept {
  return horner(r * r, 0x1.0000000000000p+0, -0x1.fffffffffff79p-2, 0x1.555555554e7cfp-5,
                -0x1.6c16c163c3f3ep-10, 0x1.a019f7fc0d9eep-16, -0x1.27df3f747e521p-22,
                0x1.1b8ac93386c1dp-29);
}

/// x = quadrant * pi/2 + r, |r| <= pi/4 (a hair more at the seams).
struct Reduced {
  double r;
  std::uint32_t quadrant;  // modulo 4
};

/// 32 bits of 2/pi by index, after one word of zeros: word 1 starts with the bit of weight 1/2.
VYRE_F64_FN std::uint32_t two_over_pi_word(std::uint32_t index) noexcept {
  switch (index) {
    case 1:
      return 0xA2F9836Eu;
    case 2:
      return 0x4E441529u;
    case 3:
      return 0xFC2757D1u;
    case 4:
      return 0xF534DDC0u;
    case 5:
      return 0xDB629599u;
    case 6:
      return 0x3C439041u;
    case 7:
      return 0xFE5163ABu;
    case 8:
      return 0xDEBBC561u;
    default:
      return 0u;
  }
}

/// For |x| >= 2^19: the mantissa times the 128 bits of 2/pi that matter, modulo 4 turns of a
/// quarter, in integers. Bits of 2/pi whose product is a multiple of 4 are skipped; those beyond
/// the window weigh less than 2^-102.
VYRE_F64_FN Reduced reduce_large(float x) noexcept {
  const std::uint32_t bits = to_bits(x);
  const std::uint64_t mantissa = (bits & 0x007FFFFFu) | 0x00800000u;
  // x = mantissa * 2^(e - 150). The bit of 2/pi whose product weighs 2 is number e - 151, counted
  // from 1 after the 32 zero bits of word 0.
  const std::uint32_t first_bit = (bits >> 23 & 0xFFu) - 120u;
  const std::uint32_t word = first_bit / 32u;
  const std::uint32_t shift = first_bit % 32u;
  std::uint32_t product[4];
  std::uint64_t carry = 0;
  for (std::uint32_t i = 4; i-- > 0;) {
    const std::uint64_t pair = static_cast<std::uint64_t>(two_over_pi_word(word + i)) << 32 |
                               two_over_pi_word(word + i + 1u);
    const auto limb = static_cast<std::uint32_t>(pair >> (32u - shift));
    carry += mantissa * limb;
    product[i] = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  // Two bits of quadrant, then the fraction of a quadrant; half and more belongs to the next
  // quadrant.
  const std::uint64_t high = static_cast<std::uint64_t>(product[0]) << 32 | product[1];
  const std::uint64_t fraction = high << 2 | product[2] >> 30;
  const std::uint32_t rest = product[2] << 2 | product[3] >> 30;
  const std::uint32_t up = static_cast<std::uint32_t>(fraction >> 63);
  const auto signed_fraction = static_cast<std::int64_t>(fraction);
  const double turns = mul_add(static_cast<double>(rest), 0x1p-96,
                               mul64(static_cast<double>(signed_fraction), 0x1p-64));
  const double r = turns * kHalfPi;
  const std::uint32_t quadrant = (product[0] >> 30) + up;
  const bool negative = (bits & kSignBit) != 0u;
  return {negative ? -r : r, (negative ? 0u - quadrant : quadrant) & 3u};
}

/// x finite.
VYRE_F64_FN Reduced reduce(float x) noexcept {
  constexpr float kExactBound = 0x1p19f;  // quadrant numbers stay below 2^20
  if (abs(x) >= kExactBound) return reduce_large(x);
  const double v = static_cast<double>(x);
  const double k = nearest_integer(mul64(v, kTwoOverPi));
  const double r = mul_add(-k, kHalfPiLow, mul_add(-k, kHalfPiHigh, v));
  return {r, static_cast<std::uint32_t>(static_cast<std::int32_t>(k)) & 3u};
}

/// v in [0, tan(pi/8)] or so.
VYRE_F64_FN double atan_small(double v) noexcept {
  const double p = horner(v * v, 0x1.0000000000000p+0, -0x1.55555555551e3p-2, 0x1.9999999934cfcp-3,
                          -0x1.249249008ec7dp-3, 0x1.c71c6488ac72ep-4, -0x1.745ba9f715ab9p-4,
                          0x1.3afaff0729265p-4, -0x1.0ffbceb95936dp-4, 0x1.d1fc5e5c44049p-5,
                          -0x1.642e7ce496477p-5, 0x1.5a416174e9066p-6);
  return mul64(v, p);
}

/// |v| <= 1/2.
VYRE_F64_FN double asin_half(double v) noexcept {
  const double p =
      horner(v * v, 0x1.0000000000000p+0, 0x1.55555555552e7p-3, 0x1.3333333377000p-4,
             0x1.6db6db3f6520ap-5, 0x1.f1c72cd45cf66p-6, 0x1.6e89eb3168c38p-6, 0x1.1c6c3416e1086p-6,
             0x1.c6fa4bea13679p-7, 0x1.8ecbe87091503p-7, 0x1.abdb4a663d418p-8, 0x1.3fbdef75fa961p-6,
             -0x1.0944744c2b4b3p-6, 0x1.052d28b0b827bp-5);
  return mul64(v, p);
}

/// asin(sqrt((1 - m) / 2)) for m in [1/2, 1]: half of acos(m).
VYRE_F64_FN double half_acos(double m) noexcept {
  return asin_half(sqrt64((1.0 - m) * 0.5));
}

VYRE_F64_FN double sinh_unit(double v) noexcept {  // |v| <= 1
  const double p = horner(v * v, 0x1.0000000000000p+0, 0x1.5555555555556p-3, 0x1.111111111108bp-7,
                          0x1.a01a01a02ad07p-13, 0x1.71de3a44ec169p-19, 0x1.ae6468167ffcap-26,
                          0x1.6119ff316f670p-33, 0x1.b4df3e38adf41p-41);
  return mul64(v, p);
}

/// Beyond this |x| every exponential is an infinity or zero in f32.
inline constexpr float kExpBound{150.0f};

}  // namespace detail

VYRE_F64_FN float exp(float x) noexcept {
  if (is_nan(x)) return x;
  if (x > detail::kExpBound) return detail::infinity();
  if (x < -detail::kExpBound) return 0.0f;
  return detail::narrow(detail::exp64(static_cast<double>(x)));
}

VYRE_F64_FN float exp2(float x) noexcept {
  if (is_nan(x)) return x;
  if (x > detail::kExpBound) return detail::infinity();
  if (x < -detail::kExpBound) return 0.0f;
  const double v = static_cast<double>(x);
  const double k = detail::nearest_integer(v);
  const double p = detail::horner(
      v - k, 0x1.0000000000000p+0, 0x1.62e42fefa3a19p-1, 0x1.ebfbdff82c598p-3, 0x1.c6b08d703ce49p-5,
      0x1.3b2ab6fba1ddap-7, 0x1.5d87fe9d7a584p-10, 0x1.430913096fd9fp-13, 0x1.ffcb54062e698p-17,
      0x1.62bfd47773353p-20, 0x1.b675bca4eeebbp-24, 0x1.e6063f7217bc6p-28);
  return detail::narrow(p * detail::power_of_two(static_cast<std::int32_t>(k)));
}

namespace detail {
/// What both logarithms return where there is nothing to compute; `done` says so.
struct LogSpecial {
  float value;
  bool done;
};
VYRE_F64_FN LogSpecial log_special(float x) noexcept {
  if (is_nan(x) || x < 0.0f) return {nan(), true};
  if (x == 0.0f) return {-infinity(), true};
  if (is_inf(x)) return {x, true};
  return {0.0f, false};
}
}  // namespace detail

VYRE_F64_FN float log(float x) noexcept {
  const detail::LogSpecial special = detail::log_special(x);
  if (special.done) return special.value;
  const detail::Logarithm l = detail::split_log(x);
  return detail::narrow(detail::mul_add(l.exponent, detail::kLn2, l.ln_m));
}

VYRE_F64_FN float log2(float x) noexcept {
  const detail::LogSpecial special = detail::log_special(x);
  if (special.done) return special.value;
  const detail::Logarithm l = detail::split_log(x);
  return detail::narrow(detail::mul_add(l.ln_m, detail::kLog2E, l.exponent));
}

VYRE_F64_FN float sin(float x) noexcept {
  if (!is_finite(x)) return detail::nan();
  if (x == 0.0f) return x;
  const detail::Reduced a = detail::reduce(x);
  const double s = (a.quadrant & 1u) != 0u ? detail::cos_quarter(a.r) : detail::sin_quarter(a.r);
  return detail::narrow((a.quadrant & 2u) != 0u ? -s : s);
}

VYRE_F64_FN float cos(float x) noexcept {
  if (!is_finite(x)) return detail::nan();
  const detail::Reduced a = detail::reduce(x);
  const double c = (a.quadrant & 1u) != 0u ? detail::sin_quarter(a.r) : detail::cos_quarter(a.r);
  const bool minus = ((a.quadrant + 1u) & 2u) != 0u;
  return detail::narrow(minus ? -c : c);
}

VYRE_F64_FN float tan(float x) noexcept {
  if (!is_finite(x)) return detail::nan();
  if (x == 0.0f) return x;
  const detail::Reduced a = detail::reduce(x);
  const double s = detail::sin_quarter(a.r);
  const double c = detail::cos_quarter(a.r);
  return detail::narrow((a.quadrant & 1u) != 0u ? -c / s : s / c);
}

VYRE_F64_FN float atan(float x) noexcept {
  if (is_nan(x) || x == 0.0f) return x;
  constexpr double kTanEighthPi = 0x1.a827999fcef32p-2;
  const double v = static_cast<double>(abs(x));
  const bool inverted = v > 1.0;
  const double t = inverted ? 1.0 / v : v;  // 1/inf is 0
  double a = 0.0;
  if (t > kTanEighthPi) {
    a = detail::kQuarterPi + detail::atan_small((t - 1.0) / (t + 1.0));
  } else {
    a = detail::atan_small(t);
  }
  if (inverted) a = detail::kHalfPi - a;
  return detail::with_sign_of(detail::narrow(a), x);
}

VYRE_F64_FN float asin(float x) noexcept {
  if (x == 0.0f) return x;
  const float m = abs(x);
  if (!(m <= 1.0f)) return detail::nan();
  const double v = static_cast<double>(m);
  const double half = m <= 0.5f ? 0.0 : detail::half_acos(v);
  const double a = m <= 0.5f ? detail::asin_half(v) : detail::kHalfPi - (half + half);
  return detail::with_sign_of(detail::narrow(a), x);
}

VYRE_F64_FN float acos(float x) noexcept {
  const float m = abs(x);
  if (!(m <= 1.0f)) return detail::nan();
  if (m <= 0.5f) return detail::narrow(detail::kHalfPi - detail::asin_half(static_cast<double>(x)));
  const double half = detail::half_acos(static_cast<double>(m));
  const double a = half + half;
  return detail::narrow(x > 0.0f ? a : detail::kPi - a);
}

VYRE_F64_FN float sinh(float x) noexcept {
  if (is_nan(x) || x == 0.0f) return x;
  const float m = abs(x);
  if (m > detail::kExpBound) return detail::with_sign_of(detail::infinity(), x);
  if (m <= 1.0f) return detail::narrow(detail::sinh_unit(static_cast<double>(x)));
  const double e = detail::exp64(static_cast<double>(m));
  return detail::with_sign_of(detail::narrow((e - 1.0 / e) * 0.5), x);
}

VYRE_F64_FN float cosh(float x) noexcept {
  if (is_nan(x)) return x;
  const float m = abs(x);
  if (m > detail::kExpBound) return detail::infinity();
  const double e = detail::exp64(static_cast<double>(m));
  return detail::narrow((e + 1.0 / e) * 0.5);
}

VYRE_F64_FN float tanh(float x) noexcept {
  if (is_nan(x) || x == 0.0f) return x;
  const float m = abs(x);
  if (m > 20.0f) return detail::with_sign_of(1.0f, x);  // 1 - tanh(20) is 2^-56
  if (m <= 1.0f) {
    const double s = detail::sinh_unit(static_cast<double>(x));
    return detail::narrow(s / detail::sqrt64(detail::mul_add(s, s, 1.0)));
  }
  const double e = detail::exp64(2.0 * static_cast<double>(m));
  return detail::with_sign_of(detail::narrow(1.0 - 2.0 / (e + 1.0)), x);
}

#undef VYRE_F64_FN

}  // namespace vyre::core::f32
