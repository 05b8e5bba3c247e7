#include "base/utf8.hpp"

namespace vyre {

std::size_t utf8_character(std::string_view text, std::size_t& wrong) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char head = byte(0);
  wrong = 1;
  if (head < 0x80) return 1;
  std::size_t bytes = 0;
  unsigned char low = 0x80;  // of the second byte
  unsigned char high = 0xBF;
  if (head >= 0xC2 && head <= 0xDF) {
    bytes = 2;
  } else if (head >= 0xE0 && head <= 0xEF) {
    bytes = 3;
    if (head == 0xE0) low = 0xA0;
    if (head == 0xED) high = 0x9F;
  } else if (head >= 0xF0 && head <= 0xF4) {
    bytes = 4;
    if (head == 0xF0) low = 0x90;
    if (head == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  for (; wrong < bytes; ++wrong) {
    if (wrong == text.size() || byte(wrong) < low || byte(wrong) > high) return 0;
    low = 0x80;
    high = 0xBF;
  }
  return bytes;
}

std::size_t find_bad_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t wrong = 0;
    const std::size_t bytes = utf8_character(text.substr(at), wrong);
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::string_view::npos;
}

}  // namespace vyre
