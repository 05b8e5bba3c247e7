// The form of a MegakernelWorkItem in a ring slot. Plain old data, host and device.
// Spec: docs/internals/protocol.md.
#pragma once

#include <cstdint>

#include "protocol/limits.hpp"
#include "vyre/api/work_item.hpp"

namespace vyre {

// The first word of a ring slot: phase bit 31, queue flags 24..30, op handle 0..23.
inline constexpr std::uint32_t kSlotPhaseBit{1u << 31};
inline constexpr std::uint32_t kSlotFlagsShift{24};
inline constexpr std::uint32_t kSlotFlagsMask{0x7Fu};
inline constexpr std::uint32_t kSlotOpMask{0x00FF'FFFFu};

/// The op of a slot that stands for several items, a region: its param is the number of the block
/// that has them. Callers cannot name it.
inline constexpr std::uint32_t kRegionOp{kFirstUserOp - 1};

/// Ordering asked for one item; flags combine by OR.
enum QueueFlags : std::uint8_t {
  kQueueFlagNone = 0,
  kQueueFlagAfterPrevious = 1,  // starts only when the item before it in the queue has completed
  kQueueFlagAfterAll = 2,       // starts only when every earlier item of the queue has completed
  // Set by the runtime alone, refused at submit: the slot was taken and never published, its item
  // is void.
  kQueueFlagAbandoned = 64,
};
inline constexpr std::uint32_t kQueueFlagsOfCallers{kQueueFlagAfterPrevious | kQueueFlagAfterAll};
/// A void item stands where another would have waited: it ends when all before it have, so that
/// a caller that waits for it has waited for them.
inline constexpr std::uint32_t kQueueFlagsOfAbandoned{kQueueFlagAbandoned | kQueueFlagAfterAll};

}  // namespace vyre
