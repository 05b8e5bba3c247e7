// Counting brackets and commas ahead of the JSON parser; see the header.
#include "report/json_guard.hpp"

#include <algorithm>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::report {

JsonShape json_shape(std::string_view text) noexcept {
  JsonShape shape;
  std::size_t open = 0;
  bool in_string = false;
  bool seen_value = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    switch (c) {
      case '"':
        in_string = true;
        seen_value = true;
        break;
      case '{':
      case '[':
        seen_value = true;
        shape.depth = std::max(shape.depth, ++open);
        ++shape.values;
        break;
      case ',':
        ++shape.values;
        break;
      case '}':
      case ']':
        if (open != 0 && --open == 0 && shape.first_end == 0) shape.first_end = i + 1;
        break;
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        break;
      default:
        seen_value = true;
    }
  }
  shape.complete = seen_value && open == 0 && !in_string;
  return shape;
}

Status check_json_shape(std::string_view text) {
  const JsonShape shape = json_shape(text);
  if (shape.depth > kMaxJsonDepth) {
    return fail(Errc::limit_exceeded,
                message("JSON nests {} deep; the limit is {}", shape.depth, kMaxJsonDepth));
  }
  if (shape.values > kMaxJsonValues) {
    return fail(Errc::limit_exceeded, message("JSON has {} values; the limit is {}; split the file",
                                              shape.values, kMaxJsonValues));
  }
  return {};
}

std::string shortened_json_error(std::string_view what) {
  constexpr std::size_t kShown{200};
  if (what.size() <= kShown) return std::string(what);
  return std::string(what.substr(0, kShown)) + "...";
}

}  // namespace vyre::report
