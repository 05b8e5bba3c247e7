// What a plan needs to make `lanes` regions: grids before it is made, and images afterwards. Host
// only; takes no lock of the session. Spec: docs/internals/planner.md, "Rules of lanes".
#pragma once

#include "fused_programs.hpp"
#include "op_table.hpp"
#include "plan_contents.hpp"

namespace vyre::runtime {

/// Fills in grids, and which outputs are overwritten whole.
void look_at_lengths(planner::Work& work, const OpTable& ops);
/// Makes the images of `lanes` regions. A region whose image would be too large, or has no room on
/// the device, becomes a chain, as does one whose image nothing keeps while memory is short.
void make_images(PlanContents& plan, const OpTable& ops, FusedPrograms& programs,
                 backend::Backend& backend, bool memory_is_short);

}  // namespace vyre::runtime
