// Which programs may give different f32 bits on different executors. Host only, pure. Page:
// docs/internals/f32.md.
#pragma once

#include "vir/program/program.hpp"

namespace vyre::vir {

/// It calls a function that libraries compute differently; every other program has one right
/// answer.
[[nodiscard]] bool uses_transcendentals(const Program& program) noexcept;

}  // namespace vyre::vir
