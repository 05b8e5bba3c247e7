// How long the outputs of an op are, before it runs. Host only, pure. Spec: docs/ops.md.
#pragma once

#include <span>
#include <vector>

#include "op_table.hpp"
#include "runtime/session.hpp"

namespace vyre::runtime {

/// Session::output_bytes().
[[nodiscard]] Result<std::vector<OutputSize>> output_sizes(
    const OpRecord& op, std::span<const std::uint64_t> input_bytes, std::uint32_t param);

}  // namespace vyre::runtime
