// The form check: every id of a program lies in its pool, nothing is cyclic, and how deep and large
// it is. It runs before any other rule and before prepare(), so that those may index and recurse
// freely. Host only. Codes V101 to V103 of docs/verification.md.
#pragma once

#include "vyre/vir/validate.hpp"

namespace vyre::vir {

struct Form {
  std::vector<Diagnostic> broken;         // empty: the rest may be relied on
  std::vector<NodeId> order;              // by statement
  std::vector<std::uint32_t> statements;  // by node id; kNone if the entry does not reach it
  std::vector<std::uint32_t> expr_depth;  // by expression id; 1 for a leaf, 0 if not reached
  std::uint32_t nesting{0};      // statement lists around the deepest statement, less the entry
  std::uint32_t deepest{kNone};  // its statement
};

[[nodiscard]] Form check_form(const Program& program);

}  // namespace vyre::vir
