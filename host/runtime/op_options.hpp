// What an op is registered with beside its name and program. Host only.
#pragma once

#include <string>
#include <vector>

namespace vyre::runtime {

/// For Session::register_program().
struct OpOptions {
  /// Names of the lineage rules that the op applies; empty: the op's own name is the only one.
  std::vector<std::string> rules{};
};

}  // namespace vyre::runtime
