#include "bind_value.hpp"

#include <charconv>
#include <limits>
#include <string_view>

#include "base/decimal.hpp"
#include "base/message.hpp"
#include "platform/file.hpp"
#include "shell.hpp"

namespace vyre::cli {
namespace {

enum class Reading : std::uint8_t { number, malformed, out_of_range };

template <class Number>
Reading read(std::string_view text, Number& value) {
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (stop != text.data() + text.size() || code == std::errc::invalid_argument)
    return Reading::malformed;
  return code == std::errc() ? Reading::number : Reading::out_of_range;
}

Reading read(std::string_view text, float& value) {
  switch (read_f32(text, value)) {
    case DecimalVerdict::number:
      return Reading::number;
    case DecimalVerdict::beyond_f32:
      return Reading::out_of_range;
    case DecimalVerdict::malformed:
      break;
  }
  return Reading::malformed;
}

template <class Number>
Result<Bytes> numbers(std::string_view list, const std::string& type) {
  Bytes bytes;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view text = list.substr(0, comma);
    Number value{};
    const Reading reading = read(text, value);
    if (reading == Reading::out_of_range) {
      return fail(Errc::invalid_argument,
                  message("'{}' is beyond {}, whose range is {} to {}", shown(text), type,
                          std::to_string(std::numeric_limits<Number>::lowest()),
                          std::to_string(std::numeric_limits<Number>::max())));
    }
    if (reading == Reading::malformed) {
      return fail(Errc::invalid_argument,
                  message("'{}' is not a number of type {}; write them as {}:1,2,3", shown(text),
                          type, type));
    }
    append_le(bytes, value);
    if (comma == std::string_view::npos) return bytes;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::pair<std::string, std::string>> split_assignment(const std::string& text,
                                                             const std::string& flag) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(Errc::invalid_argument,
                message("{} '{}' has no '='; write {} BUFFER=VALUE", flag, shown(text), flag));
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Result<Bytes> bind_value(const std::string& value, std::uint64_t max_bytes) {
  const std::string_view text(value);
  const auto after = [&](std::string_view prefix) { return text.substr(prefix.size()); };
  const auto begins = [&](std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
  };
  if (begins("u32:")) return numbers<std::uint32_t>(after("u32:"), "u32");
  if (begins("i32:")) return numbers<std::int32_t>(after("i32:"), "i32");
  if (begins("f32:")) return numbers<float>(after("f32:"), "f32");
  if (begins("hex:")) return from_hex(after("hex:"));
  if (begins("text:")) {
    const std::string_view bytes = after("text:");
    return Bytes(bytes.begin(), bytes.end());
  }
  return platform::read_file(bind_file(value), max_bytes);
}

std::string bind_file(const std::string& value) {
  if (value == "@seen") return {};
  for (const char* const written_out : {"u32:", "i32:", "f32:", "hex:", "text:"}) {
    if (value.rfind(written_out, 0) == 0) return {};
  }
  return value.rfind("file:", 0) == 0 ? value.substr(5) : value;
}

}  // namespace vyre::cli
