// Where a position lies in a ring and which phase it has (both rings), and how several producers
// take positions (the submission ring). Host and device; a view over plain memory that owns
// nothing. Spec: docs/internals/protocol.md, docs/internals/memory-model.md.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "protocol/ring.hpp"
#include "queue/atomics.hpp"

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

enum class TakeOutcome : std::uint32_t {
  ok,
  full,
  closed,
  moved,  // another producer took the position that was asked for (reserve_positions_at alone says
          // so)
};

/// Positions [first, first + count) belong to the caller, which must publish each of them. `count`
/// may be less than asked for (a prefix); it is 0 unless the outcome is ok.
struct Reservation {
  TakeOutcome outcome{TakeOutcome::full};
  std::uint32_t count{0};
  std::uint64_t first{0};
};

/// [RING-3] The cached limit, asked for anew if it is below `end`. `read_limit()` gives the first
/// position that may not be taken yet, with acquire.
VYRE_SIDE_OF_POLICY
template <class Atomics, class ReadLimit>
[[nodiscard]] VYRE_HD std::uint64_t cached_limit(ProducerWords* words, std::uint64_t end,
                                                 const ReadLimit& read_limit) noexcept {
  // [RING-3] acquire: the producer that cached this limit acquired it from the reader, and by this
  // load so has the caller.
  const std::uint64_t limit = Atomics::load(&words->limit_cache, Order::acquire);
  if (limit >= end) return limit;
  const std::uint64_t fresh = read_limit();
  if (fresh <= limit) return limit;
  // [RING-3] release: passes the reader's position on. A slower producer may put back an older
  // limit; that costs a refresh and never lets a slot be overwritten.
  Atomics::store(&words->limit_cache, fresh, Order::release);
  return fresh;
}

/// Takes up to `want` positions. Lock-free: a failed exchange means that another producer took
/// positions.
VYRE_SIDE_OF_POLICY
template <class Atomics, class ReadLimit>
[[nodiscard]] VYRE_HD Reservation reserve_positions(ProducerWords* words, std::uint32_t want,
                                                    const ReadLimit& read_limit) noexcept {
  // Relaxed: the tail is only a number; what it protects is ordered by the limit and by the slots.
  std::uint64_t tail = Atomics::load(&words->tail, Order::relaxed);
  for (;;) {
    if ((tail & kRingClosedBit) != 0) return {TakeOutcome::closed, 0, tail & ~kRingClosedBit};
    const std::uint64_t limit = cached_limit<Atomics>(words, tail + want, read_limit);
    if (limit <= tail) {
      // Full only if that tail is still the tail: a stale one would make a false answer.
      const std::uint64_t again = Atomics::load(&words->tail, Order::relaxed);
      if (again == tail) return {TakeOutcome::full, 0, tail};
      tail = again;
      continue;
    }
    const std::uint64_t room = limit - tail;
    const std::uint32_t count = room < want ? static_cast<std::uint32_t>(room) : want;
    // Relaxed: taking a position publishes nothing.
    if (Atomics::compare_exchange(&words->tail, tail, tail + count))
      return {TakeOutcome::ok, count, tail};
  }
}

/// The same for positions that begin exactly at `first`, in one attempt.
VYRE_SIDE_OF_POLICY
template <class Atomics, class ReadLimit>
[[nodiscard]] VYRE_HD Reservation reserve_positions_at(ProducerWords* words, std::uint64_t first,
                                                       std::uint32_t want,
                                                       const ReadLimit& read_limit) noexcept {
  const std::uint64_t limit = cached_limit<Atomics>(words, first + want, read_limit);
  const std::uint64_t room = limit > first ? limit - first : 0;
  const std::uint32_t count = room < want ? static_cast<std::uint32_t>(room) : want;
  std::uint64_t tail = first;
  if (count == 0) {
    tail = Atomics::load(&words->tail, Order::relaxed);  // relaxed: a number, as above
    if (tail == first) return {TakeOutcome::full, 0, first};
  } else if (Atomics::compare_exchange(&words->tail, tail, first + count)) {
    return {TakeOutcome::ok, count, first};
  }
  const bool closed = (tail & kRingClosedBit) != 0;
  return {closed ? TakeOutcome::closed : TakeOutcome::moved, 0, tail & ~kRingClosedBit};
}

}  // namespace vyre::queue
