// A look at JSON text before a parser gets it: how deep it nests, how many values it has and
// whether it ends inside one. Host only, no recursion. Readers of untrusted JSON (reports, trace
// manifests, vector files) call it first, because a parser's tree is many times as large as the
// text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace vyre::report {

struct JsonShape {
  std::size_t depth{0};      // deepest nesting of [ and { seen
  std::size_t values{0};     // at the most: brackets opened, and commas; keys are not values
  bool complete{false};      // a value began and every bracket and string it opened is closed
  std::size_t first_end{0};  // offset behind the first complete object or array; 0 if there is none
};

/// Counts brackets outside strings. Says nothing about whether the text is valid JSON.
[[nodiscard]] JsonShape json_shape(std::string_view text) noexcept;

/// Whether a parser may have the text: kMaxJsonDepth and kMaxJsonValues.
[[nodiscard]] Status check_json_shape(std::string_view text);

/// What a parser says of text that it refuses, at a length that fits a line: it quotes the text.
[[nodiscard]] std::string shortened_json_error(std::string_view what);

}  // namespace vyre::report
