// Built-in ops over large buffers, cut into units that several workers share, as on a device. What
// an op gives does not depend on how it is cut: a unit is the op itself over a part of the buffers
// (builtin/ops.hpp, or a form of fast_forms.hpp), and parts are put together as docs/ops.md allows.
// Host only. A SplitOp belongs to the item; its units run on any worker.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "builtin/ops.hpp"

namespace vyre::cpu {

/// Bytes of an item from which on it is cut.
inline constexpr std::uint64_t kSplitBytes{std::uint64_t{2} << 20};

class SplitOp {
 public:
  virtual ~SplitOp() = default;
  SplitOp() = default;
  SplitOp(const SplitOp&) = delete;
  SplitOp& operator=(const SplitOp&) = delete;

  /// Units of one phase run in any order, side by side; a phase begins when the one before is over.
  [[nodiscard]] virtual std::uint32_t phases() const noexcept { return 1; }
  [[nodiscard]] virtual std::uint64_t units(std::uint32_t phase) const noexcept = 0;
  virtual void run(std::uint32_t phase, std::uint64_t unit) noexcept = 0;
  /// On one worker, after the last phase.
  virtual void finish() noexcept {}
};

/// Buffers that builtin::check() has passed. Null: the op is not cut, because it is short, or each
/// step needs the one before, or a single worker does it faster in one piece, or there is no memory
/// for it.
[[nodiscard]] std::unique_ptr<SplitOp> split(builtin::Op op,
                                             std::span<const builtin::Buffer> inputs,
                                             std::span<const builtin::Buffer> outputs,
                                             std::uint32_t param, std::uint32_t workers) noexcept;

}  // namespace vyre::cpu
