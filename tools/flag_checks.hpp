// Checks of flag values that the parser makes before a command starts: exit 2 names the flag.
// Included by the cmd_*.cpp files only, as the parser's header is a heavy one.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

namespace vyre::cli {

/// An empty name reads as "flag not given" further on, so it is refused here.
inline CLI::Validator not_empty() {
  return CLI::Validator(
      [](std::string& value) {
        return value.empty() ? std::string("the name is empty") : std::string();
      },
      "");
}

/// Seconds that fit the runtime's clock. A range check alone lets "nan" through: no comparison with
/// it is true.
inline CLI::Validator seconds() {
  return CLI::Validator(
      [](std::string& value) {
        char* end = nullptr;
        const double parsed = std::strtod(value.c_str(), &end);
        const bool fits = end != value.c_str() && *end == '\0' && parsed >= 0.001 && parsed <= 1e9;
        return fits ? std::string() : "'" + value + "' is not in the range 0.001 to 1e9 seconds";
      },
      "");
}

}  // namespace vyre::cli
