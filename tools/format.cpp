#include "format.hpp"
#include "base/message.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>

namespace vyre::cli {
namespace {

struct Row {
  std::string_view name;
  Format format;
};
constexpr std::array<Row, 10> kRows{{{"auto", Format::automatic},
                                     {"raw", Format::raw},
                                     {"hex", Format::hex},
                                     {"hex32", Format::hex32},
                                     {"hex64", Format::hex64},
                                     {"u32", Format::u32},
                                     {"i32", Format::i32},
                                     {"f32", Format::f32},
                                     {"u64", Format::u64},
                                     {"i64", Format::i64}}};

void append_hex(std::string& out, std::uint64_t number, std::size_t digits) {
  char text[16];
  const auto length =
      static_cast<std::size_t>(std::to_chars(text, text + sizeof(text), number, 16).ptr - text);
  out.append(digits - length, '0').append(text, length);
}

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[64];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
}

/// Of an element of the format, or of what is shown in its place.
std::size_t bytes_of(Format format) {
  return format == Format::u64 || format == Format::i64 || format == Format::hex64 ? 8 : 4;
}

void append_element(std::string& out, ByteSpan bytes, std::size_t at, Format format) {
  switch (format) {
    case Format::i32:
      return append_number(out, load_le<std::int32_t>(bytes, at));
    case Format::f32:
      return append_number(out, std::bit_cast<float>(load_le<std::uint32_t>(bytes, at)));
    case Format::hex32:
      return append_hex(out, load_le<std::uint32_t>(bytes, at), 8);
    case Format::hex64:
      return append_hex(out, load_le<std::uint64_t>(bytes, at), 16);
    case Format::u64:
      return append_number(out, load_le<std::uint64_t>(bytes, at));
    case Format::i64:
      return append_number(out, load_le<std::int64_t>(bytes, at));
    default:
      return append_number(out, load_le<std::uint32_t>(bytes, at));
  }
}

void write_element(JsonWriter& json, ByteSpan bytes, std::size_t at, Format format) {
  switch (format) {
    case Format::i32:
      json.value(load_le<std::int32_t>(bytes, at));
      return;
    case Format::u64:
      json.value(load_le<std::uint64_t>(bytes, at));
      return;
    case Format::i64:
      json.value(load_le<std::int64_t>(bytes, at));
      return;
    case Format::f32:
      break;
    default:
      json.value(load_le<std::uint32_t>(bytes, at));
      return;
  }
  std::string text;
  append_element(text, bytes, at, format);
  double number = 0;  // the one of the same shortest text
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (std::isfinite(number)) {
    json.value(number);
  } else {
    json.value(text);
  }
}

}  // namespace

Result<Format> parse_format(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.format;
  }
  return fail(
      Errc::invalid_argument,
      message("format '{}' is unknown; use auto, raw, hex, hex32, hex64, u32, i32, f32, u64 or i64",
              name));
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
    case VYRE_ELEMENT_U64:
      return Format::u64;
    case VYRE_ELEMENT_I64:
      return Format::i64;
    default:
      return Format::hex;
  }
}

std::string to_text(ByteSpan bytes, Format format, char separator) {
  if (format == Format::hex || format == Format::raw || format == Format::automatic)
    return to_hex(bytes);
  std::string text;
  std::size_t at = 0;
  for (const std::size_t step = bytes_of(format); at + step <= bytes.size(); at += step) {
    if (at != 0) text.push_back(separator);
    append_element(text, bytes, at, format);
  }
  if (at < bytes.size()) {
    if (at != 0) text.push_back(separator);
    text += message("hex:{}", to_hex(bytes.subspan(at)));
  }
  return text;
}

void write_values(JsonWriter& json, ByteSpan bytes, Format format) {
  const bool numbers = format == Format::u32 || format == Format::i32 || format == Format::f32 ||
                       format == Format::u64 || format == Format::i64;
  if (!numbers) {
    json.member("text", to_text(bytes, format, ' '));
    return;
  }
  json.key("values").begin_array();
  std::size_t at = 0;
  for (const std::size_t step = bytes_of(format); at + step <= bytes.size(); at += step)
    write_element(json, bytes, at, format);
  if (at < bytes.size()) json.value(message("hex:{}", to_hex(bytes.subspan(at))));
  json.end_array();
}

}  // namespace vyre::cli
