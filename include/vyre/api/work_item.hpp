// MegakernelWorkItem: the unit of work of upstream (docs/origin.md), 16 bytes. Plain old data, host
// and device. Its form in a ring slot is in the protocol room.
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

}  // namespace vyre
