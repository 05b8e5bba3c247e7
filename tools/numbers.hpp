// Numbers on the command line: decimal, whole, within their bounds. Every flag that takes one reads
// it here. Spec: docs/cli.md, "Numbers".
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"

namespace vyre::cli {

/// Digits alone: no sign, no space, no 0x. Messages show the text as it was given.
[[nodiscard]] Result<std::uint64_t> whole_number(std::string_view text, std::uint64_t most);
/// The same with a unit: B, K, M, G, T, P or E, also as KB or KiB, in either case; all of them are
/// powers of 1024.
[[nodiscard]] Result<std::uint64_t> byte_count(std::string_view text);
/// Seconds of 0.001 to 1e9, which fit the runtime's clock; a decimal fraction and an exponent are
/// fine.
[[nodiscard]] Result<double> seconds_of(std::string_view text);
/// "1s", "250ms", "2m", or seconds: what --report-every takes, from 10 ms to a day.
[[nodiscard]] Result<std::chrono::nanoseconds> interval_of(std::string_view text);

}  // namespace vyre::cli
