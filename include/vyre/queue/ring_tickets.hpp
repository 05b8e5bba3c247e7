// What both rings share: where a position lies, which phase it has, and how several writers take
// positions. Host and device; a view over plain memory that owns nothing. Spec: docs/protocol.md,
// docs/memory-model.md.
#pragma once

#include <cstdint>

#include "vyre/base/host_device.hpp"
#include "vyre/protocol/ring.hpp"
#include "vyre/queue/atomics.hpp"

namespace vyre::queue {

/// Positions count from 0 for ever (64 bits); the slot is the low bits, the phase the parity of the
/// lap. Zeroed memory is an empty ring: the phase of lap 0 is 1.
struct RingGeometry {
  std::uint32_t mask{0};
  std::uint32_t shift{0};

  /// `slots` is a power of two.
  [[nodiscard]] static VYRE_HD constexpr RingGeometry of(std::uint32_t slots) noexcept {
    std::uint32_t shift = 0;
    while ((std::uint32_t{1} << shift) < slots) ++shift;
    return {slots - 1, shift};
  }
  [[nodiscard]] VYRE_HD constexpr std::uint32_t slots() const noexcept { return mask + 1; }
  [[nodiscard]] VYRE_HD constexpr std::uint32_t index(std::uint64_t position) const noexcept {
    return static_cast<std::uint32_t>(position) & mask;
  }
  [[nodiscard]] VYRE_HD constexpr std::uint32_t phase_bit(std::uint64_t position) const noexcept {
    return (position >> shift & 1) != 0 ? 0u : kSlotPhaseBit;
  }
};

/// The 64-bit position whose low half is `low` and that lies at most 2^32 - 1 above `floor`.
[[nodiscard]] VYRE_HD constexpr std::uint64_t expand_position(std::uint32_t low,
                                                              std::uint64_t floor) noexcept {
  return floor + static_cast<std::uint32_t>(low - static_cast<std::uint32_t>(floor));
}

enum class TakeOutcome : std::uint32_t { ok, full, closed };

/// Positions [first, first + count) belong to the caller, who must publish each of them. `count`
/// may be less than asked for (a prefix); it is 0 unless the outcome is ok.
struct Reservation {
  TakeOutcome outcome{TakeOutcome::full};
  std::uint32_t count{0};
  std::uint64_t first{0};
};

/// Takes up to `want` positions. `read_limit()` gives the first position that may not be taken yet,
/// with acquire; it is asked only when the cached limit does not suffice. Lock-free: a failed
/// exchange means that another writer took positions.
VYRE_SIDE_OF_POLICY
template <class Atomics, class ReadLimit>
[[nodiscard]] VYRE_HD Reservation take_tickets(RingTickets* tickets, std::uint32_t want,
                                               const ReadLimit& read_limit) noexcept {
  // Relaxed: the tail is only a number; what it protects is ordered by the limit and by the slots.
  std::uint64_t tail = Atomics::load(&tickets->tail, Order::relaxed);
  for (;;) {
    if ((tail & kRingClosedBit) != 0) return {TakeOutcome::closed, 0, tail & ~kRingClosedBit};
    // [RING-3] acquire: whoever cached this limit had acquired it from the reader; so have we now.
    std::uint64_t limit = Atomics::load(&tickets->limit_cache, Order::acquire);
    if (limit < tail + want) {
      const std::uint64_t fresh = read_limit();
      if (fresh > limit) {
        // [RING-3] release: passes the reader's position on. A slower writer may put back an older
        // limit; that costs a refresh and never lets a slot be overwritten.
        Atomics::store(&tickets->limit_cache, fresh, Order::release);
        limit = fresh;
      }
    }
    if (limit <= tail) {
      // Full only if that tail is still the tail: a stale one would make a false answer.
      const std::uint64_t again = Atomics::load(&tickets->tail, Order::relaxed);
      if (again == tail) return {TakeOutcome::full, 0, tail};
      tail = again;
      continue;
    }
    const std::uint64_t room = limit - tail;
    const std::uint32_t count = room < want ? static_cast<std::uint32_t>(room) : want;
    // Relaxed: taking a position publishes nothing.
    if (Atomics::compare_exchange(&tickets->tail, tail, tail + count))
      return {TakeOutcome::ok, count, tail};
  }
}

}  // namespace vyre::queue
