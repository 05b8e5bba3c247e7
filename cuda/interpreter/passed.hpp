// What the members of an image executed, as a warp counts it while frames go by: sums over frames,
// of which the differences are the members' own steps. Plain old data, read by g++ and nvcc. Spec:
// docs/internals/image.md, "Fused images".
#pragma once

#include <cstdint>

#include "protocol/limits.hpp"

namespace vyre::cuda::interpreter {

/// Device memory; one warp adds to it, or many do where they share an item.
struct Passed {
  /// By member: what was executed from the begin of a span up to the member's end.
  std::uint64_t members[kMaxRegionMembers];
  std::uint64_t frames;  // and up to the end of the frame
};

}  // namespace vyre::cuda::interpreter
