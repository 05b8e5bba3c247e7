// Which files `vyre run` and `vyre record` read: those that were named, listed or lie in folders.
// Main thread. Spec: docs/cli.md, "Inputs".
#pragma once

#include "run_plan.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// Puts all files in place of the paths that were given. False: some folder could not be looked
/// into, which was told.
[[nodiscard]] Result<bool> find_inputs(const Shell& shell, RunOptions& options);

}  // namespace vyre::cli
