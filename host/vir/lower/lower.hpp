// Lowering: a validated program -> the typed, fixed-width image that both interpreters execute.
// Host only. Spec: docs/internals/image.md.
#pragma once

#include <optional>
#include <string>

#include "base/interrupt.hpp"
#include "core/image.hpp"
#include "vir/program/program.hpp"

namespace vyre::vir {

struct LowerOptions {
  bool optimise{
      true};  // constant folding, dead-code removal, fused instructions; never changes a result
  Interrupt* interrupt{nullptr};  // asked all along; Errc::deadline_exceeded where it said so
  std::optional<std::uint32_t>* refused_at{nullptr};  // set to the statement that was refused
};

/// `program` must be prepare()d and validate()d. Refusals (Errc::unsupported) name the construct.
[[nodiscard]] Result<core::Image> lower(const Program& program, const LowerOptions& options = {});
/// One line an instruction, operands typed and named.
[[nodiscard]] std::string disassemble_image(const core::Image& image);

}  // namespace vyre::vir
