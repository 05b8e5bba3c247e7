// Expected against actual output bytes: byte for byte, and by units in the last place where a line
// allows it. Host only, private to this room, pure. Rules: docs/conformance.md.
#pragma once

#include <optional>
#include <string>

#include "vyre/base/bytes.hpp"
#include "vyre/vir/program.hpp"

namespace vyre::conformance {

/// Distance on the sign-magnitude order, so that -0 and +0 are 1 apart; NaN is near nothing but its
/// own bits.
[[nodiscard]] std::uint64_t ulp_distance(std::uint32_t a, std::uint32_t b) noexcept;

/// The first difference in words, or nothing. `ulp` applies to whole f32 elements if `is_f32`.
[[nodiscard]] std::optional<std::string> first_difference(ByteSpan expected, ByteSpan actual,
                                                          bool is_f32, std::uint64_t ulp);

/// A program that calls none of the functions that libraries compute differently has one right
/// answer.
[[nodiscard]] bool has_transcendentals(const vir::Program& program) noexcept;

}  // namespace vyre::conformance
