// Names of statuses and fault codes as they appear in JSON and on terminals. Host only.
#pragma once

#include <string_view>

#include "protocol/completion.hpp"

namespace vyre {
[[nodiscard]] std::string_view fault_name(FaultCode code) noexcept;  // "i32_division_by_zero", ...
[[nodiscard]] std::string_view status_name(CompletionStatus status) noexcept;
}  // namespace vyre
