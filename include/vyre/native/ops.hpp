// The plain form of every built-in op: what docs/ops.md says, over bytes in host memory. The CPU
// backend's workers and the reference of replays call it; device versions are compared with it.
// Host only, no state, no allocation, any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "vyre/native/rules.hpp"

namespace vyre::native {

/// A buffer of the item. Different handles have different bytes.
struct Buffer {
  std::uint8_t* data{nullptr};  // may be null if bytes is 0; only read where read_only
  std::uint64_t bytes{0};
  std::uint32_t handle{0};
  bool read_only{false};
};

/// Runs one item. none, or why nothing was written (rules.hpp, and bad_binding for a pattern blob
/// that breaks its rules); shutdown if `stop` became true on the way, which is looked at every few
/// milliseconds: then outputs are unspecified.
[[nodiscard]] FaultCode run(std::uint32_t op, std::span<const Buffer> inputs,
                            std::span<const Buffer> outputs, std::uint32_t param,
                            const std::atomic<bool>* stop = nullptr) noexcept;

}  // namespace vyre::native
