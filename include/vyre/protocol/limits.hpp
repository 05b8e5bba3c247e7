// Every bound of the runtime: name, unit, reason. `vyre caps` prints this list.
// Plain constants, read by host and device code.
#pragma once

#include <cstdint>

namespace vyre {

// VIR0 wire (docs/vir0.md; upstream's published limits).
inline constexpr std::uint32_t kMaxProgramBytes{67'108'864};
inline constexpr std::uint32_t kMaxBuffers{16'384};
inline constexpr std::uint32_t kMaxNodes{1'000'000};
inline constexpr std::uint32_t kMaxArgs{4'096};
inline constexpr std::uint32_t kMaxStringBytes{1'048'576};
inline constexpr std::uint32_t kMaxOpaqueBytes{4'194'304};
inline constexpr std::uint32_t kMaxDecodeDepth{64};

// Execution.
inline constexpr std::uint32_t kMaxWorkgroupLanes{
    1'024};  // CUDA's block limit, kept on every backend
inline constexpr std::uint64_t kMaxWorkgroupBytes{
    67'108'864};                                       // workgroup memory, upstream's reference
inline constexpr std::uint32_t kMaxRegisters{65'535};  // 16-bit register operands of an image
inline constexpr std::uint32_t kSubgroupLanes{32};
inline constexpr std::uint64_t kDefaultFuel{std::uint64_t{1}
                                            << 32};  // loop iterations a workgroup may spend

// Queues.
inline constexpr std::uint32_t kMinRingSlots{32};
inline constexpr std::uint32_t kMaxRingSlots{1'048'576};
inline constexpr std::uint32_t kDefaultRingSlots{4'096};
inline constexpr std::uint32_t kMaxQueues{64};
inline constexpr std::uint32_t kMaxOps{1u << 24};    // 24-bit op handles in a ring slot
inline constexpr std::uint32_t kFirstUserOp{1'024};  // ids below are built-in and never renumbered
inline constexpr std::uint32_t kMaxHandles{1u << 24};
inline constexpr std::uint32_t kMaxBindingBuffers{kMaxBuffers};

// Reports.
inline constexpr std::uint32_t kMaxReportedFaults{
    64};  // first N faults are spelled out, the rest counted

}  // namespace vyre
