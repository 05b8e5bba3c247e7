#include "base/message.hpp"

#include <charconv>

namespace vyre {

void MessageValue::append_to(std::string& out) const {
  if (!is_number_) {
    out += text_;
    return;
  }
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), magnitude_).ptr;
  if (negative_) out += '-';
  out.append(digits, end);
}

std::string build_message(std::string_view pattern, std::span<const MessageValue> values) {
  std::string out;
  out.reserve(pattern.size() + 16 * values.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    out += pattern[i];
    if (pattern[i] != '{' && pattern[i] != '}') continue;
    // MessagePattern has checked it: a place for a value, or the second one of two braces.
    if (pattern[++i] == '}' && out.back() == '{') {
      out.pop_back();
      values[next++].append_to(out);
    }
  }
  return out;
}

}  // namespace vyre
