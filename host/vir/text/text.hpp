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

/// Where a statement, an expression or a declaration begins in a text; line 0: not known.
struct SourcePlace {
  std::uint32_t line{0};
  std::uint32_t column{0};  // characters, from 1
};

/// The places of an assembled program by NodeId, ExprId and index of the buffer. prepare() keeps
/// all of them, so the map is that of the prepared program too; what preparation adds lies beyond
/// its ends. It is no part of the program: the wire form does not carry it.
struct SourceMap {
  std::string file;  // as TextOptions names it
  std::vector<SourcePlace> nodes;
  std::vector<SourcePlace> exprs;
  std::vector<SourcePlace> buffers;
  SourcePlace workgroup;  // the directive

  /// The place of the expression if it is known, else that of the node.
  [[nodiscard]] SourcePlace of(NodeId node, ExprId expr = kNone) const noexcept;
};
/// "FILE:LINE:COLUMN" with the file of the map or else `unnamed`; empty where the place is not
/// known, and without the file where it has no name.
[[nodiscard]] std::string to_string(const SourceMap& map, SourcePlace place,
                                    std::string_view unnamed = {});

struct TextOptions {
  std::string name;  // of the text, for messages and places; empty: messages name no file
  Interrupt* interrupt{nullptr};  // Errc::deadline_exceeded where it said so
};

/// Parses a whole `.vir` document. Errors carry line and column and say what was expected; those of
/// a named text begin with "NAME:LINE:COLUMN: ". `places`, if not null, is set on success.
[[nodiscard]] Result<Program> assemble(std::string_view text, const TextOptions& options,
                                       SourceMap* places);
[[nodiscard]] Result<Program> assemble(std::string_view text, SourceMap* places = nullptr);
/// Prints any program, decoded or built, so that assemble(disassemble(p)) is the same program.
[[nodiscard]] std::string disassemble(const Program& program);
/// One statement on one line, without its bodies.
[[nodiscard]] std::string disassemble_statement(const Program& program, NodeId id);

}  // namespace vyre::vir
