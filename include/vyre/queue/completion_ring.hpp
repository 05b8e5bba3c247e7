// The completion ring: workers (host threads, or one egress warp on the device) post, one collector
// reads. Host and device; trivially copyable views over plain memory. Spec: docs/protocol.md (D4),
// docs/memory-model.md.
#pragma once

#include <cstdint>
#include <type_traits>

#include "vyre/queue/ring_tickets.hpp"

namespace vyre::queue {

[[nodiscard]] VYRE_HD constexpr RingSlot encode_completion(const Completion& completion,
                                                           std::uint32_t phase) noexcept {
  return {{(completion.head & ~kCompletionPhaseBit) | phase, completion.position_low,
           completion.workgroup, completion.lane}};
}
[[nodiscard]] VYRE_HD constexpr Completion decode_completion(const RingSlot& slot) noexcept {
  return {slot.word[0] & ~kCompletionPhaseBit, slot.word[1], slot.word[2], slot.word[3]};
}

/// The writers' side. The tickets lie in the writers' memory, so CPU workers may share one view; on
/// the device a single egress warp writes, and the exchange is uncontended.
template <class Atomics>
struct CompletionWriter {
  RingSlot* slots;
  RingTickets* tickets;
  const RingPosition* collected;  // written by the collector
  RingGeometry geometry;

  /// Posts a prefix and says how long it was. It is all of them unless more items are in flight
  /// than the ring has slots, which SubmissionProducer::limit() rules out: less is a broken
  /// promise, not a reason to wait.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD std::uint32_t try_post(const Completion* completions,
                                               std::uint32_t count) const noexcept {
    std::uint32_t posted = 0;
    while (posted < count) {
      const Reservation got = take_tickets<Atomics>(tickets, count - posted, [this]() noexcept {
        // [RING-5] acquire: the collector has read the slots below, they may be written again.
        return Atomics::load(&collected->position, Order::acquire) + geometry.slots();
      });
      if (got.outcome != TakeOutcome::ok) break;
      for (std::uint32_t i = 0; i < got.count; ++i) {
        const std::uint64_t position = got.first + i;
        // [RING-4] release, in store_slot: publishes the completion and everything the item wrote.
        Atomics::store_slot(
            &slots[geometry.index(position)],
            encode_completion(completions[posted + i], geometry.phase_bit(position)));
      }
      posted += got.count;
    }
    return posted;
  }
};

/// The collector's side: one owner at a time.
template <class Atomics>
struct CompletionReader {
  const RingSlot* slots;
  RingPosition* collected;
  RingGeometry geometry;
  std::uint64_t position;

  /// Reads up to `max` completions in the order they were posted (not the order of the items).
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD std::uint32_t take(Completion* out, std::uint32_t max) noexcept {
    std::uint32_t count = 0;
    while (count < max) {
      RingSlot slot;
      // [RING-4] acquire, in load_slot: what the item wrote is visible to whoever collects it.
      if (!Atomics::load_slot(&slots[geometry.index(position)], geometry.phase_bit(position),
                              &slot))
        break;
      out[count] = decode_completion(slot);
      ++count;
      ++position;
    }
    return count;
  }

  /// Gives the slots back to the writers and as many credits to the producers. Once a batch.
  VYRE_SIDE_OF_POLICY
  VYRE_HD void release() const noexcept {
    // [RING-5] release: our reads of the slots come before their next writer.
    Atomics::store(&collected->position, position, Order::release);
  }
};

static_assert(std::is_trivially_copyable_v<CompletionWriter<HostAtomics>>);
static_assert(std::is_trivially_copyable_v<CompletionReader<HostAtomics>>);

}  // namespace vyre::queue
