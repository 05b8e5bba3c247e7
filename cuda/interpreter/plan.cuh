// Where the parts of a frame lie: in the warp's slice of shared memory as far as they fit, else in
// its scratch. Plain arithmetic over an image, host and device, so that both come to one answer.
// Spec: docs/internals/image.md, "On a device".
#pragma once

#include <cstdint>

#include "core/machine.hpp"

namespace vyre::cuda::interpreter {

inline constexpr std::uint32_t kWarpLanes{32};
/// Lanes of a frame that a thread owns at once: four, so that a register is read in 16 bytes.
inline constexpr std::uint32_t kWide{4};
inline constexpr std::uint32_t kWideStep{kWarpLanes * kWide};
inline constexpr std::uint32_t kMaxFlatWidth{2 * kWideStep};
/// Scratch that a program with asynchronous copies gets at the least, for the copies under way.
inline constexpr std::uint64_t kMinCopyBytes{64 * 1024};
/// Registers of a flat frame in scratch: wide frames up to here, narrow ones above.
inline constexpr std::uint64_t kWideScratchBytes{128 * 1024};

/// Room for the copy of the machine that rare work is done on, at the start of the slice.
inline constexpr std::uint64_t kTwinBytes{448};
/// The least slice: the twin, and something beside it.
inline constexpr std::uint32_t kMinSliceBytes{1'024};

struct Place {
  std::uint64_t offset;
  std::uint32_t in_scratch;
};

struct Plan {
  std::uint32_t width;        // lanes of a frame: 32, 64, or a multiple of 128
  std::uint32_t code_staged;  // the instructions are copied behind the twin, which is first
  Place scalars;
  Place mask_active;
  Place table;  // bound buffers
  Place masks;  // masks, then live lanes, iterations, and the high parts of iterations
  Place vectors;
  Place workgroup;
  std::uint64_t copies;  // offset in scratch; what is behind it belongs to the copies under way
  std::uint64_t scratch_bytes;
};

struct Planner {
  std::uint64_t shared_left;
  std::uint64_t shared_at{0};
  std::uint64_t scratch_at{0};

  VYRE_HD static std::uint64_t round_up(std::uint64_t bytes) { return (bytes + 15) / 16 * 16; }
  [[nodiscard]] VYRE_HD bool fits(std::uint64_t bytes) const {
    return round_up(bytes) <= shared_left;
  }
  VYRE_HD Place put(std::uint64_t bytes, bool shared) {
    bytes = round_up(bytes);
    if (shared) {
      shared_left -= bytes;
      shared_at += bytes;
      return {shared_at - bytes, 0};
    }
    scratch_at += bytes;
    return {scratch_at - bytes, 1};
  }
  VYRE_HD Place put_where_it_fits(std::uint64_t bytes) { return put(bytes, fits(bytes)); }
};

/// Words of a lane beside its registers.
[[nodiscard]] VYRE_HD inline std::uint64_t mask_words(const core::ImageView& image) {
  return std::uint64_t{image.mask_count} + 1 + (image.loops != 0 ? 2 : 0);
}

/// `lanes`: of the span, so that short spans get narrow frames.
[[nodiscard]] VYRE_HD inline Plan make_plan(const core::ImageView& image,
                                            std::uint64_t workgroup_bytes, bool uses_async,
                                            std::uint32_t shared_bytes, std::uint64_t lanes) {
  Plan plan{};
  Planner at{shared_bytes};
  at.put(kTwinBytes, true);
  // The same for every span of an image: what is staged stays where it is.
  const std::uint64_t code_bytes = std::uint64_t{image.code_count} * sizeof(core::Instruction);
  plan.code_staged = code_bytes <= shared_bytes / 4 ? 1u : 0u;
  if (plan.code_staged != 0) at.put(code_bytes, true);
  const std::uint64_t scalar_bytes = std::uint64_t{image.scalar_registers} * 4;
  plan.scalars = at.put(scalar_bytes, scalar_bytes <= shared_bytes / 8);
  plan.mask_active = at.put(image.mask_count, image.mask_count <= shared_bytes / 16);
  const std::uint64_t table_bytes = std::uint64_t{image.buffer_count} * sizeof(core::BoundBuffer);
  plan.table = at.put(table_bytes, table_bytes <= shared_bytes / 8);

  const std::uint64_t lane_mask_bytes = mask_words(image) * 4;
  const std::uint64_t lane_vector_bytes = std::uint64_t{image.vector_registers} * 4;
  if (image.flat != 0) {
    const auto fits = [&](std::uint32_t width) {
      return Planner::round_up(lane_mask_bytes * width) +
                 Planner::round_up(lane_vector_bytes * width) <=
             at.shared_left;
    };
    plan.width = kMaxFlatWidth;
    while (plan.width > kWarpLanes && (plan.width / 2 >= lanes || !fits(plan.width)))
      plan.width /= 2;
    if (!fits(plan.width)) {
      plan.width = lane_vector_bytes * kWideStep <= kWideScratchBytes ? kWideStep : kWarpLanes;
    }
  } else {
    const std::uint32_t n = image.workgroup[0] * image.workgroup[1] * image.workgroup[2];
    plan.width =
        n <= kWarpLanes
            ? kWarpLanes
            : (n <= 2 * kWarpLanes ? 2 * kWarpLanes : (n + kWideStep - 1) / kWideStep * kWideStep);
  }
  plan.masks = at.put_where_it_fits(lane_mask_bytes * plan.width);
  plan.vectors = at.put_where_it_fits(lane_vector_bytes * plan.width);
  plan.workgroup = at.put_where_it_fits(workgroup_bytes);
  plan.copies = (at.scratch_at + 255) / 256 * 256;
  plan.scratch_bytes = uses_async ? plan.copies + kMinCopyBytes : at.scratch_at;
  return plan;
}

}  // namespace vyre::cuda::interpreter
