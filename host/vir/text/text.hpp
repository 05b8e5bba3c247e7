// The readable form of VIR0 (`.vir`): assembler and disassembler, exact inverses for every
// construct. Host only. Spec: docs/vir0-text.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.hpp"
#include "vir/program/program.hpp"

namespace vyre::vir {

/// Where a statement or an expression begins in a text; line 0: not known.
struct SourcePlace {
  std::uint32_t line{0};
  std::uint32_t column{0};  // characters, from 1
};

/// The places of an assembled program by NodeId and ExprId. prepare() keeps both, so the map is
/// that of the prepared program too; what preparation adds lies beyond its ends.
struct SourceMap {
  std::vector<SourcePlace> nodes;
  std::vector<SourcePlace> exprs;
};

/// Parses a whole `.vir` document. Errors carry line and column and say what was expected.
/// `places`, if not null, is set on success. Errc::deadline_exceeded where `interrupt` said so.
[[nodiscard]] Result<Program> assemble(std::string_view text, SourceMap* places = nullptr,
                                       Interrupt* interrupt = nullptr);
/// Prints any program, decoded or built, so that assemble(disassemble(p)) is the same program.
[[nodiscard]] std::string disassemble(const Program& program);
/// One statement on one line, without its bodies.
[[nodiscard]] std::string disassemble_statement(const Program& program, NodeId id);

}  // namespace vyre::vir
