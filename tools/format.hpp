// How output bytes become text. Little-endian words; what does not fill a word is shown as bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/json_writer.hpp"
#include "library.hpp"

namespace vyre::cli {

enum class Format : std::uint8_t { automatic, raw, hex, hex32, hex64, u32, i32, f32, u64, i64 };
[[nodiscard]] Result<Format> parse_format(std::string_view name);
/// Buffers of numbers of 32 and 64 bits print as their numbers, everything else as hexadecimal.
[[nodiscard]] Format resolve(Format format, const v0::ProgramBuffer& buffer);
/// `separator` between values; no line end. Not for Format::raw, which is the bytes themselves.
[[nodiscard]] std::string to_text(ByteSpan bytes, Format format, char separator);
/// The same as a member of a JSON object: "values" with numbers, or "text" where it shows none.
/// NaN and infinities are text among the numbers, and so are bytes that do not fill the last one.
void write_values(JsonWriter& json, ByteSpan bytes, Format format);

}  // namespace vyre::cli
