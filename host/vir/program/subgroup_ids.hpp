// Which programs ask for a lane's place in its subgroup. The format's CPU reference has no value
// for it, so answers that were recorded there are errors where this runtime has outputs.
// Spec: docs/internals/vir0-semantics.md, "Subgroups"; docs/internals/conformance.md.
#pragma once

#include "vir/program/statements.hpp"

namespace vyre::vir {

[[nodiscard]] inline bool uses_subgroup_ids(const Program& program) {
  return any_expression(program, [](const Expr& expr) {
    return expr.tag == ExprTag::SubgroupLocalId || expr.tag == ExprTag::SubgroupSize;
  });
}

}  // namespace vyre::vir
