// What an executor of images is handed and what it gives back. Plain values, host and device.
// Spec: docs/internals/image.md.
#pragma once

#include <array>
#include <cstdint>

#include "protocol/completion.hpp"

namespace vyre::core {

/// One bound buffer, by declaration index. Workgroup buffers have data == nullptr (the executor
/// owns them). Accesses are byte-wise bounds-checked against `bytes`; `data` must be 16-byte
/// aligned (allocations and maps are).
struct BufferView {
  std::uint8_t* data{nullptr};
  std::uint64_t bytes{0};
};

/// A contiguous run of an item's linear workgroups (x + y*gx + z*gx*gy), so that workers can share
/// an item.
struct WorkgroupSpan {
  std::uint64_t first{0};
  std::uint64_t count{0};
};

/// fault.code == none: ran to the end. `instructions` counts image instructions executed times
/// lanes of the batch they ran on (what a report calls steps).
struct RunResult {
  Fault fault;
  std::uint64_t instructions{0};
};

using Grid = std::array<std::uint32_t, 3>;

}  // namespace vyre::core
