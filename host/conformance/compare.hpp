// Expected against actual output bytes: byte for byte, and by units in the last place where a line
// allows it. Host only, private to this room, pure. Rules: docs/internals/conformance.md.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace vyre::conformance {

/// The first difference in words, or nothing. `ulp` applies to whole f32 elements if `is_f32`.
[[nodiscard]] std::optional<std::string> first_difference(ByteSpan expected, ByteSpan actual,
                                                          bool is_f32, std::uint64_t ulp);

}  // namespace vyre::conformance
