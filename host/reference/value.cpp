// Conversions between run-time values. Spec: docs/internals/vir0-semantics.md, "Semantics", values
// and casts.
#include "value.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/f32.hpp"

namespace vyre::reference {
namespace {

constexpr double kTwo32 = 4294967296.0;
constexpr double kTwo64 = 18446744073709551616.0;

/// Little-endian bytes as an unsigned number, if there are at most `limit` of them.
std::optional<std::uint64_t> bytes_as_number(const Bytes& bytes, std::size_t limit) {
  if (bytes.size() > limit) return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | bytes[i];
  return number;
}

template <class T>
Bytes little_endian(T value) {
  Bytes out(sizeof value);
  std::memcpy(out.data(), &value, sizeof value);  // every host we build for is little-endian
  return out;
}

/// Toward zero, clamped to the target's range, NaN to 0.
template <class T>
T saturating(double value) {
  if (std::isnan(value)) return 0;
  if (value <= static_cast<double>(std::numeric_limits<T>::min())) {
    return std::numeric_limits<T>::min();
  }
  if (value >= static_cast<double>(std::numeric_limits<T>::max())) {
    return std::numeric_limits<T>::max();
  }
  return static_cast<T>(value);
}

Maybe<Value> cast_to_u32(const Value& value) {
  if (const auto* i = std::get_if<std::int32_t>(&value)) return static_cast<std::uint32_t>(*i);
  if (const auto* f = std::get_if<double>(&value)) return saturating<std::uint32_t>(*f);
  if (const auto u = as_u32(value)) return *u;
  return stop(FaultCode::cast_out_of_range, "the value does not fit u32");
}

Maybe<Value> cast_to_i32(const Value& value) {
  if (const auto* i = std::get_if<std::int32_t>(&value)) return *i;
  if (const auto* f = std::get_if<double>(&value)) return saturating<std::int32_t>(*f);
  if (const auto u = as_u32(value)) return static_cast<std::int32_t>(*u);
  return stop(FaultCode::cast_out_of_range, "the value does not fit 32 bits");
}

Maybe<Value> cast_to_u64(const Value& value) {
  if (const auto u = as_u64(value)) return *u;
  return stop(FaultCode::cast_out_of_range, "the value does not fit u64");
}

Maybe<Value> cast_to_f32(const Value& value) {
  if (std::holds_alternative<double>(value)) return value;  // an f64 stays unrounded
  if (const auto* i = std::get_if<std::int32_t>(&value)) {
    return static_cast<double>(core::f32::from_i32(*i));
  }
  if (const auto* u = std::get_if<std::uint64_t>(&value)) {
    return static_cast<double>(core::f32::from_u64(*u));
  }
  if (const auto u = as_u32(value)) return static_cast<double>(core::f32::from_u32(*u));
  return stop(FaultCode::cast_out_of_range, "more than four bytes have no f32 value");
}

Value resized(const Value& value, std::size_t size) {
  Bytes bytes = to_bytes(value);
  bytes.resize(size, 0);
  return bytes;
}

}  // namespace

bool truthy(const Value& value) {
  if (const auto* f = std::get_if<double>(&value)) return *f != 0.0;
  return as_u32(value).value_or(1) != 0;
}

std::optional<std::uint64_t> as_u64(const Value& value) {
  if (const auto* u = std::get_if<std::uint32_t>(&value)) return *u;
  if (const auto* u = std::get_if<std::uint64_t>(&value)) return *u;
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1 : 0;
  if (const auto* bytes = std::get_if<Bytes>(&value)) return bytes_as_number(*bytes, 8);
  if (const auto* i = std::get_if<std::int32_t>(&value)) {
    if (*i >= 0) return static_cast<std::uint64_t>(*i);
  }
  if (const auto* f = std::get_if<double>(&value)) {
    if (*f >= 0.0 && *f < kTwo64) return static_cast<std::uint64_t>(*f);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> as_u32(const Value& value) {
  if (const auto* bytes = std::get_if<Bytes>(&value)) {
    if (bytes->size() > 4) return std::nullopt;
  }
  if (const auto* f = std::get_if<double>(&value)) {
    if (!(*f <= kTwo32 - 1.0)) return std::nullopt;
  }
  const auto wide = as_u64(value);
  if (!wide || *wide > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*wide);
}

float narrow(double value) {
  return core::f32::canonical(static_cast<float>(value));
}

std::optional<float> as_f32(const Value& value) {
  if (const auto* f = std::get_if<double>(&value)) return narrow(*f);
  if (const auto* u = std::get_if<std::uint32_t>(&value)) {
    return core::f32::canonical(core::f32::from_bits(*u));
  }
  return std::nullopt;
}

Bytes to_bytes(const Value& value) {
  struct Visitor {
    Bytes operator()(Unbound) const { return {}; }
    Bytes operator()(bool b) const { return little_endian<std::uint32_t>(b ? 1 : 0); }
    Bytes operator()(std::uint32_t v) const { return little_endian(v); }
    Bytes operator()(std::int32_t v) const { return little_endian(v); }
    Bytes operator()(std::uint64_t v) const { return little_endian(v); }
    Bytes operator()(double v) const { return little_endian(v); }
    Bytes operator()(const Bytes& bytes) const { return bytes; }
  };
  return std::visit(Visitor{}, value);
}

Maybe<Value> cast(vir::TypeTag target, const Value& value) {
  switch (target) {
    case vir::TypeTag::U32:
      return cast_to_u32(value);
    case vir::TypeTag::I32:
      return cast_to_i32(value);
    case vir::TypeTag::U64:
      return cast_to_u64(value);
    case vir::TypeTag::F32:
      return cast_to_f32(value);
    case vir::TypeTag::Bool:
      return Value{truthy(value)};
    case vir::TypeTag::Vec2U32:
      return resized(value, 8);
    case vir::TypeTag::Vec4U32:
      return resized(value, 16);
    default:
      return Value{to_bytes(value)};  // narrowing, if any, happens at the store
  }
}

}  // namespace vyre::reference
