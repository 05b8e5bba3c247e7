// From regions as they were opened to regions in the order in which they are dispatched. Host only,
// private to this room.
#pragma once

#include <cstdint>
#include <vector>

#include "planner/regions.hpp"

namespace vyre::planner {

/// A region while items may still join it.
struct OpenRegion {
  std::uint32_t first{0};  // items
  std::uint32_t last{0};
  std::uint32_t level{0};
  std::uint32_t segment{0};
  std::uint32_t registers{0};
  std::uint8_t flags{0};
  bool conflicts{false};  // members wait for each other
  bool one_image{false};  // it has several members that run in one image
  bool closed{false};     // no item may join
  Refusal no_lanes{Refusal::none};
  RegionSums sums;
};

/// Fills in everything but `not_fused`. `region_of` has, by item, an index into `open`.
void order_regions(const Work& work, const ConflictGraph& graph, const Measured& measured,
                   const std::vector<OpenRegion>& open, std::vector<std::uint32_t> region_of,
                   Regions& regions);

}  // namespace vyre::planner
