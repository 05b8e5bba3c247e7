// The one door: the rules, then the op's own function. See ops.hpp.
#include "builtin/ops.hpp"

#include <array>

#include "builtin/twins.hpp"

namespace vyre::builtin {
namespace {

using Bindings = std::array<Binding, kMaxOpBuffers>;

Bindings bindings_of(std::span<const Buffer> buffers) {
  Bindings result{};
  for (std::size_t i = 0; i < std::min(buffers.size(), result.size()); ++i)
    result[i] = {buffers[i].bytes, buffers[i].handle, buffers[i].read_only ? 1u : 0u};
  return result;
}

}  // namespace

FaultCode refusal(std::uint32_t id, std::span<const Buffer> inputs, std::span<const Buffer> outputs,
                  std::uint32_t param) noexcept {
  const Bindings in_bindings = bindings_of(inputs);
  const Bindings out_bindings = bindings_of(outputs);
  return check(id, in_bindings.data(), inputs.size(), out_bindings.data(), outputs.size(), param);
}

FaultCode run(std::uint32_t id, std::span<const Buffer> inputs, std::span<const Buffer> outputs,
              std::uint32_t param, const StopWord& stop, LiteralMatcher* literals) noexcept {
  if (const FaultCode why = refusal(id, inputs, outputs, param); why != FaultCode::none) return why;
  return run_passed(id, inputs, outputs, param, stop, literals);
}

FaultCode run_passed(std::uint32_t id, std::span<const Buffer> inputs,
                     std::span<const Buffer> outputs, std::uint32_t param, const StopWord& stop,
                     LiteralMatcher* literals) noexcept {
  const auto in = [&](std::size_t i) { return ByteSpan(inputs[i].data, inputs[i].bytes); };
  const auto out = [&](std::size_t i) {
    return MutableByteSpan(outputs[i].data, outputs[i].bytes);
  };
  bool ended = true;
  const auto op = static_cast<Op>(id);
  switch (op) {
    case Op::nop:
      break;
    case Op::mem_fill:
      ended = fill(out(0), param, stop);
      break;
    case Op::mem_copy:
      ended = copy(in(0), out(0), param, stop);
      break;
    case Op::reduce_sum_u32:
    case Op::reduce_min_u32:
    case Op::reduce_max_u32:
    case Op::reduce_sum_i32:
    case Op::reduce_min_i32:
    case Op::reduce_max_i32:
    case Op::reduce_sum_f32:
    case Op::reduce_min_f32:
    case Op::reduce_max_f32:
      ended = reduce(op, in(0), out(0), stop);
      break;
    case Op::scan_inclusive_u32:
    case Op::scan_exclusive_u32:
      ended = scan(op == Op::scan_inclusive_u32, in(0), out(0), stop);
      break;
    case Op::histogram_u8:
      ended = histogram(in(0), out(0), stop);
      break;
    case Op::select_u32:
      ended = select(in(0), in(1), out(0), out(1), stop);
      break;
    case Op::sort_u32:
      ended = sort(in(0), out(0), out(1), stop);
      break;
    case Op::hash_crc32c:
      ended = crc32c(in(0), out(0), stop);
      break;
    case Op::hash_xxh64:
      ended = xxh64(in(0), param, out(0), stop);
      break;
    case Op::match_literals:
      if (literals != nullptr) {
        if (const auto answer = literals->match(in(0), in(1), out(0), stop)) return *answer;
      }
      return match(in(0), in(1), out(0), stop);
  }
  return ended ? FaultCode::none : FaultCode::shutdown;
}

}  // namespace vyre::builtin
