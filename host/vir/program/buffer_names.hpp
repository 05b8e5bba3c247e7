// Buffers by the names that statements use: one pass for any number of look-ups. Host only, private
// to host/vir.
#pragma once

#include <vector>

#include "vir/program/program.hpp"

namespace vyre::vir {

/// Symbol -> declaration index of the first buffer of that name, or kNone. Names outside the pool
/// are passed over.
[[nodiscard]] inline std::vector<std::uint32_t> buffers_by_name(const Program& program) {
  std::vector<std::uint32_t> map(program.names.size(), kNone);
  for (std::size_t i = program.buffers.size(); i-- > 0;) {
    const Symbol name = program.buffers[i].name;
    if (name < map.size()) map[name] = static_cast<std::uint32_t>(i);
  }
  return map;
}

}  // namespace vyre::vir
