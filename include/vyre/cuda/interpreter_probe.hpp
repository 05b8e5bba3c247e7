// The interpreter core on a device, by a plain launch: one warp a frame, buffers copied there and
// back. A yardstick for differential tests, not the resident kernel. Host header. Spec:
// docs/image.md.
#pragma once

#include <cstdint>
#include <span>

#include "vyre/base/error.hpp"
#include "vyre/core/image.hpp"
#include "vyre/core/run.hpp"

namespace vyre::cuda {

/// Runs workgroups `span` of `grid` over host buffers (by declaration index; workgroup buffers are
/// ignored). Refuses images with asynchronous copies.
[[nodiscard]] Result<core::RunResult> run_on_device(const core::Image& image,
                                                    std::span<const core::BufferView> buffers,
                                                    const core::Grid& grid,
                                                    core::WorkgroupSpan span, std::uint64_t fuel);

}  // namespace vyre::cuda
