// Whether the files and streams that a command names can all have what they are named for: asked
// before anything runs, because an output written over an input cannot be taken back.
#pragma once

#include <string>
#include <vector>

#include "run_plan.hpp"
#include "shell.hpp"

namespace vyre::cli {

/// Standard input is one reader's, standard output one writer's. Before the program is read.
[[nodiscard]] Status check_streams(const Shell& shell, const RunOptions& options);
/// No output may be an input, another output or a part of the trace; devices and pipes may.
/// `stored`: where the outputs of the items go.
[[nodiscard]] Status check_paths(const RunOptions& options, const std::vector<std::string>& stored);
/// Refuses a `path` that lies in `directory` or is it.
[[nodiscard]] Status check_outside(const std::string& path, const std::string& flag,
                                   const std::string& directory);

}  // namespace vyre::cli
