// The commands and options of `vyre` as JSON: what `vyre --describe` prints, and what
// tools/manual.py makes manual pages and completions of. Spec: docs/cli.md.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace vyre::cli {

/// Reads the parser's own lists, so that a new option is described as soon as it is added. Options
/// that help hides are left out.
[[nodiscard]] std::string describe(const CLI::App& app);

}  // namespace vyre::cli
