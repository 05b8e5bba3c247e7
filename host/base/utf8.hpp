// Where UTF-8 is well formed (RFC 3629): nothing overlong, no surrogates, nothing above U+10FFFF.
// Any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace vyre {

/// Bytes of the character at the beginning of `text`, which is not empty. 0 if there is none, and
/// in `wrong` the bytes that one replacement stands for: those of a longest beginning of one.
[[nodiscard]] std::size_t utf8_character(std::string_view text, std::size_t& wrong) noexcept;
/// Offset of the first byte that begins no character; npos: there is none.
[[nodiscard]] std::size_t find_bad_utf8(std::string_view text) noexcept;

}  // namespace vyre
