// Words of the document's enums, the schema's name and the identities. Host only. Rooms that read
// or print these words use them, too.
// Page: docs/report.md.
#pragma once

#include <string_view>

#include "report/report.hpp"

namespace vyre::report {

inline constexpr std::string_view kSchema{"vyre.report/2"};
/// Of documents from before, which are read as well.
inline constexpr std::string_view kSchemaBefore{"vyre.report/1"};

[[nodiscard]] std::string_view enum_name(Topology value) noexcept;
[[nodiscard]] std::string_view enum_name(Pressure value) noexcept;
[[nodiscard]] std::string_view enum_name(ExecutionMode value) noexcept;
[[nodiscard]] std::string_view enum_name(CompletionStatus value) noexcept;
[[nodiscard]] std::string_view enum_name(FaultCode value) noexcept;

[[nodiscard]] bool parse_enum(std::string_view word, Topology& value) noexcept;
[[nodiscard]] bool parse_enum(std::string_view word, Pressure& value) noexcept;
[[nodiscard]] bool parse_enum(std::string_view word, ExecutionMode& value) noexcept;
[[nodiscard]] bool parse_enum(std::string_view word, CompletionStatus& value) noexcept;
[[nodiscard]] bool parse_enum(std::string_view word, FaultCode& value) noexcept;

/// The sums that every document keeps; Errc::mismatch names the one that is broken, with its terms.
[[nodiscard]] Status check_identities(const Document& document);

}  // namespace vyre::report
