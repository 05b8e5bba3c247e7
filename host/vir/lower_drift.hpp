// Which subgroup operations could see variables of lanes that are at another turn than they are.
// Host only, private to lowering. Spec: docs/image.md, "Subgroups".
#pragma once

#include <optional>
#include <vector>

#include "vyre/vir/program.hpp"

namespace vyre::vir::lowering {

struct Drift {
  NodeId statement{kNone};
  Symbol variable{0};
};

/// The first subgroup operation whose argument reads a variable that other lanes may have bound,
/// assigned or dropped at another turn of the reference's schedule than an image shows.
/// `uniform`: by node, an If or Loop that every lane of a workgroup goes through alike.
[[nodiscard]] std::optional<Drift> find_drift(const Program& program,
                                              const std::vector<bool>& uniform);

}  // namespace vyre::vir::lowering
