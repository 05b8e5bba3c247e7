// A plan: what a batch of items becomes before it is submitted. Every item has a place in a region
// or another item that stands for it. Host only, no I/O; O(n log n). Spec:
// docs/internals/planner.md, "Plans".
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "planner/dedupe.hpp"
#include "planner/lineage.hpp"
#include "planner/regions.hpp"
#include "planner/work.hpp"

namespace vyre::planner {

struct PlanOptions {
  bool dedupe{true};
  bool fuse{true};
  bool lineage{true};
  bool lanes{true};         // fuse into one image, too
  bool lanes_first{false};  // and that rather than into chains
};

/// An item that does not run.
struct Removed {
  std::uint32_t item;
  Standing standing;
};

/// What the regions of a plan derive from.
struct PlanLineage {
  RuleSets sets;           // by region, in dispatch order
  std::uint64_t items{0};  // in these regions
  std::uint64_t edges{0};  // derivations between regions
  /// Buffers that the plan writes, and the region whose set each carries afterwards.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> carries;
};

struct Plan {
  PlanOptions options;
  std::vector<Removed> removed;  // in the order of the batch
  Regions regions;
  std::vector<Elided> elided;
  std::uint64_t conflicts{0};  // edges between items
  PlanLineage lineage;         // empty where it was not asked for
  /// By item: it is worth a key in a DedupeTable once it was accepted.
  std::vector<bool> repeatable;

  /// Where the item runs, or the item of the batch that stands for it. Where an earlier submission
  /// stands for it, that is where it runs if its buffers were written since.
  [[nodiscard]] const Place& place(std::size_t item) const noexcept { return regions.places[item]; }
  [[nodiscard]] std::size_t published() const noexcept {
    return regions.places.size() - removed.size();
  }
};

/// Looks at a batch and changes nothing. `earlier` may be null. An index of the batch that leads
/// nowhere, or more items than fit, is an error.
[[nodiscard]] Result<Plan> make_plan(const Work& work, const PlanOptions& options,
                                     const Measured& measured,
                                     const DedupeTable* earlier = nullptr);

/// What the regions of a plan that was made of this batch derive from; make_plan() calls it where
/// lineage is asked for.
[[nodiscard]] Result<PlanLineage> lineage_of(const Work& work, const Plan& plan);
/// A region in one image becomes a chain, because the image cannot be had.
void weaken(Plan& plan, std::uint32_t region, Refusal why, const Measured& measured);

/// One screen for a reader: counts, costs, the first regions, and what was not fused and why.
[[nodiscard]] std::string describe(const Work& work, const Plan& plan, const Measured& measured);
/// The same as a JSON object. At most kMaxReportedRegions entries of a list are spelled out.
[[nodiscard]] std::string describe_json(const Work& work, const Plan& plan,
                                        const Measured& measured);

}  // namespace vyre::planner
