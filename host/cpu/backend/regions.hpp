// Blocks of regions: what a slot with kRegionOp stands for, and how each member ended. Host only.
// A block is filled before its slot is published; from then on it belongs to the worker that takes
// the item, and after the region's completion to the collector, until it is freed.
//
// Lock: RegionTable owns a mutex for the list of blocks; contents are ordered by the rings.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "backend/backend.hpp"
#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "protocol/work_item.hpp"

namespace vyre::cpu {

struct RegionBlock {
  std::vector<MegakernelWorkItem> items;
  std::vector<Completion> results;
  std::shared_ptr<const backend::FusedProgram> fused;  // null: the members have no image of theirs
  /// Members to end as cancelled, a bit each. Written under State::taking, and only before the
  /// region has started.
  std::uint64_t cancelled{0};
};
static_assert(kMaxRegionMembers <= 64, "a bit for each member");

class RegionTable {
 public:
  [[nodiscard]] std::uint32_t put(std::span<const MegakernelWorkItem> items,
                                  std::shared_ptr<const backend::FusedProgram> fused) {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      free_.reserve(blocks_.size() + 1);  // so that free() needs no memory
      blocks_.push_back(std::make_unique<RegionBlock>());
      free_.push_back(static_cast<std::uint32_t>(blocks_.size() - 1));
    }
    const std::uint32_t number = free_.back();
    RegionBlock& block = *blocks_[number];
    block.items.assign(items.begin(), items.end());
    block.results.assign(items.size(), Completion{});
    block.fused = std::move(fused);
    block.cancelled = 0;
    free_.pop_back();
    return number;
  }
  /// `number` is one that put() gave and free() has not got.
  [[nodiscard]] RegionBlock& at(std::uint32_t number) {
    const std::lock_guard lock(mutex_);
    return *blocks_[number];
  }
  void free(std::uint32_t number) noexcept {
    const std::lock_guard lock(mutex_);
    blocks_[number]->fused.reset();
    free_.push_back(number);
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<RegionBlock>> blocks_;
  std::vector<std::uint32_t> free_;
};

}  // namespace vyre::cpu
