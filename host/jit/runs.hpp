// Where the code of a workgroup of more than 32 lanes is cut. A run is code that a warp does for 32
// lanes after the other; barriers stand between runs. Host only, private to the room.
// Spec: docs/internals/jit.md, "Workgroups".
#pragma once

#include <cstdint>
#include <vector>

#include "analysis.hpp"
#include "core/image.hpp"

namespace vyre::jit {

struct Run {
  std::uint32_t from{0};
  std::uint32_t to{0};
  std::vector<std::uint32_t> loads;   // vector registers whose value comes from another run
  std::vector<std::uint32_t> stores;  // those that another run may read
};

struct Runs {
  std::vector<Run> list;               // in the order of the code
  std::vector<std::uint32_t> carried;  // vector registers that live across runs
};

/// Whether the construct stands between runs: it has a barrier, and all lanes decide it alike.
[[nodiscard]] inline bool is_between(const Analysis& analysis, const Construct& c) {
  return !c.lanes && analysis.has_barrier(c.begin, c.end);
}

[[nodiscard]] Runs find_runs(const core::Image& image, const Analysis& analysis);

}  // namespace vyre::jit
