// Whether programs may be fused, and may hand over what they are said to. Host only, private to
// lowering. Spec: docs/internals/image.md, "Fused images".
#pragma once

#include <span>

#include "vir/lower/fuse.hpp"

namespace vyre::vir::lowering {

/// `facts`: of the members. Errc::unsupported names the rule that forbids it.
[[nodiscard]] Status check_fusion(std::span<const core::Image* const> members,
                                  std::span<const HandOver> handed,
                                  std::span<const LaneFacts> facts);
/// Whether registers, constants and buffers of a fused image fit; its code is not looked at.
[[nodiscard]] Status check_fused_sizes(const core::Image& image);

}  // namespace vyre::vir::lowering
