// Fusing: the images of several flat programs -> one image, in which a lane does the first program,
// then the second, and so on. A value that one program stores at the lane's own element and a later
// one loads from there goes through a register. Host only, pure. Spec: docs/internals/image.md,
// "Fused images".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "core/image.hpp"

namespace vyre::vir {

/// How a program reaches one declared buffer, beside asking for its length. A lane's own element is
/// the one at its global id in axis 0.
struct LaneReach {
  bool loads{false};
  bool stores{false};
  bool elsewhere{false};  // an element that is not the lane's own
  /// A lane that comes to its end without a fault has stored its own element, if there is one.
  bool covers{false};
};

/// What the image of a program says about its lanes.
struct LaneFacts {
  bool flat{false};                // no lane depends on another: a flat image without atomics
  std::vector<LaneReach> buffers;  // by declaration index
};
[[nodiscard]] LaneFacts lane_facts(const core::Image& image);

/// A buffer that one member of a fused image writes and later ones read.
struct HandOver {
  struct Place {
    std::uint32_t member{0};
    std::uint32_t buffer{0};  // declaration index there
  };
  Place writer;
  std::vector<Place> readers;
  std::uint64_t elements{0};  // of the writer's buffer
  bool longer{false};         // the readers see more elements, which are in memory
  bool stored{true};          // false: its bytes do not matter afterwards
  /// No lane of the grid has its element behind them.
  bool all_inside{false};
};

/// The buffers of the image are those of the members, one member's behind the other's. Its lanes
/// are right only in a grid of one dimension where anything is handed over; the caller sees to that
/// and to what the members' other buffers are. Errc::unsupported names the rule that forbids it.
[[nodiscard]] Result<core::Image> fuse(std::span<const core::Image* const> members,
                                       std::span<const HandOver> handed);

}  // namespace vyre::vir
