// What every operator does to every kind of value, and which have no meaning.
// Spec: docs/internals/vir0-semantics.md, "Semantics", operators.
#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "core/f32.hpp"
#include "core/f32_transcendental.hpp"
#include "value.hpp"

namespace vyre::reference {
namespace {

using vir::BinOp;
using vir::UnOp;
namespace f32 = core::f32;

tl::unexpected<Stop> no_meaning() {
  return stop(FaultCode::type_mismatch, "the operator has no meaning for these kinds of value");
}
Value float_value(float f) {
  return static_cast<double>(f);
}

/// Operators that fail whatever they are given.
bool always_fails(BinOp op) {
  return op == BinOp::Shuffle || op == BinOp::Ballot || op == BinOp::WaveReduce ||
         op == BinOp::WaveBroadcast || op == BinOp::Extension;
}
bool always_fails(UnOp op) {
  return op == UnOp::Unpack4Low || op == UnOp::Unpack4High || op == UnOp::Unpack8Low ||
         op == UnOp::Unpack8High || op == UnOp::Extension;
}
tl::unexpected<Stop> defined_to_fail() {
  return stop(FaultCode::bad_operation, "the operator is defined to fail");
}

template <class T>
constexpr int kBits = std::numeric_limits<std::make_unsigned_t<T>>::digits;

template <class T>
Maybe<Value> divide(BinOp op, T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == 0) return stop(FaultCode::i32_division_by_zero, "i32 division by zero");
    if (a == std::numeric_limits<T>::min() && b == -1) {
      return stop(FaultCode::i32_division_overflow, "i32 division of the minimum by -1");
    }
  } else if (b == 0) {
    return op == BinOp::Div ? std::numeric_limits<T>::max() : T{0};
  }
  return op == BinOp::Div ? static_cast<T>(a / b) : static_cast<T>(a % b);
}

/// Clamped to the type's range. 32-bit operands fit wider arithmetic; 64-bit ones are checked by
/// hand.
template <class T>
T saturate(BinOp op, T a, T b) {
  if constexpr (sizeof(T) == 4) {
    const auto wide_a = static_cast<std::int64_t>(a);
    const auto wide_b = static_cast<std::int64_t>(b);
    constexpr auto kLow = static_cast<std::int64_t>(std::numeric_limits<T>::min());
    constexpr auto kHigh = static_cast<std::int64_t>(std::numeric_limits<T>::max());
    if (op == BinOp::SaturatingAdd) return static_cast<T>(std::clamp(wide_a + wide_b, kLow, kHigh));
    if (op == BinOp::SaturatingSub) return static_cast<T>(std::clamp(wide_a - wide_b, kLow, kHigh));
    if constexpr (std::is_unsigned_v<T>) {  // the product of two u32 needs the unsigned range
      const std::uint64_t product = std::uint64_t{a} * b;
      return static_cast<T>(std::min<std::uint64_t>(product, std::numeric_limits<T>::max()));
    } else {
      return static_cast<T>(std::clamp(wide_a * wide_b, kLow, kHigh));
    }
  } else {
    constexpr T kHigh = std::numeric_limits<T>::max();
    if (op == BinOp::SaturatingAdd) return a > kHigh - b ? kHigh : a + b;
    if (op == BinOp::SaturatingSub) return a < b ? T{0} : a - b;
    return b != 0 && a > kHigh / b ? kHigh : a * b;
  }
}

std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t a_low = a & 0xFFFFFFFFu;
  const std::uint64_t a_high = a >> 32;
  const std::uint64_t b_low = b & 0xFFFFFFFFu;
  const std::uint64_t b_high = b >> 32;
  const std::uint64_t cross = a_high * b_low + (a_low * b_low >> 32);
  const std::uint64_t middle = a_low * b_high + (cross & 0xFFFFFFFFu);
  return a_high * b_high + (cross >> 32) + (middle >> 32);
}

template <class T>
Maybe<Value> integer_binary(BinOp op, T a, T b) {
  using U = std::make_unsigned_t<T>;
  const auto ua = static_cast<U>(a);
  const auto ub = static_cast<U>(b);
  const auto amount = static_cast<int>(ub & static_cast<U>(kBits<T> - 1));
  switch (op) {
    case BinOp::Add:
    case BinOp::WrappingAdd:
      return static_cast<T>(ua + ub);
    case BinOp::Sub:
    case BinOp::WrappingSub:
      return static_cast<T>(ua - ub);
    case BinOp::Mul:
      return static_cast<T>(ua * ub);
    case BinOp::Div:
    case BinOp::Mod:
      return divide(op, a, b);
    case BinOp::BitAnd:
      return static_cast<T>(ua & ub);
    case BinOp::BitOr:
      return static_cast<T>(ua | ub);
    case BinOp::BitXor:
      return static_cast<T>(ua ^ ub);
    case BinOp::Shl:
      return static_cast<T>(ua << amount);
    case BinOp::Shr:
      return static_cast<T>(a >> amount);  // arithmetic on i32
    case BinOp::Eq:
      return a == b;
    case BinOp::Ne:
      return a != b;
    case BinOp::Lt:
      return a < b;
    case BinOp::Gt:
      return a > b;
    case BinOp::Le:
      return a <= b;
    case BinOp::Ge:
      return a >= b;
    case BinOp::And:
      return a != 0 && b != 0;
    case BinOp::Or:
      return a != 0 || b != 0;
    case BinOp::AbsDiff:
      return static_cast<U>(a > b ? ua - ub : ub - ua);
    case BinOp::Min:
      return std::min(a, b);
    case BinOp::Max:
      return std::max(a, b);
    case BinOp::SaturatingAdd:
    case BinOp::SaturatingSub:
    case BinOp::SaturatingMul:
      return saturate(op, a, b);
    case BinOp::RotateLeft:
    case BinOp::RotateRight:
      if constexpr (std::is_same_v<T, std::uint32_t>) {
        return op == BinOp::RotateLeft ? std::rotl(a, amount) : std::rotr(a, amount);
      }
      return no_meaning();
    case BinOp::MulHigh:
      if constexpr (std::is_same_v<T, std::uint32_t>) {
        return static_cast<std::uint32_t>(std::uint64_t{a} * b >> 32);
      } else if constexpr (std::is_same_v<T, std::uint64_t>) {
        return multiply_high(a, b);
      }
      return no_meaning();
    default:
      return no_meaning();
  }
}

Maybe<Value> bool_binary(BinOp op, bool a, bool b) {
  switch (op) {
    case BinOp::Eq:
      return a == b;
    case BinOp::Ne:
      return a != b;
    case BinOp::And:
      return a && b;
    case BinOp::Or:
      return a || b;
    default:
      return no_meaning();
  }
}

Maybe<Value> float_binary(BinOp op, float a, float b) {
  switch (op) {
    case BinOp::Add:
      return float_value(f32::add(a, b));
    case BinOp::Sub:
      return float_value(f32::sub(a, b));
    case BinOp::Mul:
      return float_value(f32::mul(a, b));
    case BinOp::Div:
      return float_value(f32::div(a, b));
    case BinOp::Min:
      return float_value(f32::min(a, b));
    case BinOp::Max:
      return float_value(f32::max(a, b));
    case BinOp::Eq:
      return a == b;
    case BinOp::Ne:
      return a != b;
    case BinOp::Lt:
      return a < b;
    case BinOp::Gt:
      return a > b;
    case BinOp::Le:
      return a <= b;
    case BinOp::Ge:
      return a >= b;
    default:
      return no_meaning();
  }
}

template <class T>
T reverse_bits(T value) {
  T out = 0;
  for (int i = 0; i < kBits<T>; ++i) out = static_cast<T>(out << 1 | (value >> i & 1u));
  return out;
}

template <class T>
Maybe<Value> integer_unary(UnOp op, T x) {
  using U = std::make_unsigned_t<T>;
  const auto u = static_cast<U>(x);
  switch (op) {
    case UnOp::Negate:
      return static_cast<T>(U{0} - u);
    case UnOp::BitNot:
      return static_cast<T>(~u);
    case UnOp::LogicalNot:
      return x == 0;
    case UnOp::Popcount:
      return static_cast<T>(std::popcount(u));
    case UnOp::Clz:
      return static_cast<T>(std::countl_zero(u));
    case UnOp::Ctz:
      return static_cast<T>(std::countr_zero(u));
    case UnOp::ReverseBits:
      return static_cast<T>(reverse_bits(u));
    default:
      return no_meaning();
  }
}

Maybe<Value> float_unary(UnOp op, float x) {
  switch (op) {
    case UnOp::Negate:
      return float_value(f32::negate(x));
    case UnOp::Abs:
      return float_value(f32::abs(x));
    case UnOp::Sqrt:
      return float_value(f32::sqrt(x));
    case UnOp::InverseSqrt:
      return float_value(f32::inverse_sqrt(x));
    case UnOp::Reciprocal:
      return float_value(f32::reciprocal(x));
    case UnOp::Floor:
      return float_value(f32::floor(x));
    case UnOp::Ceil:
      return float_value(f32::ceil(x));
    case UnOp::Round:
      return float_value(f32::round(x));
    case UnOp::Trunc:
      return float_value(f32::trunc(x));
    case UnOp::Sign:
      return float_value(f32::sign(x));
    case UnOp::IsNan:
      return f32::is_nan(x);
    case UnOp::IsInf:
      return f32::is_inf(x);
    case UnOp::IsFinite:
      return f32::is_finite(x);
    case UnOp::Sin:
      return float_value(f32::sin(x));
    case UnOp::Cos:
      return float_value(f32::cos(x));
    case UnOp::Tan:
      return float_value(f32::tan(x));
    case UnOp::Asin:
      return float_value(f32::asin(x));
    case UnOp::Acos:
      return float_value(f32::acos(x));
    case UnOp::Atan:
      return float_value(f32::atan(x));
    case UnOp::Sinh:
      return float_value(f32::sinh(x));
    case UnOp::Cosh:
      return float_value(f32::cosh(x));
    case UnOp::Tanh:
      return float_value(f32::tanh(x));
    case UnOp::Exp:
      return float_value(f32::exp(x));
    case UnOp::Exp2:
      return float_value(f32::exp2(x));
    case UnOp::Log:
      return float_value(f32::log(x));
    case UnOp::Log2:
      return float_value(f32::log2(x));
    default:
      return no_meaning();
  }
}

}  // namespace

Maybe<Value> apply_binary(BinOp op, const Value& left, const Value& right) {
  if (always_fails(op)) return defined_to_fail();
  if (left.index() != right.index()) {
    return stop(FaultCode::type_mismatch, "the operands are of different kinds");
  }
  if (const auto* a = std::get_if<std::uint32_t>(&left)) {
    return integer_binary(op, *a, std::get<std::uint32_t>(right));
  }
  if (const auto* a = std::get_if<std::int32_t>(&left)) {
    return integer_binary(op, *a, std::get<std::int32_t>(right));
  }
  if (const auto* a = std::get_if<std::uint64_t>(&left)) {
    return integer_binary(op, *a, std::get<std::uint64_t>(right));
  }
  if (const auto* a = std::get_if<bool>(&left)) return bool_binary(op, *a, std::get<bool>(right));
  if (const auto* a = std::get_if<double>(&left)) {
    return float_binary(op, narrow(*a), narrow(std::get<double>(right)));
  }
  return no_meaning();
}

Maybe<Value> apply_unary(UnOp op, const Value& operand) {
  if (always_fails(op)) return defined_to_fail();
  if (const auto* u = std::get_if<std::uint32_t>(&operand)) return integer_unary(op, *u);
  if (const auto* i = std::get_if<std::int32_t>(&operand)) return integer_unary(op, *i);
  if (const auto* u = std::get_if<std::uint64_t>(&operand)) return integer_unary(op, *u);
  if (const auto* f = std::get_if<double>(&operand)) return float_unary(op, narrow(*f));
  if (const auto* b = std::get_if<bool>(&operand)) {
    if (op == UnOp::LogicalNot) return !*b;
  }
  return no_meaning();
}

Maybe<Value> apply_reduce(vir::ReduceOp op, const Value& left, const Value& right) {
  using vir::ReduceOp;
  const bool words =
      std::holds_alternative<std::uint32_t>(left) && std::holds_alternative<std::uint32_t>(right);
  const bool floats = std::holds_alternative<double>(left) && std::holds_alternative<double>(right);
  if (!words && !floats) {
    return stop(FaultCode::type_mismatch, "a subgroup reduction takes u32 or f32 in every lane");
  }
  switch (op) {
    case ReduceOp::Add:
      return apply_binary(BinOp::Add, left, right);
    case ReduceOp::Mul:
      return apply_binary(BinOp::Mul, left, right);
    case ReduceOp::Min:
      return apply_binary(BinOp::Min, left, right);
    case ReduceOp::Max:
      return apply_binary(BinOp::Max, left, right);
    case ReduceOp::And:
      return apply_binary(BinOp::BitAnd, left, right);
    case ReduceOp::Or:
      return apply_binary(BinOp::BitOr, left, right);
    case ReduceOp::Xor:
      return apply_binary(BinOp::BitXor, left, right);
  }
  return no_meaning();
}

}  // namespace vyre::reference
