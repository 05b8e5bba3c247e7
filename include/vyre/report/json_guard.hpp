// A look at JSON text before a parser gets it: how deep it nests and whether it ends inside a
// value. Host only, no allocation, no recursion. Readers of untrusted JSON (reports, trace
// manifests) call it first.
#pragma once

#include <cstddef>
#include <string_view>

namespace vyre::report {

struct JsonShape {
  std::size_t depth{0};      // deepest nesting of [ and { seen
  bool complete{false};      // a value began and every bracket and string it opened is closed
  std::size_t first_end{0};  // offset behind the first complete object or array; 0 if there is none
};

/// Counts brackets outside strings. Says nothing about whether the text is valid JSON.
[[nodiscard]] JsonShape json_shape(std::string_view text) noexcept;

}  // namespace vyre::report
