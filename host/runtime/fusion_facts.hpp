// What a registered program brings along to run in one image with others: its image, and how its
// lanes reach its buffers. Host only; never changes. Spec: docs/internals/planner.md, "Rules of
// lanes".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "planner/work.hpp"
#include "vir/lower/fuse.hpp"
#include "vir/program/program.hpp"

namespace vyre::runtime {

struct FusionFacts {
  backend::ProgramOp program;
  vir::LaneFacts lanes;
  /// By declaration index: equal numbers are equal element types. 0: a type whose elements are not
  /// handed over.
  std::vector<std::uint32_t> elements;
  std::vector<std::uint32_t> inputs;   // declaration indices, in the order in which they are bound
  std::vector<std::uint32_t> outputs;  // of allocated buffers
};
[[nodiscard]] std::shared_ptr<const FusionFacts> fusion_facts(const vir::Program& program,
                                                              const backend::ProgramOp& op);

/// Fills in what the planner asks about one image.
void describe_lanes(const FusionFacts& fusion, planner::OpFacts& facts);

/// The grid of an item whose bound buffers have these lengths, first the inputs, then the outputs;
/// nullopt where it cannot run.
[[nodiscard]] std::optional<core::Grid> grid_of(const FusionFacts& fusion,
                                                std::span<const std::uint64_t> bound,
                                                std::uint32_t param);

}  // namespace vyre::runtime
