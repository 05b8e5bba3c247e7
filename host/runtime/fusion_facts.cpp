// See fusion_facts.hpp.
#include "fusion_facts.hpp"

#include "core/grid.hpp"
#include "core/image.hpp"
#include "protocol/limits.hpp"

namespace vyre::runtime {
namespace {

using backend::BufferRole;

/// 0 for types with parts, of which two need more than a number to be equal.
std::uint32_t element_number(const vir::Program& program, vir::TypeId type) {
  const vir::DataType& element = program.types[type];
  constexpr std::uint32_t kMostParameter{0xFFFF};
  const bool plain = element.element == vir::kNone && element.dims.empty() && element.b == 0 &&
                     element.a <= kMostParameter;
  return plain ? 1 + static_cast<std::uint32_t>(element.tag) + (element.a << 8) : 0;
}

}  // namespace

std::shared_ptr<const FusionFacts> fusion_facts(const vir::Program& program,
                                                const backend::ProgramOp& op) {
  auto facts = std::make_shared<FusionFacts>();
  facts->program = op;
  facts->lanes = vir::lane_facts(*op.image);
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const std::uint32_t stride = op.image->buffers[b].stride;
    const bool sized = stride != 0 && stride <= kMaxElementBytes;
    facts->elements.push_back(sized ? element_number(program, program.buffers[b].element) : 0);
    const BufferRole role = op.buffers[b].role;
    if (role == BufferRole::workgroup) continue;
    (role == BufferRole::allocated ? facts->outputs : facts->inputs)
        .push_back(static_cast<std::uint32_t>(b));
  }
  return facts;
}

void describe_lanes(const FusionFacts& fusion, planner::OpFacts& facts) {
  facts.flat = fusion.lanes.flat;
  facts.workgroup = fusion.program.image->workgroup;
  facts.registers = fusion.program.image->vector_registers;
  for (std::size_t i = 0; i < fusion.inputs.size(); ++i) {
    const std::uint32_t b = fusion.inputs[i];
    const vir::LaneReach& reach = fusion.lanes.buffers[b];
    facts.inputs[i].element = fusion.elements[b];
    facts.inputs[i].own_element = fusion.elements[b] != 0 && !reach.elsewhere && !reach.stores;
  }
  for (std::size_t o = 0; o < fusion.outputs.size(); ++o) {
    const std::uint32_t b = fusion.outputs[o];
    const vir::LaneReach& reach = fusion.lanes.buffers[b];
    facts.outputs[o].element = fusion.elements[b];
    facts.outputs[o].own_element = fusion.elements[b] != 0 && !reach.elsewhere && !reach.loads;
  }
}

std::optional<core::Grid> grid_of(const FusionFacts& fusion, std::span<const std::uint64_t> bound,
                                  std::uint32_t param) {
  // As a worker does when it binds the item.
  if (bound.size() != fusion.inputs.size() + fusion.outputs.size()) return std::nullopt;
  std::vector<std::uint64_t> lengths;
  lengths.reserve(fusion.program.buffers.size());
  for (const backend::ProgramBuffer& declared : fusion.program.buffers)
    lengths.push_back(declared.min_bytes);
  for (std::size_t u = 0; u < bound.size(); ++u) {
    const bool input = u < fusion.inputs.size();
    const std::uint32_t b = input ? fusion.inputs[u] : fusion.outputs[u - fusion.inputs.size()];
    if (bound[u] < lengths[b]) return std::nullopt;
    if (input) lengths[b] = bound[u];
  }
  core::Grid grid{};
  if (!core::find_grid(fusion.program.grid_rule, fusion.program.grid_buffers.data(),
                       static_cast<std::uint32_t>(fusion.program.grid_buffers.size()), lengths,
                       param, grid.data()))
    return std::nullopt;
  return grid;
}

}  // namespace vyre::runtime
