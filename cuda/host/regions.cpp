// See regions.hpp.
#include "regions.hpp"

#include <algorithm>
#include <bit>

namespace vyre::cuda {

using queue::HostAtomics;
using queue::Order;

Regions::Regions(Reservation& reserved, Cancels& cancels)
    : reserved_(reserved), cancels_(cancels), images_(reserved.region_blocks.size()) {
  for (std::size_t number = reserved.region_blocks.size(); number != 0; --number)
    free_.push_back(static_cast<std::uint32_t>(number - 1));
}

std::optional<std::uint32_t> Regions::fill(std::span<const MegakernelWorkItem> items,
                                           megakernel::RegionForm form) {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t number = free_.back();
  free_.pop_back();
  megakernel::RegionBlock& block = reserved_.region_blocks[number];
  block.members = static_cast<std::uint32_t>(items.size());
  block.form = form;
  HostAtomics::store(&block.cancelled, std::uint64_t{0}, Order::relaxed);  // before [RING-1]
  // A no-op looks at nothing, so it does not matter what it names.
  std::transform(items.begin(), items.end(), block.items, [](const MegakernelWorkItem& item) {
    return item.op_handle == 0 ? MegakernelWorkItem{} : item;
  });
  std::fill_n(block.results, items.size(), Completion{});
  return number;
}

std::optional<std::uint32_t> Regions::make(std::span<const MegakernelWorkItem> items,
                                           bool side_by_side) {
  const std::lock_guard lock(mutex_);
  return fill(items, side_by_side ? megakernel::RegionForm::bundle : megakernel::RegionForm::chain);
}

std::optional<std::uint32_t> Regions::make_fused(std::span<const MegakernelWorkItem> items,
                                                 const backend::FusedRegion& region,
                                                 const FusedImages::Place& at) {
  const std::lock_guard lock(mutex_);
  const auto number = fill(items, megakernel::RegionForm::image);
  if (!number) return std::nullopt;
  images_[*number] = region.program;
  megakernel::RegionBlock& block = reserved_.region_blocks[*number];
  block.image = at.address;
  block.image_serial = at.serial;
  block.buffer_count = static_cast<std::uint32_t>(region.bound.size());
  std::copy(region.grid.begin(), region.grid.end(), block.grid);
  std::transform(region.bound.begin(), region.bound.end(), block.buffers,
                 [](const backend::FusedRegion::Bound& one) -> megakernel::RegionBuffer {
                   return {one.handle, 0, one.bytes};
                 });
  return number;
}

std::uint64_t Regions::cancel(std::uint32_t q, std::uint64_t position, std::uint32_t region,
                              std::uint64_t members) {
  // With the lock no block is freed: that of a region in flight stays its own.
  const std::lock_guard lock(mutex_);
  std::uint64_t* const cancelled = &reserved_.region_blocks[region].cancelled;
  // Relaxed: a bit is its own message, as the marks of single items (queue/cancel_marks.hpp).
  const std::uint64_t fresh = members & ~HostAtomics::load(cancelled, Order::relaxed);
  if (fresh == 0 || !cancels_.look_for_members(q, position)) return 0;
  (void)HostAtomics::fetch_or(cancelled, fresh);
  return static_cast<std::uint64_t>(std::popcount(fresh));
}

std::span<const Completion> Regions::results(std::uint32_t region) const noexcept {
  const megakernel::RegionBlock& block = reserved_.region_blocks[region];
  return {block.results, block.members};
}

void Regions::free(std::uint32_t region) noexcept {
  const std::lock_guard lock(mutex_);
  images_[region].reset();
  free_.push_back(region);
}

}  // namespace vyre::cuda
