// What an item must bring before a built-in op may run: one function that every backend asks, on
// the host and on the device, so that all of them refuse the same items for the same reason.
// Pure, no memory is read. Spec: docs/ops.md, "Rules for all of them".
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/host_device.hpp"
#include "protocol/completion.hpp"

namespace vyre::builtin {

enum class Op : std::uint32_t {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) symbol = id,
#include "protocol/op_table.def"
};

/// One buffer of an item, as far as the rules care. The same handle twice is the same buffer.
struct Binding {
  std::uint64_t bytes;
  std::uint32_t handle;
  std::uint32_t read_only;  // 1: a mapped file
};
static_assert(sizeof(Binding) == 16 && std::is_trivially_copyable_v<Binding>);

inline constexpr std::uint32_t kMaxOpBuffers{2};  // inputs, and outputs, of one op
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) \
  static_assert((inputs) <= kMaxOpBuffers && (outputs) <= kMaxOpBuffers);
#include "protocol/op_table.def"

[[nodiscard]] VYRE_HD constexpr bool is_op(std::uint32_t id) noexcept {
  switch (id) {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) case id:
#include "protocol/op_table.def"
    return true;
    default:
      return false;
  }
}

[[nodiscard]] VYRE_HD constexpr std::uint32_t input_count(Op op) noexcept {
  switch (op) {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) \
  case Op::symbol:                                                  \
    return inputs;
#include "protocol/op_table.def"
  }
  return 0;
}

[[nodiscard]] VYRE_HD constexpr std::uint32_t output_count(Op op) noexcept {
  switch (op) {
#define VYRE_BUILTIN_OP(id, symbol, name, inputs, outputs, meaning) \
  case Op::symbol:                                                  \
    return outputs;
#include "protocol/op_table.def"
  }
  return 0;
}

/// The item's param means something to the op; else it must be 0.
[[nodiscard]] VYRE_HD constexpr bool takes_param(Op op) noexcept {
  return op == Op::nop || op == Op::mem_fill || op == Op::mem_copy || op == Op::hash_xxh64;
}

/// How long output `index` has to be, given the inputs.
[[nodiscard]] VYRE_HD constexpr std::uint64_t least_output_bytes(Op op, std::uint32_t index,
                                                                 const Binding* inputs) noexcept {
  switch (op) {
    case Op::nop:
    case Op::mem_fill:
    case Op::mem_copy:
      return 0;
    case Op::scan_inclusive_u32:
    case Op::scan_exclusive_u32:
    case Op::sort_u32:
      return inputs[0].bytes / 4 * 4;
    case Op::histogram_u8:
      return 256 * 4;
    case Op::select_u32:
      return index == 0 ? 0 : 4;
    case Op::hash_xxh64:
      return 8;
    case Op::match_literals:
      return 16;
    case Op::reduce_sum_u32:
    case Op::reduce_min_u32:
    case Op::reduce_max_u32:
    case Op::reduce_sum_i32:
    case Op::reduce_min_i32:
    case Op::reduce_max_i32:
    case Op::reduce_sum_f32:
    case Op::reduce_min_f32:
    case Op::reduce_max_f32:
    case Op::hash_crc32c:
      break;
  }
  return 4;
}

/// none, unknown_op, bad_operation or bad_binding: everything that can be said without reading a
/// byte. Handles are alive (the caller looked them up). Looks at no binding unless their numbers
/// are right.
[[nodiscard]] VYRE_HD constexpr FaultCode check(std::uint32_t id, const Binding* inputs,
                                                std::uint64_t given_inputs, const Binding* outputs,
                                                std::uint64_t given_outputs,
                                                std::uint32_t param) noexcept {
  if (!is_op(id)) return FaultCode::unknown_op;
  const auto op = static_cast<Op>(id);
  if (op == Op::nop) return FaultCode::none;
  if (param != 0 && !takes_param(op)) return FaultCode::bad_operation;
  if (given_inputs != input_count(op) || given_outputs != output_count(op))
    return FaultCode::bad_binding;
  for (std::uint32_t i = 0; i < output_count(op); ++i) {
    if (outputs[i].read_only != 0) return FaultCode::bad_binding;
    for (std::uint32_t k = 0; k < input_count(op); ++k) {
      if (outputs[i].handle == inputs[k].handle) return FaultCode::bad_binding;
    }
    for (std::uint32_t k = 0; k < i; ++k) {
      if (outputs[i].handle == outputs[k].handle) return FaultCode::bad_binding;
    }
    if (outputs[i].bytes < least_output_bytes(op, i, inputs)) return FaultCode::bad_binding;
  }
  return FaultCode::none;
}

}  // namespace vyre::builtin
