// The CPU image interpreter: the single-source core instantiated with wide lane arrays, picked at
// run time by instruction set. One Interpreter per worker thread; it owns that thread's registers
// and workgroup memory. Spec: docs/image.md.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string_view>

#include "vyre/core/image.hpp"
#include "vyre/core/run.hpp"

namespace vyre::cpu {

class Interpreter {
 public:
  Interpreter();
  ~Interpreter();
  Interpreter(Interpreter&&) noexcept;
  Interpreter& operator=(Interpreter&&) noexcept;

  /// Runs workgroups `span` of `grid`. `buffers` by declaration index of the program. Buffers that
  /// other workers write at the same time are allowed only where the program itself is race-free or
  /// atomic. `stop`, where given, is read at every loop iteration and between frames: once true,
  /// the run ends with FaultCode::shutdown.
  [[nodiscard]] core::RunResult run(const core::Image& image,
                                    std::span<const core::BufferView> buffers,
                                    const core::Grid& grid, core::WorkgroupSpan span,
                                    std::uint64_t fuel, const std::atomic<bool>* stop = nullptr);

  /// "avx512", "avx2", "baseline": the variant this machine runs (caps and reports say it).
  [[nodiscard]] static std::string_view variant();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vyre::cpu
