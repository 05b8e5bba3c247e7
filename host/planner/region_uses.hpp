// What the members of open regions do to buffers, for the rules of one image. Host only, private to
// this room.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace vyre::planner {

/// Of one buffer in one region.
struct RegionUse {
  std::uint32_t element{0};
  bool written{false};
  bool own_element{false};  // written once a lane, at the lane's own element
};

/// A hash table from (region, buffer); entries stay.
class RegionUses {
 public:
  /// Null where no member uses the buffer.
  [[nodiscard]] const RegionUse* find(std::uint32_t region, std::uint32_t buffer) const noexcept {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[slot_of(key(region, buffer))];
    return slot.key == kFree ? nullptr : &slot.use;
  }
  RegionUse& at(std::uint32_t region, std::uint32_t buffer) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[slot_of(key(region, buffer))];
    if (slot.key == kFree) {
      slot.key = key(region, buffer);
      ++used_;
    }
    return slot.use;
  }

 private:
  static constexpr std::uint64_t kFree{~std::uint64_t{0}};
  struct Slot {
    std::uint64_t key{kFree};
    RegionUse use;
  };
  static std::uint64_t key(std::uint32_t region, std::uint32_t buffer) noexcept {
    return std::uint64_t{region} << 32 | buffer;
  }
  [[nodiscard]] std::size_t slot_of(std::uint64_t wanted) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    // Eight neighbours among a region's buffers lie side by side.
    std::uint64_t hash = (wanted >> 3) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    std::size_t slot = (hash << 3 | (wanted & 7)) & mask;
    while (slots_[slot].key != kFree && slots_[slot].key != wanted) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 256 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kFree) slots_[slot_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_{0};
};

}  // namespace vyre::planner
