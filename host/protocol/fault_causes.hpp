// What is wrong with an item where no lane met its fault, in words. Host only. Codes:
// docs/errors.md, "Faults".
#pragma once

#include <string_view>

#include "protocol/completion.hpp"

namespace vyre {

/// The cause and what to do about it, without a full stop. Empty for a code that lanes meet, where
/// the fault says which lane and statement. `builtin`: of a built-in op, which has neither.
[[nodiscard]] std::string_view fault_cause(FaultCode code, bool builtin) noexcept;

}  // namespace vyre
