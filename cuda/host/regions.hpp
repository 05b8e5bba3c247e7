// Blocks of regions in pinned memory: what a slot with kRegionOp names, and how each member ended.
// Host only, no CUDA; any thread. A block is filled before its slot is published; from then on it
// is the kernel's, and after the region's completion the collector's, until it is freed. Spec:
// docs/internals/planner.md, "How a region travels".
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "cancels.hpp"
#include "fused_images.hpp"
#include "protocol/completion.hpp"
#include "protocol/work_item.hpp"
#include "reservation.hpp"

namespace vyre::cuda {

class Regions {
 public:
  Regions(Reservation& reserved, Cancels& cancels);

  /// backend::Backend::make_region(); nullopt: no block is free.
  [[nodiscard]] std::optional<std::uint32_t> make(std::span<const MegakernelWorkItem> items,
                                                  bool side_by_side);
  /// backend::Backend::make_fused_region(); `at`: where its image lies.
  [[nodiscard]] std::optional<std::uint32_t> make_fused(std::span<const MegakernelWorkItem> items,
                                                        const backend::FusedRegion& region,
                                                        const FusedImages::Place& at);
  /// backend::Backend::cancel_members().
  [[nodiscard]] std::uint64_t cancel(std::uint32_t queue, std::uint64_t position,
                                     std::uint32_t region, std::uint64_t members);
  [[nodiscard]] std::span<const Completion> results(std::uint32_t region) const noexcept;
  void free(std::uint32_t region) noexcept;

 private:
  /// With the lock.
  [[nodiscard]] std::optional<std::uint32_t> fill(std::span<const MegakernelWorkItem> items,
                                                  megakernel::RegionForm form);

  Reservation& reserved_;
  Cancels& cancels_;
  std::mutex mutex_;                 // which blocks are free; which members are cancelled
  std::vector<std::uint32_t> free_;  // has room for all blocks
  std::vector<std::shared_ptr<const backend::FusedProgram>> images_;  // by block: kept till free()
};

}  // namespace vyre::cuda
