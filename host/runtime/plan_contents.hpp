// What is inside a Plan: the batch as plain data, what the planner made of it, and how the session
// tells later whether the handles still name what they named. Host only; never changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "planner/plan.hpp"
#include "protocol/work_item.hpp"

namespace vyre::runtime {

/// A buffer or a binding set that the items name.
struct NamedHandle {
  std::uint32_t handle;
  std::uint64_t serial;
};

struct PlanContents {
  std::uint32_t session{0};
  std::uint32_t queue{0};
  std::vector<MegakernelWorkItem> items;
  std::vector<NamedHandle> handles;  // each once
  planner::Work work;
  planner::Measured measured;
  planner::Plan plan;
  /// By region: of those in one image; empty: there is none.
  std::vector<backend::FusedRegion> images;
  std::optional<std::uint64_t> least_hit_bytes;  // of the buffers that hits go to
  /// An earlier submission stands for the item, unless a buffer was written since.
  std::vector<bool> perhaps;
  std::vector<std::uint64_t> first_stood_for;  // in `stood_for`, by item; one more at the end
  std::vector<std::uint32_t> stood_for;        // items for which another item of the batch stands

  /// Null: the members of the region have no image.
  [[nodiscard]] const backend::FusedRegion* image_of(const planner::Region& region) const noexcept {
    if (images.empty()) return nullptr;
    const auto& one = images[static_cast<std::size_t>(&region - plan.regions.regions.data())];
    return one.program == nullptr ? nullptr : &one;
  }
  /// Items of the batch that are not published because this one is.
  [[nodiscard]] std::span<const std::uint32_t> stands_for(std::uint32_t item) const noexcept {
    if (stood_for.empty()) return {};
    return std::span(stood_for).subspan(first_stood_for[item],
                                        first_stood_for[item + 1] - first_stood_for[item]);
  }
};

}  // namespace vyre::runtime
