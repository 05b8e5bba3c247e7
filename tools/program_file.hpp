// A program argument: a wire blob or a `.vir` text, told apart by the magic. "-" is stdin.
#pragma once

#include <string>

#include "library.hpp"
#include "vir/program/program.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::cli {

// Errors name the path. A stop signal ends both with Errc::cancelled.

[[nodiscard]] Result<v0::Program> load_program(const std::string& path, v0::Profile profile);

/// For run and record, which look into the program.
struct ProgramFile {
  vir::Program program;
  vir::SourceMap places;  // empty for a blob
};
[[nodiscard]] Result<ProgramFile> load_program(const std::string& path, vir::Profile profile,
                                               Interrupt& interrupt);

/// "V008 (statement 3): ..."; `statement` is vir::kNone where it is of the whole program.
[[nodiscard]] std::string describe(const std::string& code, std::uint32_t statement,
                                   const std::string& what);

}  // namespace vyre::cli
