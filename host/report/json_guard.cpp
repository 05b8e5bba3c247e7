// Bracket counting ahead of the JSON parser; see the header.
#include "vyre/report/json_guard.hpp"

#include <algorithm>

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

}  // namespace vyre::report
