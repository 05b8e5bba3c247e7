// The intervals of results, and what they say of checks. An instruction that is not named here may
// give any bits.
#include <algorithm>
#include <bit>
#include <cmath>

#include "ranges.hpp"

namespace vyre::jit {

using core::Instruction;
using core::Opcode;

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u32 kMost{~u32{0}};
constexpr u32 kMostSigned{0x7FFFFFFFu};
constexpr u32 kInfinity{0x7F800000u};

Interval up_to(u32 high) {
  return {0, high};
}
Interval sum(Interval a, Interval b) {
  const u64 low = u64{a.low} + b.low;
  const u64 high = u64{a.high} + b.high;
  if (high <= kMost || low > kMost) return {static_cast<u32>(low), static_cast<u32>(high)};
  return {};
}
Interval product(Interval a, Interval b) {
  if (u64{a.high} * b.high > kMost) return {};
  return {a.low * b.low, a.high * b.high};
}
Interval shifted_left(Interval a, Interval by) {
  if (by.low != by.high || by.low > 31 || u64{a.high} << by.low > kMost) return {};
  return {a.low << by.low, a.high << by.low};
}
/// All ones up to the highest bit of either.
u32 filled(u32 a, u32 b) {
  const u32 bits = a | b;
  return bits == 0 ? 0 : kMost >> std::countl_zero(bits);
}
bool positive(Interval a) {
  return a.high <= kMostSigned;
}
/// Whether it is a float from +0 to the largest finite one.
bool is_plain(Interval a) {
  return a.high < kInfinity;
}
float value(u32 bits) {
  return std::bit_cast<float>(bits);
}
template <class F>
Interval floats(Interval a, Interval b, F f) {
  if (!is_plain(a) || !is_plain(b)) return {};
  // A subnormal result becomes zero, so the lower end is not trusted there.
  const u32 low = std::bit_cast<u32>(f(value(a.low), value(b.low)));
  return {low < 0x00800000u ? 0u : low, std::bit_cast<u32>(f(value(a.high), value(b.high)))};
}
u32 truncated(u32 bits) {
  const float x = value(bits);
  return x >= 4294967296.0f ? kMost : static_cast<u32>(x);
}

}  // namespace

Interval result_of(const core::Image& image, const Instruction& i, Interval a, Interval b,
                   Interval c) {
  switch (i.op) {
    case Opcode::mov:
      return a;
    case Opcode::select:
      return {std::min(b.low, c.low), std::max(b.high, c.high)};
    case Opcode::local_id:
      return up_to(image.workgroup[i.aux] - 1);
    case Opcode::subgroup_local_id:
      return up_to(31);
    case Opcode::add:
      return sum(a, b);
    case Opcode::sub:
      return a.low >= b.high ? Interval{a.low - b.high, a.high - b.low} : Interval{};
    case Opcode::mul:
      return product(a, b);
    case Opcode::mul_add:
      return sum(product(a, b), c);
    case Opcode::shl:
      return shifted_left(a, b);
    case Opcode::shl_add:
      return sum(shifted_left(a, b), c);
    case Opcode::udiv:
      return b.low == 0 ? Interval{} : Interval{a.low / b.high, a.high / b.low};
    case Opcode::umod:
      return up_to(std::min(a.high, b.high == 0 ? 0 : b.high - 1));
    case Opcode::idiv:
      return positive(a) && positive(b) && b.low > 0 ? Interval{a.low / b.high, a.high / b.low}
                                                     : Interval{};
    case Opcode::imod:
      return positive(a) && positive(b) && b.low > 0 ? up_to(std::min(a.high, b.high - 1))
                                                     : Interval{};
    case Opcode::bit_and:
      return up_to(std::min(a.high, b.high));
    case Opcode::bit_or:
      return {std::max(a.low, b.low), filled(a.high, b.high)};
    case Opcode::bit_xor:
      return up_to(filled(a.high, b.high));
    case Opcode::ushr:
      return b.low == b.high ? Interval{a.low >> (b.low & 31u), a.high >> (b.low & 31u)}
                             : up_to(a.high);
    case Opcode::umin:
      return {std::min(a.low, b.low), std::min(a.high, b.high)};
    case Opcode::umax:
      return {std::max(a.low, b.low), std::max(a.high, b.high)};
    case Opcode::imin:
      return positive(a) && positive(b) ? Interval{std::min(a.low, b.low), std::min(a.high, b.high)}
                                        : Interval{};
    case Opcode::imax:
      // The greater of two is positive if one of them is.
      if (positive(a) && positive(b)) return {std::max(a.low, b.low), std::max(a.high, b.high)};
      return positive(a) || positive(b) ? up_to(kMostSigned) : Interval{};
    case Opcode::usat_sub:
      return up_to(a.high);
    case Opcode::usat_add:
      return {u64{a.low} + b.low > kMost ? kMost : a.low + b.low,
              u64{a.high} + b.high > kMost ? kMost : a.high + b.high};
    case Opcode::popcount:
    case Opcode::clz:
    case Opcode::ctz:
      return up_to(32);
    case Opcode::popcount64:
    case Opcode::clz64:
    case Opcode::ctz64:
      return up_to(64);
    case Opcode::eq:
    case Opcode::ne:
    case Opcode::ult:
    case Opcode::ule:
    case Opcode::ilt:
    case Opcode::ile:
    case Opcode::land:
    case Opcode::lor:
    case Opcode::lnot:
    case Opcode::truth:
    case Opcode::feq:
    case Opcode::fne:
    case Opcode::flt:
    case Opcode::fle:
    case Opcode::ftruth:
    case Opcode::fis_nan:
    case Opcode::fis_inf:
    case Opcode::fis_finite:
    case Opcode::eq64:
    case Opcode::ne64:
    case Opcode::lt64:
    case Opcode::le64:
    case Opcode::land64:
    case Opcode::lor64:
    case Opcode::truth64:
    case Opcode::lnot64:
    case Opcode::truth_f64:
      return up_to(1);
    case Opcode::load8:
      return up_to(255);
    case Opcode::load_n: {
      const u32 stride = image.buffers[i.imm].stride;
      return stride < 4 ? up_to((u32{1} << (8 * stride)) - 1) : Interval{};
    }
    case Opcode::f32_from_u32:
      return {std::bit_cast<u32>(static_cast<float>(a.low)),
              std::bit_cast<u32>(static_cast<float>(a.high))};
    case Opcode::fadd:
      return floats(a, b, [](float x, float y) { return x + y; });
    case Opcode::fmul:
      return floats(a, b, [](float x, float y) { return x * y; });
    case Opcode::u32_from_f32:
      return is_plain(a) ? Interval{truncated(a.low), truncated(a.high)} : Interval{};
    case Opcode::check_u32_i32:
    case Opcode::check_u64_i32:
      return {std::min(a.low, kMostSigned), std::min(a.high, kMostSigned)};
    case Opcode::check_u32_u64:
      return a;
    case Opcode::check_u32_f32:
      return is_plain(a) ? Interval{truncated(a.low), truncated(a.high)} : Interval{};
    default:
      return {};
  }
}

bool never_fails(Opcode op, Interval a, Interval b, Interval high) {
  switch (op) {
    case Opcode::idiv:
    case Opcode::imod:
      return b.low > 0 && (b.high < kMost || positive(a));
    case Opcode::check_u32_i32:
    case Opcode::check_u64_i32:
      return positive(a);
    case Opcode::check_u32_u64:
      return high.high == 0;
    case Opcode::check_u32_f32:
      return a.high < 0x4F800000u;  // 2^32
    case Opcode::check_u64_f32:
      return a.high < 0x5F800000u;  // 2^64
    default:
      return false;
  }
}

}  // namespace vyre::jit
