// The record that ends an item: 16 bytes with a phase bit, posted by a worker, read by the host.
// Plain old data, host and device. Spec: docs/internals/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/host_device.hpp"

namespace vyre {

enum class CompletionStatus : std::uint8_t { done = 0, faulted = 1, cancelled = 2 };

/// Why a program stopped, or why an item was cancelled. Numbers are stable: they are on the ring
/// and in traces.
enum class FaultCode : std::uint8_t {
  none = 0,
  trap = 1,            // Trap node reached
  fuel_exhausted = 2,  // loop iterations beyond the item's fuel
  i32_division_by_zero = 3,
  i32_division_overflow = 4,  // MIN / -1 or MIN % -1
  bad_index = 5,              // index not representable as u32
  cast_out_of_range = 6,
  type_mismatch = 7,      // operation on value kinds that have no meaning for it
  divergent_barrier = 8,  // lanes of a workgroup took different sides of a branch with a barrier
  barrier_deadlock = 9,
  async_misuse = 10,      // tag started twice, waited without start, or pending at the end
  id_overflow = 11,       // InvocationId beyond u32
  unbound_variable = 12,  // not in a program that was validated
  bad_operation = 13,     // an operation that is defined to fail when it is executed
  bad_binding = 14,       // the handles do not fit the program: count, size, access
  unknown_op = 15,
  unknown_handle = 16,
  io_error = 17,       // a file-backed buffer could not be read
  shutdown = 18,       // cancelled: the session closed first
  wall_time = 19,      // cancelled: max_wall_time fired first
  worker_lost = 20,    // cancelled: the worker that held it died
  abandoned = 21,      // cancelled: its producer took a slot and never published it
  copy_limit = 22,     // started copies of a workgroup above kMaxPendingCopyBytes
  out_of_memory = 23,  // cancelled: the host had no memory to run it
  cancelled = 24,      // cancelled: a caller asked for that before it started
};

/// Words: [0] phase 31 | status 28..30 | code 20..27 | statement 0..19 ; [1] low 32 bits of the
/// item's position ; [2] linear workgroup index (low 32 bits) ; [3] linear lane index in the
/// workgroup. Words 0 (statement), 2 and 3 are 0 unless status is faulted.
struct Completion {
  std::uint32_t head;
  std::uint32_t position_low;
  std::uint32_t workgroup;
  std::uint32_t lane;

  [[nodiscard]] VYRE_HD constexpr CompletionStatus status() const noexcept {
    return static_cast<CompletionStatus>(head >> 28 & 7u);
  }
  [[nodiscard]] VYRE_HD constexpr FaultCode code() const noexcept {
    return static_cast<FaultCode>(head >> 20 & 0xFFu);
  }
  [[nodiscard]] VYRE_HD constexpr std::uint32_t statement() const noexcept {
    return head & 0xFFFFFu;
  }

  [[nodiscard]] static VYRE_HD constexpr Completion make(CompletionStatus status, FaultCode code,
                                                         std::uint32_t position_low,
                                                         std::uint32_t workgroup,
                                                         std::uint32_t lane,
                                                         std::uint32_t statement) noexcept {
    return {static_cast<std::uint32_t>(status) << 28 | static_cast<std::uint32_t>(code) << 20 |
                (statement & 0xFFFFFu),
            position_low, workgroup, lane};
  }
};
static_assert(sizeof(Completion) == 16 && alignof(Completion) == 4);
static_assert(offsetof(Completion, position_low) == 4 && offsetof(Completion, lane) == 12);
static_assert(std::is_trivially_copyable_v<Completion>);
static_assert(std::has_unique_object_representations_v<Completion>);

inline constexpr std::uint32_t kCompletionPhaseBit{1u << 31};

/// Where and why a program stopped, as executors report it before it is packed into a Completion.
struct Fault {
  FaultCode code{FaultCode::none};
  std::uint64_t workgroup{0};  // linear: x + y*gx + z*gx*gy
  std::uint32_t lane{0};       // linear local index
  std::uint32_t statement{0};  // pre-order index of the node in the program, from 0
};

}  // namespace vyre
