// The readable form of VIR0 (`.vir`): assembler and disassembler, exact inverses for every
// construct. Host only. Spec: docs/vir0-text.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vyre/vir/program.hpp"

namespace vyre::vir {

/// Parses a whole `.vir` document. Errors carry line and column and say what was expected.
[[nodiscard]] Result<Program> assemble(std::string_view text);
/// Prints any program, decoded or built, so that assemble(disassemble(p)) is the same program.
[[nodiscard]] std::string disassemble(const Program& program);

}  // namespace vyre::vir
