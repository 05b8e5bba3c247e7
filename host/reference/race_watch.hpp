// What the race detector has to know of a program's buffers. Private to the room; host only.
#pragma once

#include <span>
#include <vector>

#include "machine.hpp"
#include "race_detector.hpp"

namespace vyre::reference {

/// `memory_of`: by declaration index, numbers below the count of buffers, equal where one buffer is
/// bound twice; empty: none is.
[[nodiscard]] std::vector<Watched> watch(const vir::Program& program, const Names& names,
                                         std::span<const std::uint32_t> memory_of);

}  // namespace vyre::reference
