// The steps of a byte run, made fewer. Host only, private to lowering.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/image.hpp"

namespace vyre::vir::lowering {

/// Rows of a buffer that are compared with a scalar and not read besides are never made: the
/// comparison reads the buffer. `behind`: steps that will follow; `rows`: how many rows there are.
void join_comparisons(std::vector<core::ByteStep>& steps, const std::vector<core::ByteStep>& behind,
                      std::uint32_t rows);

/// Whether the if_begin at `at` has no else and nothing in it but an atomic of scalars whose old
/// value nothing reads.
[[nodiscard]] bool guards_atomic(const core::Image& image, std::size_t at);

}  // namespace vyre::vir::lowering
