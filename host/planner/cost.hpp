// Whether items gain by running as one region: what is saved against what is lost, from numbers
// that were measured in this process. Host only, no I/O. Spec: docs/internals/planner.md, "Cost".
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/limits.hpp"

namespace vyre::planner {

/// What this process measured. A number that was not measured counts as nothing: neither as a cost
/// nor as a gain.
struct Measured {
  std::optional<double> item_ns;       // one no-op item on its way through a ring
  std::optional<double> bytes_per_ns;  // that items read and write
  std::optional<double> step_ns;       // one step of a program that is not fused
  /// What programs take in one image, as a multiple of what they take one after another.
  std::optional<double> fused_ratio;
};

/// The sums over the members of a region.
struct RegionSums {
  std::uint32_t members{0};
  double run_ns{0};           // of their programs, one by one
  double bytes{0};            // that the members read and write one by one
  double bytes_not_moved{0};  // of these, in one image
};

struct RegionCost {
  double unfused_ns{0};
  double saved_ns{0};
  double lost_ns{0};
  /// At least a tenth of the time is saved.
  [[nodiscard]] bool worth_it() const noexcept;
};

/// `one_image`: the members run lane by lane in one image, so that bytes are not moved and programs
/// take what they take in one image.
[[nodiscard]] RegionCost cost_of(const Measured& measured, const RegionSums& sums,
                                 bool one_image) noexcept;

/// Whether a region of a shape is fused at all: the plan was submitted explicitly, or the shape
/// came up `times` times.
[[nodiscard]] constexpr bool may_fuse(bool explicitly, std::uint64_t times) noexcept {
  return explicitly || times >= kFuseAfter;
}

}  // namespace vyre::planner
