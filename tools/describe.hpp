// The commands and options of `vyre` as JSON: what `vyre --describe` prints, and what
// tools/manual.py makes manual pages and completions of. Spec: docs/cli.md.
#pragma once

#include <string>
#include <vector>

#include "options.hpp"

namespace vyre::cli {

/// `all`: see CommandLine::described().
[[nodiscard]] std::string describe(const std::vector<CommandDescription>& all);

}  // namespace vyre::cli
