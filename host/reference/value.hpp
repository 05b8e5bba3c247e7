// Run-time values of the reference executor and the conversions between them.
// Private to the room; host only. An f32 is carried as a double that holds an f32 value, as the
// format's own reference does; F64 buffers are the one place where a Float is not an f32. Spec:
// docs/internals/vir0-semantics.md, "Semantics".
#pragma once

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <variant>

#include "base/bytes.hpp"
#include "protocol/completion.hpp"
#include "vir/program/program.hpp"

namespace vyre::reference {

/// Unbound marks a variable that does not exist at the moment; no expression yields it.
struct Unbound {};
using Value =
    std::variant<Unbound, std::uint32_t, std::int32_t, std::uint64_t, bool, double, Bytes>;

/// Why an evaluation stopped; the machine adds where. `why` is a literal.
struct Stop {
  FaultCode code;
  const char* why;
};
template <class T>
using Maybe = tl::expected<T, Stop>;
[[nodiscard]] inline tl::unexpected<Stop> stop(FaultCode code, const char* why) {
  return tl::unexpected<Stop>(Stop{code, why});
}

[[nodiscard]] bool truthy(const Value& value);
/// The value as an index, bound or atomic operand; nullopt where it is not representable.
[[nodiscard]] std::optional<std::uint32_t> as_u32(const Value& value);
[[nodiscard]] std::optional<std::uint64_t> as_u64(const Value& value);
/// Operand of Fma: a Float, or the bit pattern of a U32. Canonical.
[[nodiscard]] std::optional<float> as_f32(const Value& value);
/// A Float narrowed for arithmetic: rounded to f32, canonical.
[[nodiscard]] float narrow(double value);
/// Little-endian bytes; Bool takes 4, Float the 8 of an f64.
[[nodiscard]] Bytes to_bytes(const Value& value);
[[nodiscard]] Maybe<Value> cast(vir::TypeTag target, const Value& value);

[[nodiscard]] Maybe<Value> apply_binary(vir::BinOp op, const Value& left, const Value& right);
[[nodiscard]] Maybe<Value> apply_unary(vir::UnOp op, const Value& operand);
/// Reduction of a subgroup's values in lane order.
[[nodiscard]] Maybe<Value> apply_reduce(vir::ReduceOp op, const Value& left, const Value& right);

}  // namespace vyre::reference
