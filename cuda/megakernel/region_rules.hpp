// How the members of a region are counted, apart from how a warp does it, and what the run entry of
// a member says. One source for the kernel and the model (test/model); no CUDA. Spec:
// docs/internals/megakernel.md, "Regions".
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "cuda/megakernel/layout.hpp"
#include "protocol/completion.hpp"
#include "queue/atomics.hpp"

namespace vyre::cuda::megakernel {

// How members ended, summed in one word: how many, how many of them were not done, and of how many
// the host reads something that they wrote. A byte each.
static_assert(kMaxRegionMembers < 256);

[[nodiscard]] VYRE_HD constexpr std::uint32_t member_end(bool done, bool for_host) {
  return 1u | (done ? 0u : 1u << 8) | (for_host ? 1u << 16 : 0u);
}
[[nodiscard]] VYRE_HD constexpr std::uint32_t ended_members(std::uint32_t ends) {
  return ends & 0xFFu;
}
/// `done`, or `faulted` without a code: the block's results say how each member ended.
[[nodiscard]] VYRE_HD constexpr CompletionStatus status_of_members(std::uint32_t ends) {
  return (ends >> 8 & 0xFFu) == 0 ? CompletionStatus::done : CompletionStatus::faulted;
}
[[nodiscard]] VYRE_HD constexpr bool is_for_host(std::uint32_t ends) {
  return (ends >> 16) != 0;
}

/// Counts the end of a member of a bundle; how all ended, if it was the last one, else 0. What the
/// members wrote before is then visible to the caller.
VYRE_SIDE_OF_POLICY
template <class Atomics>
[[nodiscard]] VYRE_HD std::uint32_t count_member(std::uint32_t* ended, std::uint32_t end,
                                                 std::uint32_t members) {
  const std::uint32_t ends = Atomics::fetch_add_acq_rel(ended, end) + end;  // [REGION-1]
  return ended_members(ends) == members ? ends : 0;
}

/// RunEntry::spread of a member.
struct BundleMember {
  std::uint32_t block;
  std::uint32_t member;
  std::uint32_t members;

  [[nodiscard]] VYRE_HD constexpr std::uint32_t word() const {
    return block << 16 | members << 8 | member;
  }
  [[nodiscard]] static VYRE_HD constexpr BundleMember of(std::uint32_t word) {
    return {word >> 16, word & 0xFFu, word >> 8 & 0xFFu};
  }
};
static_assert(kRegionBlocks <= 1u << 16);

}  // namespace vyre::cuda::megakernel
