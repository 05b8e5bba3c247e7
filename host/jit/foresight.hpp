// Whether a pass over a unit that writes no buffer would find out all that may end the unit: then
// this pass comes first, and a unit that would end is never begun. Host only, private to the room.
// Spec: docs/internals/jit.md, "Classes".
#pragma once

#include <cstdint>
#include <functional>

#include "core/image.hpp"

namespace vyre::jit {

/// What may end a unit: an instruction that may fault, or the turn of a loop.
using MayEnd = std::function<bool(std::uint32_t at)>;

/// False where what may end it depends on something that the unit itself has written.
[[nodiscard]] bool can_foresee(const core::Image& image, const MayEnd& may_end);

}  // namespace vyre::jit
