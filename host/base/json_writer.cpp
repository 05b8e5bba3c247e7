// The form of numbers, strings and lines. See json_writer.hpp.
#include "base/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.hpp"

namespace vyre {
namespace {

constexpr std::string_view kReplacement{"\xEF\xBF\xBD"};  // U+FFFD

}  // namespace

JsonWriter& JsonWriter::begin(char bracket) {
  separate();
  text_ += bracket;
  ++level_;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end(char bracket) {
  --level_;
  if (!first_) new_line();
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  text_ += indent_ < 0 ? ":" : ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return value(nullptr);
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  std::string text(digits.data(), end);
  // A reader tells by it that the number is no integer.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return word(text);
}

JsonWriter& JsonWriter::word(std::string_view text) {
  separate();
  text_ += text;
  return *this;
}

void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) text_ += ',';
  if (level_ != 0) new_line();
  first_ = false;
}

void JsonWriter::new_line() {
  if (indent_ < 0) return;
  text_ += '\n';
  text_.append(static_cast<std::size_t>(level_) * static_cast<std::size_t>(indent_), ' ');
}

void JsonWriter::quote(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  text_ += '"';
  while (!text.empty()) {
    std::size_t used = 0;
    if (const std::size_t bytes = utf8_character(text, used); bytes == 0) {
      text_ += kReplacement;
    } else if (const char c = text[0]; bytes > 1) {
      text_ += text.substr(0, bytes);
      used = bytes;
    } else if (c == '"' || c == '\\') {
      text_ += {'\\', c};
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      text_ += c;
    } else if (const std::size_t short_form = std::string_view("\b\t\n\f\r").find(c);
               short_form != std::string_view::npos) {
      text_ += {'\\', "btnfr"[short_form]};
    } else {
      text_ += {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]};
    }
    text.remove_prefix(used);
  }
  text_ += '"';
}

}  // namespace vyre
