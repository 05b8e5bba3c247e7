// The interpreter on a device by plain launches: the resident kernel's code, warps and slices, over
// host buffers that are copied there and back. For differential tests. Owned by its caller, used by
// one thread. Host header. Spec: docs/internals/image.md, "On a device".
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "core/image.hpp"
#include "core/run.hpp"

namespace vyre::cuda {

struct InterpreterProbeOptions {
  std::uint32_t blocks{8};                  // of 16 warps
  std::uint32_t slice_bytes{13 * 1024};     // shared memory of a warp; a multiple of 16
  std::uint64_t scratch_bytes{256 * 1024};  // device memory of a warp; a multiple of 256
  std::uint64_t workgroups_a_run{0};        // that a warp runs at once; 0: a few frames
};

class InterpreterProbe {
 public:
  /// Errors: no device, no memory.
  [[nodiscard]] static Result<InterpreterProbe> open(const InterpreterProbeOptions& options = {});
  ~InterpreterProbe();
  InterpreterProbe(InterpreterProbe&&) noexcept;
  InterpreterProbe& operator=(InterpreterProbe&&) noexcept;

  /// How often to run, and what each run took between two events, the first one left out.
  struct Timing {
    std::uint32_t runs{20};
    std::vector<double> seconds;
  };

  /// Runs workgroups `span` of `grid` over host buffers (by declaration index; workgroup buffers
  /// are ignored). Errors: `unsupported` where an image needs more scratch than a warp has; a
  /// launch that failed; bytes written outside a buffer. With `timing` again and again over the
  /// same buffers.
  [[nodiscard]] Result<core::RunResult> run(const core::Image& image,
                                            std::span<const core::BufferView> buffers,
                                            const core::Grid& grid, core::WorkgroupSpan span,
                                            std::uint64_t fuel, Timing* timing = nullptr);

 private:
  class Impl;
  explicit InterpreterProbe(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vyre::cuda
