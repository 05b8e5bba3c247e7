// The readable form of VIR0 (`.vir`): assembler and disassembler, exact inverses for every
// construct. Host only. Spec: docs/vir0-text.md.
#pragma once

#include <cstdint>
#include <functional>
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
  std::uint32_t file{0};    // index into SourceMap::files
  std::uint32_t call{0};    // of the fn whose body it lies in: SourceMap::calls[call - 1]; 0: none
};

/// A call of a fn, whose body stands in its place.
struct SourceCall {
  std::string fn;
  SourcePlace at;
};

/// The places of an assembled program by NodeId, ExprId and index of the buffer. prepare() keeps
/// all of them, so the map is that of the prepared program too; what preparation adds lies beyond
/// its ends. It is no part of the program: the wire form does not carry it.
struct SourceMap {
  std::vector<std::string> files{1};  // as TextOptions names the text, then those it includes
  std::vector<SourcePlace> nodes;
  std::vector<SourcePlace> exprs;
  std::vector<SourcePlace> buffers;
  SourcePlace workgroup;  // the directive
  std::vector<SourceCall> calls{};

  /// The place of the expression if it is known, else that of the node.
  [[nodiscard]] SourcePlace of(NodeId node, ExprId expr = kNone) const noexcept;
};
/// "FILE:LINE:COLUMN" with the file of the place or else `unnamed`; empty where the place is not
/// known, and without the file where it has no name.
[[nodiscard]] std::string to_string(const SourceMap& map, SourcePlace place,
                                    std::string_view unnamed = {});
/// "in fn 'NAME', called at FILE:LINE:COLUMN" for each call that led to the place, the innermost
/// first.
[[nodiscard]] std::vector<std::string> calls_to(const SourceMap& map, SourcePlace place,
                                                std::string_view unnamed = {});
/// Each of these behind `between`; where there are many, the first ones and how many more.
[[nodiscard]] std::string joined_steps(const std::vector<std::string>& steps,
                                       std::string_view between = "; ");

/// The text of a file that a text includes, by its path from the folder on.
using ReadInclude = std::function<Result<std::string>(const std::string& path)>;

struct TextOptions {
  std::string name{};  // of the text, for messages and places; empty: messages name no file
  Interrupt* interrupt{nullptr};  // Errc::deadline_exceeded where it said so
  ReadInclude read{};             // none: include is refused
  std::string folder{};           // what names of included files begin with
};

/// Files that one text includes, directly or not, and how deep they include each other.
inline constexpr std::uint32_t kMaxIncludes{256};
inline constexpr std::uint32_t kMaxIncludeDepth{16};
/// Tokens that calls of fns read together: bounds what fns that call fns grow to.
inline constexpr std::uint32_t kMaxFnTokens{1'000'000};

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
