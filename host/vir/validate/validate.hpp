// The validator: what upstream's reference refuses to run, one function a rule, stable codes.
// Host only. Spec: docs/internals/vir0.md, "Validation"; the table of codes is in
// docs/internals/verification.md.
#pragma once

#include <string>
#include <vector>

#include "base/interrupt.hpp"
#include "vir/program/program.hpp"

namespace vyre::vir {

/// `code` is stable ("V008"); `statement` is the pre-order node index (kNone: the whole program).
/// The ids say what it is about, as narrowly as the rule knows, for those who know where that is
/// written.
struct Diagnostic {
  std::string code;
  std::uint32_t statement{kNone};
  std::string message;
  NodeId node{kNone};
  ExprId expr{kNone};
  std::uint32_t buffer{kNone};  // index of the declaration; kWorkgroupSize: the workgroup
};
inline constexpr std::uint32_t kWorkgroupSize{kNone - 1};

/// All violations, in program order; empty means the program may run. Those found so far where
/// `interrupt` said so before the end.
[[nodiscard]] std::vector<Diagnostic> diagnose(const Program& program,
                                               Interrupt* interrupt = nullptr);
/// First violation as an Error (Errc::refused, detail = code number), or success; deadline_exceeded
/// where `interrupt` said so before the end.
[[nodiscard]] Status validate(const Program& program, Interrupt* interrupt = nullptr);

/// What a valid program does and most likely does not mean. `code` is stable ("W001"). In program
/// order, at most kMaxDiagnostics; none of a program that has violations.
[[nodiscard]] std::vector<Diagnostic> warnings(const Program& program);
/// The same for a program that validate() has accepted.
[[nodiscard]] std::vector<Diagnostic> warnings_of_valid(const Program& program);

/// What upstream does before validation: root wrapping rules and lowering of single-rank
/// collectives. `refusal`, if not null, is set to what was refused, with the validator's code; the
/// error itself has the number of the code in `detail`.
[[nodiscard]] Result<Program> prepare(const Program& program, Interrupt* interrupt = nullptr,
                                      Diagnostic* refusal = nullptr);

}  // namespace vyre::vir
