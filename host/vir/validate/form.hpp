// The form check: every id of a program lies in its pool, nothing is cyclic, and how deep and large
// it is, and that it keeps to the counts of the wire format. It runs before any other rule and
// before prepare(), so that those may index and recurse freely. Host only. Codes V101 to V103 and
// V143 to V146 of docs/internals/verification.md.
#pragma once

#include <optional>

#include "vir/validate/validate.hpp"

namespace vyre::vir {

struct Form {
  std::vector<Diagnostic> broken;         // empty: the rest may be relied on
  std::vector<NodeId> order;              // by statement
  std::vector<std::uint32_t> statements;  // by node id; kNone if the entry does not reach it
  std::vector<std::uint32_t> expr_depth;  // by expression id; 1 for a leaf, 0 if not reached
  std::uint32_t nesting{0};          // statement lists around the deepest statement, less the entry
  std::uint32_t deepest{kNone};      // its statement
  std::uint32_t levels{0};           // of nodes and expressions together, as the wire counts them
  std::uint32_t most_levels{kNone};  // the statement that has them
  std::uint64_t wire_bytes{0};       // the program encodes to no more
};

/// Where `interrupt` ended it early, the form is good for nothing.
[[nodiscard]] Form check_form(const Program& program, Interrupt* interrupt = nullptr);
/// Of a program as it was given, whose form is whole: what no decoder would read back, if anything.
/// Not of a prepared one, because preparation adds levels and bytes. Codes V147 and V148.
[[nodiscard]] std::optional<Diagnostic> beyond_wire(const Program& program, const Form& form,
                                                    Interrupt* interrupt = nullptr);

}  // namespace vyre::vir
