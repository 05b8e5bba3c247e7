// How long the outputs of an op are, before it runs. Host only, pure. Spec: docs/ops.md.
#pragma once

#include <span>
#include <vector>

#include "builtin/rules.hpp"
#include "op_table.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

/// Session::output_bytes().
[[nodiscard]] Result<std::vector<OutputSize>> output_sizes(
    const OpRecord& op, std::span<const std::uint64_t> input_bytes, std::uint32_t param);

/// Whether an item writes every byte of its output `index`, which has `bytes`: nothing of what the
/// buffer held before survives. `input_bytes` are the sizes of the first of its `inputs` inputs.
[[nodiscard]] bool writes_whole(const OpRecord& op, std::size_t index, std::uint64_t bytes,
                                std::span<const std::uint64_t, builtin::kMaxOpBuffers> input_bytes,
                                std::size_t inputs, std::uint32_t param) noexcept;

}  // namespace vyre::runtime
