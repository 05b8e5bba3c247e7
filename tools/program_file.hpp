// A program argument: a wire blob or a `.vir` text, told apart by the magic. "-" is stdin.
#pragma once

#include <optional>
#include <string>

#include "library.hpp"

namespace vyre::cli {

/// Errors name the path. A stop signal ends it with Errc::cancelled.
[[nodiscard]] Result<v0::Program> load_program(const std::string& path, v0::Profile profile,
                                               v0::Timeout timeout = v0::Timeout::forever());

/// "V008 (statement 3): ..."; without a statement it is of the whole program.
[[nodiscard]] std::string describe(const std::string& code, std::optional<std::uint32_t> statement,
                                   const std::string& what);

}  // namespace vyre::cli
