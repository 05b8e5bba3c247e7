// A program argument: a wire blob or a `.vir` text, told apart by the magic. "-" is stdin.
#pragma once

#include <string>

#include "library.hpp"

namespace vyre::cli {

/// Errors name the path. A stop signal ends it with Errc::cancelled.
[[nodiscard]] Result<v0::Program> load_program(const std::string& path, v0::Profile profile,
                                               v0::Timeout timeout = v0::Timeout::forever());

/// "FILE:3:5: V008: ...", or without a place "FILE: V008 (statement 3): ...", of the whole program
/// "FILE: V104 (program): ...". Warnings say so before the code.
[[nodiscard]] std::string describe(const std::string& path, const v0::Diagnostic& found);

}  // namespace vyre::cli
