// The units of a phase of a spread item, as one warp takes them: the next one is claimed while the
// one at hand runs, and what has ended is counted once, when the warp finds none left. By whole
// warps, converged. Device only. Spec: docs/internals/megakernel.md, "Workers, jobs, sharing".
#pragma once

#include <cstdint>

#include "cuda/megakernel/layout.hpp"
#include "cuda/ptx/access.cuh"
#include "lane.cuh"

namespace vyre::cuda::megakernel {

/// In the low half of SpreadItem::claim: no unit is to be claimed any more. Claims may go on
/// adding.
inline constexpr std::uint32_t kClaimsOver{1u << 31};

/// The same on all lanes, but for `ahead`. While it holds a unit that is not counted, the spread
/// item stays as it is: its phase cannot end.
struct UnitClaims {
  SpreadItem* slot;        // null: the warp runs its job alone
  std::uint32_t units;     // of the phase
  std::uint32_t workers;   // warps that may want one
  std::uint32_t unit;      // the one at hand
  std::uint32_t held;      // units that ended here, or that no warp is to run, and are not counted
  std::uint32_t ahead;     // lane 0's: the claim under way
  std::uint32_t is_ahead;  // a claim is under way
  std::uint32_t is_over;   // next() has found that none is left

  /// The first unit of the phase that a warp got.
  __device__ __forceinline__ void begin(std::uint32_t first) {
    unit = first;
    held = 0;
    reach_ahead();
  }

  /// The unit at hand has ended; on to the next one. False: none is left.
  __device__ __forceinline__ bool next() {
    if (is_over != 0) return false;
    ++held;
    // Units are claimed in order, so behind the last one none is left.
    is_over = 1;
    if (unit + 1 >= units) return false;
    if (is_ahead == 0) claim();
    const std::uint32_t found = __shfl_sync(~0u, ahead, 0);
    if (found >= units) return false;
    unit = found;
    is_over = 0;
    reach_ahead();
    return true;
  }

  /// The unit at hand has ended by a fault: units above it need not run. Those that nobody has
  /// claimed are held here, as ended. What other warps have claimed lies below or is theirs to end.
  __device__ __forceinline__ void give_up() {
    ++held;
    std::uint32_t spared = 0;
    if (lane_id() == 0) {
      if (is_ahead != 0 && ahead < units) ++spared;
      const auto before =
          static_cast<std::uint32_t>(ptx::fetch_or_relaxed_gpu_u64(&slot->claim, kClaimsOver));
      if (before < units) spared += units - before;
    }
    held += __shfl_sync(~0u, spared, 0);
  }

 private:
  __device__ __forceinline__ void claim() {
    // Relaxed: the claim of the first unit has acquired all that holds for the phase.
    if (lane_id() == 0)
      ahead = static_cast<std::uint32_t>(ptx::fetch_add_relaxed_gpu_u64(&slot->claim, 1));
  }
  /// Not where as many warps as there are units left may come: each should get one then.
  __device__ __forceinline__ void reach_ahead() {
    is_ahead = units - unit > workers ? 1 : 0;
    if (is_ahead != 0) claim();
  }
};

}  // namespace vyre::cuda::megakernel
