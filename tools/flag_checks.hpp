// Checks of flag values that the parser makes before a command starts: exit 2 names the flag.
// Included by the cmd_*.cpp files only, as the parser's header is a heavy one.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>

#include "numbers.hpp"
#include "protocol/limits.hpp"

namespace vyre::cli {

/// How help, manual pages and completions write the values of --profile.
inline constexpr char kProfileNames[]{"v4-0.6.3|v4-0.6.4|v6"};

/// An empty name reads as "flag not given" further on, so it is refused here.
inline CLI::Validator not_empty() {
  return CLI::Validator(
      [](std::string& value) {
        return value.empty() ? std::string("the name is empty") : std::string();
      },
      "");
}

/// Puts the number that `read` finds in place of the text: the parser behind takes a leading 0 for
/// octal and a sign for a large number.
template <class Read>
CLI::Validator number_by(Read read) {
  return CLI::Validator(
      [read](std::string& value) {
        const auto number = read(value);
        if (!number) return number.error().message;
        value = std::to_string(*number);
        return std::string();
      },
      "");
}

/// For options of type Number; used with transform().
template <class Number>
CLI::Validator whole(Number most = std::numeric_limits<Number>::max()) {
  return number_by([most](const std::string& value) { return whole_number(value, most); });
}

/// For --workers, also where the executor has none: what is wrong is wrong on all of them.
inline CLI::Validator workers() {
  return whole<std::uint32_t>(kMaxCpuWorkers);
}

/// For options of 64 bits; used with transform().
inline CLI::Validator bytes() {
  return number_by([](const std::string& value) { return byte_count(value); });
}

inline CLI::Validator seconds() {
  return CLI::Validator(
      [](std::string& value) {
        const auto number = seconds_of(value);
        return number ? std::string() : number.error().message;
      },
      "");
}

}  // namespace vyre::cli
