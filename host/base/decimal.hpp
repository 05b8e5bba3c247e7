// Decimal text to f32, the same wherever a person writes one: program texts and command lines.
// Any thread; needs no locale. Spec: docs/vir0-text.md, "Literals".
#pragma once

#include <cstdint>
#include <string_view>

namespace vyre {

enum class DecimalVerdict : std::uint8_t { number, malformed, beyond_f32 };

/// Reads all of `text` as std::from_chars reads it: no sign but '-', `inf` and `nan` allowed.
/// The value is the nearest f32, so a decimal below half of the least subnormal is a zero of its
/// sign. A finite decimal that would round to infinity is `beyond_f32`, and `value` stays.
[[nodiscard]] DecimalVerdict read_f32(std::string_view text, float& value) noexcept;

}  // namespace vyre
