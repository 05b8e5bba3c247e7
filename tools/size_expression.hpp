// The expressions of --count: + - * / % ( ) over integers, len(BUFFER) in elements and
// bytes(BUFFER). Unsigned 64-bit; overflow, negative results and division by zero are errors. Spec:
// docs/running-files.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace vyre::cli {

/// Arithmetic that fails for these sizes is limit_exceeded, an expression that is wrong for all is
/// invalid_argument. `size_of(buffer, in_elements)` answers for the named buffer.
using SizeOf = std::function<Result<std::uint64_t>(std::string_view buffer, bool in_elements)>;
[[nodiscard]] Result<std::uint64_t> evaluate_size(std::string_view expression,
                                                  const SizeOf& size_of);

}  // namespace vyre::cli
