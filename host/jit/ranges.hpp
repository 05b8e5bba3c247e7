// What registers can hold: an interval of bits a register, followed through the code once. It shows
// which checks never fail and how often a loop turns at the most. Host only, private to the room.
// Spec: docs/internals/jit.md, "Classes".
#pragma once

#include <cstdint>
#include <vector>

#include "core/image.hpp"

namespace vyre::jit {

/// Unsigned bits, both ends included. Of floats from +0 on, bits are in the order of the values.
struct Interval {
  std::uint32_t low{0};
  std::uint32_t high{~std::uint32_t{0}};
};

/// How often a loop turns for a lane, at the most.
struct Trips {
  std::uint32_t most{~std::uint32_t{0}};
  /// A scalar register that holds its end, set before the first frame; kNowhere: there is none.
  std::uint32_t end_register{~std::uint32_t{0}};
};

struct Ranges {
  std::vector<bool> safe;    // by instruction: a check that never fails
  std::vector<Trips> trips;  // by instruction: of a loop that begins there
};

[[nodiscard]] Ranges find_ranges(const core::Image& image);

/// Bits of the result, from those of the operands: of instructions with one word out.
[[nodiscard]] Interval result_of(const core::Image& image, const core::Instruction& i, Interval a,
                                 Interval b, Interval c);
/// Whether the check cannot fail. `high`: of the upper word where the operand has two.
[[nodiscard]] bool never_fails(core::Opcode op, Interval a, Interval b, Interval high);

}  // namespace vyre::jit
