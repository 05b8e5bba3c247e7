// MegakernelWorkItem and its form in a ring slot. Plain old data, host and device.
// Spec: docs/internals/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace vyre {

/// One unit of work as a caller sees it.
struct MegakernelWorkItem {
  std::uint32_t op_handle;      // stable op id, index into the op registry
  std::uint32_t input_handle;   // buffer or binding set read by the op; 0 = none
  std::uint32_t output_handle;  // buffer or binding set written by the op; 0 = none
  std::uint32_t param;          // per-item word; its meaning is the op's
};
static_assert(sizeof(MegakernelWorkItem) == 16 && alignof(MegakernelWorkItem) == 4);
static_assert(offsetof(MegakernelWorkItem, param) == 12);
static_assert(std::is_trivially_copyable_v<MegakernelWorkItem>);
static_assert(std::has_unique_object_representations_v<MegakernelWorkItem>);

// The first word of a ring slot: phase bit 31, queue flags 24..30, op handle 0..23.
inline constexpr std::uint32_t kSlotPhaseBit{1u << 31};
inline constexpr std::uint32_t kSlotFlagsShift{24};
inline constexpr std::uint32_t kSlotFlagsMask{0x7Fu};
inline constexpr std::uint32_t kSlotOpMask{0x00FF'FFFFu};

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
/// whoever waits for it has waited for them.
inline constexpr std::uint32_t kQueueFlagsOfAbandoned{kQueueFlagAbandoned | kQueueFlagAfterAll};

}  // namespace vyre
