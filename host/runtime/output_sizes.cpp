// See output_sizes.hpp.
#include "output_sizes.hpp"

#include <algorithm>
#include <array>

#include "base/message.hpp"

namespace vyre::runtime {
namespace {

OutputSize of_builtin(builtin::Op op, std::uint32_t index, const builtin::Binding* inputs,
                      std::uint32_t param) {
  const std::uint64_t least = builtin::least_output_bytes(op, index, inputs);
  switch (op) {
    case builtin::Op::mem_fill:        // fills whatever it is given
    case builtin::Op::match_literals:  // as many hits as the text has
      return {OutputSize::Kind::unknown, least};
    case builtin::Op::mem_copy:
      return {OutputSize::Kind::exact,
              param == 0 ? inputs[0].bytes : std::min<std::uint64_t>(param, inputs[0].bytes)};
    case builtin::Op::select_u32:
      if (index != 0) break;
      return {OutputSize::Kind::at_most, 4 * std::min(inputs[0].bytes / 4, inputs[1].bytes)};
    default:
      break;
  }
  return {OutputSize::Kind::exact, least};
}

}  // namespace

Result<std::vector<OutputSize>> output_sizes(const OpRecord& op,
                                             std::span<const std::uint64_t> input_bytes,
                                             std::uint32_t param) {
  const OpSignature& signature = op.info.signature;
  if (input_bytes.size() != signature.inputs.size()) {
    return fail(Errc::invalid_argument,
                message("op '{}' takes {} inputs, and the sizes of {} were given", op.info.name,
                        signature.inputs.size(), input_bytes.size()));
  }
  std::vector<OutputSize> sizes;
  if (!op.info.builtin) {
    for (const OpSignature::Buffer& output : signature.outputs)
      sizes.push_back({OutputSize::Kind::exact, output.min_bytes});
    return sizes;
  }
  std::array<builtin::Binding, builtin::kMaxOpBuffers> inputs{};
  for (std::size_t i = 0; i < input_bytes.size(); ++i) inputs[i].bytes = input_bytes[i];
  for (std::uint32_t i = 0; i < signature.outputs.size(); ++i) {
    sizes.push_back(
        of_builtin(static_cast<builtin::Op>(op.info.handle.id), i, inputs.data(), param));
  }
  return sizes;
}

bool writes_whole(const OpRecord& op, std::size_t index, std::uint64_t bytes,
                  std::span<const std::uint64_t, builtin::kMaxOpBuffers> input_bytes,
                  std::size_t inputs, std::uint32_t param) noexcept {
  const OpSignature& signature = op.info.signature;
  if (index >= signature.outputs.size()) return false;
  if (!op.info.builtin) return bytes <= signature.outputs[index].min_bytes;  // zeros first
  const auto builtin_op = static_cast<builtin::Op>(op.info.handle.id);
  if (builtin_op == builtin::Op::mem_fill) return true;
  if (inputs != signature.inputs.size()) return false;
  std::array<builtin::Binding, builtin::kMaxOpBuffers> bound{};
  for (std::size_t i = 0; i < inputs; ++i) bound[i].bytes = input_bytes[i];
  const OutputSize size =
      of_builtin(builtin_op, static_cast<std::uint32_t>(index), bound.data(), param);
  return size.kind == OutputSize::Kind::exact && bytes <= size.bytes;
}

}  // namespace vyre::runtime
