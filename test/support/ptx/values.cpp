#include "support/ptx/values.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace vyre::test::ptx {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
__extension__ using u128 = unsigned __int128;

constexpr u64 kUnspecified{0x5A5A5A5A5A5A5A5A};

float as_float(u64 value) {
  return std::bit_cast<float>(static_cast<u32>(value));
}
double as_double(u64 value) {
  return std::bit_cast<double>(value);
}
u64 of_float(float x) {
  return std::isnan(x) ? 0x7FFFFFFFu : std::bit_cast<u32>(x);
}
u64 of_double(double x) {
  return std::isnan(x) ? 0x7FFFFFFFFFFFFFFFu : std::bit_cast<u64>(x);
}
float flushed(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}

template <class T>
bool compared(Compare compare, T a, T b) {
  switch (compare) {
    case Compare::eq:
      return a == b;
    case Compare::ne:
      return a < b || a > b;
    case Compare::lt:
      return a < b;
    case Compare::le:
      return a <= b;
    case Compare::gt:
      return a > b;
    case Compare::ge:
      return a >= b;
    case Compare::neu:
      return !(a == b);
    default:
      return a != a || b != b;
  }
}

u64 real(const Instruction& i, const std::array<u64, 3>& in) {
  const auto x = [&](std::size_t k) {
    const float value = as_float(in[k]);
    return i.flushes ? flushed(value) : value;
  };
  float r = 0;
  switch (i.op) {
    case Op::add:
      r = x(0) + x(1);
      break;
    case Op::sub:
      r = x(0) - x(1);
      break;
    case Op::mul:
      r = x(0) * x(1);
      // The hardware flushes what is below the normal numbers before it rounds.
      if (i.flushes && std::fabs(double{x(0)} * double{x(1)}) < 0x1p-126)
        r = std::copysign(0.0f, r);
      break;
    case Op::div:
      r = x(0) / x(1);
      break;
    case Op::fma:
      r = std::fma(x(0), x(1), x(2));
      break;
    default:
      r = std::sqrt(x(0));
      break;
  }
  return of_float(i.flushes ? flushed(r) : r);
}

template <class To, class From>
u64 saturated(From x, u64 nan) {
  if (std::isnan(x)) return nan;
  const From whole = std::trunc(x);
  using Limits = std::numeric_limits<To>;
  // The first value that is too large is a power of two, which both types have.
  const From end = std::ldexp(From{1}, Limits::digits);
  To result = 0;
  if (whole >= end) {
    result = Limits::max();
  } else if (whole < static_cast<From>(Limits::min())) {
    result = Limits::min();
  } else {
    result = static_cast<To>(whole);
  }
  return static_cast<u64>(static_cast<std::make_unsigned_t<To>>(result));
}

template <class From>
u64 from_real(Type to, From x) {
  // Of a NaN: zero where it goes from f32 to 32 bits, else the highest bit.
  constexpr bool kNarrow = sizeof(From) == 4;
  switch (to) {
    case Type::u32:
      return saturated<u32>(x, kNarrow ? 0 : 0x80000000u);
    case Type::s32:
      return saturated<i32>(x, kNarrow ? 0 : 0x80000000u);
    case Type::u64:
      return saturated<u64>(x, u64{1} << 63);
    default:
      return saturated<i64>(x, u64{1} << 63);
  }
}

u64 converted(const Instruction& i, u64 in) {
  if (i.type == Type::f32) {
    const float x = as_float(in);
    if (i.to == Type::f64) return of_double(static_cast<double>(x));
    if (i.to != Type::f32) return from_real(i.to, x);
    if (i.round == 'm') return of_float(std::floor(x));
    return of_float(i.round == 'p' ? std::ceil(x) : std::trunc(x));
  }
  if (i.type == Type::f64) {
    if (i.to == Type::f32) return of_float(static_cast<float>(as_double(in)));
    return from_real(i.to, as_double(in));
  }
  if (i.to == Type::f32) {
    if (i.type == Type::u32) return of_float(static_cast<float>(static_cast<u32>(in)));
    if (i.type == Type::s32) return of_float(static_cast<float>(static_cast<i32>(in)));
    return of_float(static_cast<float>(in));
  }
  // Between u32 and u64.
  return i.to == Type::u32 || i.type == Type::u32 ? static_cast<u32>(in) : in;
}

template <class U, class S>
u64 whole(const Instruction& i, U a, U b, U c, bool is_signed) {
  constexpr unsigned kBits = sizeof(U) * 8;
  const auto s = [](U x) { return static_cast<S>(x); };
  const auto u = [](S x) { return static_cast<U>(x); };
  switch (i.op) {
    case Op::add:
      if (!i.saturates) return static_cast<U>(a + b);
      return u(
          static_cast<S>(std::clamp<i64>(i64{s(a)} + i64{s(b)}, std::numeric_limits<i32>::min(),
                                         std::numeric_limits<i32>::max())));
    case Op::sub:
      if (!i.saturates) return static_cast<U>(a - b);
      return u(
          static_cast<S>(std::clamp<i64>(i64{s(a)} - i64{s(b)}, std::numeric_limits<i32>::min(),
                                         std::numeric_limits<i32>::max())));
    case Op::mul:
      if (i.wide) return is_signed ? static_cast<u64>(i64{s(a)} * i64{s(b)}) : u64{a} * u64{b};
      if (i.high) return static_cast<U>(u128{a} * b >> kBits);
      return static_cast<U>(a * b);
    case Op::mad:
      return static_cast<U>(a * b + c);
    case Op::div:
      if (b == 0 || (is_signed && u(s(b)) == static_cast<U>(~U{0}))) {
        if (b == 0) return static_cast<U>(kUnspecified);
        return static_cast<U>(U{0} - a);
      }
      return is_signed ? u(s(a) / s(b)) : static_cast<U>(a / b);
    case Op::rem:
      if (b == 0) return static_cast<U>(kUnspecified);
      if (is_signed && b == static_cast<U>(~U{0})) return 0;
      return is_signed ? u(s(a) % s(b)) : static_cast<U>(a % b);
    case Op::min:
      return is_signed ? u(std::min(s(a), s(b))) : std::min(a, b);
    case Op::max:
      return is_signed ? u(std::max(s(a), s(b))) : std::max(a, b);
    case Op::neg:
      return static_cast<U>(U{0} - a);
    case Op::not_:
      return static_cast<U>(~a);
    case Op::and_:
      return a & b;
    case Op::or_:
      return a | b;
    case Op::xor_:
      return a ^ b;
    default:
      return 0;
  }
}

/// `by` has 32 bits; beyond the width everything is shifted out.
u64 shifted(const Instruction& i, u64 a, u32 by) {
  const u32 width = bits_of(i.type);
  if (i.op == Op::shl) {
    const u64 r = by >= width ? 0 : a << by;
    return width == 32 ? static_cast<u32>(r) : r;
  }
  if (i.type == Type::s32) return static_cast<u32>(static_cast<i32>(a) >> std::min(by, 31u));
  const u64 bits = width == 32 ? static_cast<u32>(a) : a;
  return by >= width ? 0 : bits >> by;
}

}  // namespace

u32 bits_of(Type type) {
  switch (type) {
    case Type::u8:
      return 8;
    case Type::u16:
      return 16;
    case Type::u64:
    case Type::s64:
    case Type::b64:
    case Type::f64:
      return 64;
    default:
      return 32;
  }
}

u32 combine(Op op, u32 a, u32 b) {
  switch (op) {
    case Op::add:
      return a + b;
    case Op::or_:
      return a | b;
    case Op::and_:
      return a & b;
    case Op::xor_:
      return a ^ b;
    case Op::min:
      return std::min(a, b);
    case Op::max:
      return std::max(a, b);
    default:
      return b;
  }
}

u64 compute(const Instruction& i, const std::array<u64, 3>& in) {
  const bool wide = bits_of(i.type) == 64;
  const u64 keep = wide ? ~u64{0} : 0xFFFFFFFFu;
  const auto word = [&](std::size_t k) { return static_cast<u32>(in[k]); };
  switch (i.op) {
    case Op::mov:
    case Op::cvta:
      return in[0] & keep;
    case Op::setp:
      switch (i.type) {
        case Type::f32:
          return compared(i.compare, as_float(in[0]), as_float(in[1])) ? 1 : 0;
        case Type::f64:
          return compared(i.compare, as_double(in[0]), as_double(in[1])) ? 1 : 0;
        case Type::s32:
          return compared(i.compare, static_cast<i32>(in[0]), static_cast<i32>(in[1])) ? 1 : 0;
        default:
          return compared(i.compare, in[0] & keep, in[1] & keep) ? 1 : 0;
      }
    case Op::selp:
      return (in[2] != 0 ? in[0] : in[1]) & keep;
    case Op::cvt:
      return converted(i, in[0]);
    case Op::shl:
    case Op::shr:
      return shifted(i, in[0], word(1));
    case Op::shf: {
      const u32 by = word(2) & 31;
      const u64 both = u64{word(1)} << 32 | word(0);
      return static_cast<u32>(i.left ? both << by >> 32 : both >> by);
    }
    case Op::popc:
      return static_cast<u64>(std::popcount(in[0] & keep));
    case Op::clz:
      return static_cast<u64>(std::countl_zero(in[0] & keep)) - (wide ? 0 : 32);
    case Op::brev: {
      u64 r = 0;
      for (u32 k = 0; k < bits_of(i.type); ++k) r = r << 1 | (in[0] >> k & 1);
      return r;
    }
    case Op::fma:
    case Op::sqrt:
      return real(i, in);
    default:
      break;
  }
  if (i.type == Type::pred) {
    if (i.op == Op::not_) return in[0] == 0 ? 1 : 0;
    return in[0] & in[1] & 1;
  }
  if (i.type == Type::f32) return real(i, in);
  const bool is_signed = i.type == Type::s32 || i.type == Type::s64;
  if (i.op == Op::mad && i.wide) return u64{word(0)} * word(1) + in[2];
  if (wide) return whole<u64, i64>(i, in[0], in[1], in[2], is_signed);
  return whole<u32, i32>(i, word(0), word(1), word(2), is_signed);
}

}  // namespace vyre::test::ptx
