// A program argument: a wire blob or a `.vir` text, told apart by the magic. "-" is stdin.
#pragma once

#include <string>

#include "vyre/vir/program.hpp"
#include "vyre/vir/text.hpp"
#include "vyre/vir/validate.hpp"
#include "vyre/vir/wire.hpp"

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
