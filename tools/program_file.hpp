// A program argument: a wire blob or a `.vir` text, told apart by the magic. "-" is stdin.
#pragma once

#include <string>

#include "vir/program/program.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::cli {

struct ProgramFile {
  vir::Program program;
  vir::SourceMap places;  // empty for a blob
  bool from_text{false};
  std::uint64_t file_bytes{0};
};

/// Errors name the path. A stop signal ends it with Errc::cancelled.
[[nodiscard]] Result<ProgramFile> load_program(const std::string& path, vir::Profile profile,
                                               Interrupt& interrupt);
/// The same where nothing but a stop signal bounds the time.
[[nodiscard]] Result<ProgramFile> load_program(const std::string& path, vir::Profile profile);

/// "V008 (statement 3): ..."
[[nodiscard]] std::string describe(const vir::Diagnostic& diagnostic);

}  // namespace vyre::cli
