// See plan_lanes.hpp.
#include "plan_lanes.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <unordered_map>
#include <utility>

namespace vyre::runtime {
namespace {

using ElidedStores = std::set<std::pair<std::uint32_t, std::uint32_t>>;  // region, buffer

/// A plan waits so long for all its images to lie on a device; then its regions are chains.
constexpr std::chrono::milliseconds kLoadWait{1'000};

struct RegionImage {
  FusedRecipe recipe;
  std::vector<const FusionFacts*> facts;
  backend::FusedRegion region;  // but for the program
};

/// Whether the lanes of the grid store every byte of the output.
bool is_covered(const FusionFacts& facts, std::uint32_t output,
                const std::array<std::uint32_t, 3>& grid) {
  const std::uint64_t stride = facts.program.image->buffers[output].stride;
  const std::uint64_t bytes = facts.program.buffers[output].min_bytes;
  return facts.lanes.buffers[output].covers && stride != 0 && bytes % stride == 0 &&
         std::uint64_t{grid[0]} * facts.program.image->workgroup[0] >= bytes / stride;
}

RegionImage image_of(PlanContents& plan, std::uint32_t number, const OpTable& ops,
                     const ElidedStores& elided) {
  RegionImage made;
  std::unordered_map<std::uint32_t, std::size_t> written;  // by buffer: in `handed`
  const auto members = plan.plan.regions.members_of(plan.plan.regions.regions[number]);
  for (std::uint32_t m = 0; m < members.size(); ++m) {
    const planner::Item& item = plan.work.items[members[m]];
    const FusionFacts& facts = *ops.record(plan.work.ops[item.op].id).fusion;
    made.recipe.ops.push_back(plan.work.ops[item.op].id);
    made.facts.push_back(&facts);
    made.region.grid = item.grid;  // the same for all
    const auto uses = plan.work.uses_of(item);
    const std::size_t first = made.region.bound.size();
    made.region.bound.resize(first + item.inputs + item.outputs);
    const auto bind = [&](std::uint32_t use, std::uint32_t declared) {
      const planner::BufferFacts& buffer = plan.work.buffers[uses[use].buffer];
      made.region.bound[first + declared] = {buffer.handle, buffer.bytes};
    };
    for (std::uint32_t i = 0; i < item.inputs; ++i) bind(i, facts.inputs[i]);
    for (std::uint32_t o = 0; o < item.outputs; ++o) bind(item.inputs + o, facts.outputs[o]);
    for (std::uint32_t i = 0; i < item.inputs; ++i) {
      const auto found = written.find(uses[i].buffer);
      if (found == written.end()) continue;
      vir::HandOver& one = made.recipe.handed[found->second];
      const std::uint32_t stride = facts.program.image->buffers[facts.inputs[i]].stride;
      one.longer = plan.work.buffers[uses[i].buffer].bytes / stride > one.elements;
      one.readers.push_back({m, facts.inputs[i]});
    }
    for (std::uint32_t o = 0; o < item.outputs; ++o) {
      const std::uint32_t buffer = uses[item.inputs + o].buffer;
      const std::uint32_t declared = facts.outputs[o];
      const std::uint32_t stride = facts.program.image->buffers[declared].stride;
      const bool stored = !elided.contains({number, buffer});
      if (is_covered(facts, declared, item.grid)) made.recipe.covered.push_back({m, declared});
      written.emplace(buffer, made.recipe.handed.size());
      const std::uint64_t elements =
          stride == 0 ? 0 : facts.program.buffers[declared].min_bytes / stride;
      const std::uint64_t lanes = std::uint64_t{item.grid[0]} * facts.program.image->workgroup[0];
      made.recipe.handed.push_back({{m, declared}, {}, elements, false, stored, lanes <= elements});
      // What the item leaves is not what running it alone leaves.
      if (!stored && !plan.plan.repeatable.empty()) plan.plan.repeatable[members[m]] = false;
    }
  }
  std::erase_if(made.recipe.handed, [](const vir::HandOver& one) { return one.readers.empty(); });
  return made;
}

}  // namespace

void look_at_lengths(planner::Work& work, const OpTable& ops) {
  std::vector<std::uint64_t> bound;
  for (planner::Item& item : work.items) {
    const FusionFacts* const fusion = ops.record(work.ops[item.op].id).fusion.get();
    if (fusion == nullptr) continue;
    bound.clear();
    for (const planner::BufferUse& use : work.uses_of(item))
      bound.push_back(work.buffers[use.buffer].bytes);
    const auto grid =
        item.inputs == fusion->inputs.size() ? grid_of(*fusion, bound, item.param) : std::nullopt;
    if (!grid) continue;
    item.grid = *grid;
    for (std::size_t o = 0; o < item.outputs; ++o) {
      const std::size_t use = item.inputs + o;
      if (bound[use] != fusion->program.buffers[fusion->outputs[o]].min_bytes) continue;
      work.uses[item.first_use + use].bits &= static_cast<std::uint8_t>(~planner::kKeeps);
    }
  }
}

void make_images(PlanContents& plan, const OpTable& ops, FusedPrograms& programs,
                 backend::Backend& backend, bool memory_is_short) {
  const Deadline until = after(kLoadWait);
  const auto& regions = plan.plan.regions.regions;
  ElidedStores elided;
  for (const planner::Elided& one : plan.plan.elided) elided.emplace(one.region, one.buffer);
  for (std::uint32_t r = 0; r < regions.size(); ++r) {
    if (regions[r].form != planner::Form::lanes) continue;
    RegionImage wanted = image_of(plan, r, ops, elided);
    if (memory_is_short && !programs.keeps(wanted.recipe)) {
      planner::weaken(plan.plan, r, planner::Refusal::memory, plan.measured);
      continue;
    }
    wanted.region.program = programs.get(wanted.recipe, wanted.facts);
    if (wanted.region.program == nullptr) {
      planner::weaken(plan.plan, r, planner::Refusal::registers, plan.measured);
      continue;
    }
    if (!backend.load_fused(wanted.region.program, until)) {
      planner::weaken(plan.plan, r, planner::Refusal::executor, plan.measured);
      continue;
    }
    if (plan.images.empty()) plan.images.resize(regions.size());
    plan.images[r] = std::move(wanted.region);
  }
}

}  // namespace vyre::runtime
