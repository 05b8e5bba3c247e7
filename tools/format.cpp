#include "format.hpp"
#include "base/message.hpp"

#include <array>
#include <bit>
#include <charconv>

namespace vyre::cli {
namespace {

struct Row {
  std::string_view name;
  Format format;
};
constexpr std::array<Row, 7> kRows{{{"auto", Format::automatic},
                                    {"raw", Format::raw},
                                    {"hex", Format::hex},
                                    {"hex32", Format::hex32},
                                    {"u32", Format::u32},
                                    {"i32", Format::i32},
                                    {"f32", Format::f32}}};

void append_word(std::string& out, std::uint32_t word, Format format) {
  char digits[64];
  char* const end = digits + sizeof(digits);
  switch (format) {
    case Format::i32:
      out.append(digits, std::to_chars(digits, end, static_cast<std::int32_t>(word)).ptr);
      return;
    case Format::f32:
      out.append(digits, std::to_chars(digits, end, std::bit_cast<float>(word)).ptr);
      return;
    case Format::hex32: {
      const auto length =
          static_cast<std::size_t>(std::to_chars(digits, end, word, 16).ptr - digits);
      out.append(8 - length, '0').append(digits, length);
      return;
    }
    default:
      out.append(digits, std::to_chars(digits, end, word).ptr);
      return;
  }
}

}  // namespace

Result<Format> parse_format(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.format;
  }
  return fail(Errc::invalid_argument,
              message("format '{}' is unknown; use auto, raw, hex, hex32, u32, i32 or f32", name));
}

Format resolve(Format format, const v0::ProgramBuffer& buffer) {
  if (format != Format::automatic) return format;
  switch (buffer.element) {
    case VYRE_ELEMENT_U32:
    case VYRE_ELEMENT_BOOL:
      return Format::u32;
    case VYRE_ELEMENT_I32:
      return Format::i32;
    case VYRE_ELEMENT_F32:
      return Format::f32;
    default:
      return Format::hex;
  }
}

std::string to_text(ByteSpan bytes, Format format, char separator) {
  if (format == Format::hex || format == Format::raw || format == Format::automatic)
    return to_hex(bytes);
  std::string text;
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    if (at != 0) text.push_back(separator);
    append_word(text, load_le<std::uint32_t>(bytes, at), format);
  }
  if (at < bytes.size()) {
    if (at != 0) text.push_back(separator);
    text += message("hex:{}", to_hex(bytes.subspan(at)));
  }
  return text;
}

}  // namespace vyre::cli
