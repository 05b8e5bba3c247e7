// Which items run as one region, and in which form. Regions partition the items that run; their
// graph has no cycle because a member's predecessors outside the region have lower levels. Host
// only, no I/O; O(n log n). Spec: docs/internals/planner.md, "Regions".
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "planner/cost.hpp"
#include "planner/graph.hpp"
#include "planner/work.hpp"

namespace vyre::planner {

/// From weak to strong. A region may always run in a weaker form, except that members that conflict
/// cannot run side by side.
enum class Form : std::uint8_t {
  single,  // one item
  bundle,  // members side by side, none conflicts with another
  chain,   // members one after another
  lanes,   // one image: a lane does the members one after another
};
inline constexpr std::size_t kForms{4};
[[nodiscard]] std::string_view name(Form form) noexcept;

/// Why an item did not join a region, or why the region is no `lanes`.
enum class Refusal : std::uint8_t {
  none,
  flags,              // a queue flag, which no region spans
  full,               // kMaxRegionMembers
  level,              // a predecessor outside the region is not below it
  parallel,           // members run side by side, or the item does not follow the last one
  cost,               // less than a tenth of the time is saved
  not_flat,           // an op that is no flat program
  workgroup,          // workgroup sizes differ
  grid,               // grids differ, are not known, or have more than one axis
  read_write,         // a read_write input: the region could not run again
  element,            // handed over as another element type
  other_lane,         // handed over to another lane
  two_writers,        // a buffer has two writers
  overwritten_input,  // a buffer is read and later written
  registers,          // more than kMaxVectorRegisters
  nothing_shared,     // no buffer in common, so one image moves no fewer bytes
  executor,           // the executor runs no images of several items
  perhaps,            // an earlier submission stands for the other item; it runs alone if it runs
  memory,             // memory is short, and the image is one that nothing keeps yet
};
inline constexpr std::size_t kRefusals{19};
[[nodiscard]] std::string_view name(Refusal refusal) noexcept;

struct Region {
  Form form{Form::single};
  std::uint8_t flags{0};            // QueueFlags that the region has to be published with
  Refusal no_lanes{Refusal::none};  // why it is no `lanes`, where it has several members
  std::uint32_t level{0};
  std::uint32_t segment{0};       // items with flags are in segments of their own
  std::uint32_t first_member{0};  // in Regions::members
  std::uint32_t members{0};
  std::uint64_t shape{0};  // equal for regions with the same ops, wiring and grids
  RegionSums sums;
  RegionCost cost;
};

/// An item that could have joined the region of another one.
struct NotFused {
  std::uint32_t item;
  std::uint32_t with;
  Refusal why;
};

/// Where an item runs.
struct Place {
  std::uint32_t region{kNoItem};  // in dispatch order
  std::uint32_t member{0};
};

struct Regions {
  std::vector<Region> regions;         // in dispatch order
  std::vector<std::uint32_t> members;  // items, region by region, each in the order of the batch
  std::vector<Place> places;           // by item
  std::vector<NotFused> not_fused;
  std::array<std::uint64_t, kRefusals>
      refused{};           // how many of `not_fused` and `no_lanes`, by rule
  std::uint64_t edges{0};  // between regions, each pair once
  std::uint64_t ready{0};  // regions that wait for no other

  [[nodiscard]] std::span<const std::uint32_t> members_of(const Region& region) const noexcept {
    return std::span(members).subspan(region.first_member, region.members);
  }
};

/// Which regions may be made.
struct Forms {
  bool fuse{true};   // false: every item is a region of its own
  bool lanes{true};  // false: none runs in one image
  /// Before a chain, and where a chain would save more.
  bool lanes_first{false};
};

/// `runs` is as for conflict_graph, which made
/// `graph`.
[[nodiscard]] Regions make_regions(const Work& work, const ConflictGraph& graph,
                                   std::span<const Runs> runs, const Measured& measured,
                                   const Forms& forms);

/// A buffer that a `lanes` region need not store, because nothing reads it afterwards.
struct Elided {
  std::uint32_t region;
  std::uint32_t buffer;
};
/// Buffers handed over inside a region, where the buffer is scratch or a later item of the batch
/// overwrites it whole before any other item reads it.
[[nodiscard]] std::vector<Elided> elided_stores(const Work& work, const Regions& regions);

}  // namespace vyre::planner
