// The completion ring: the thread or warp that ends the item of position p posts into slot
// p mod slots, with the phase of p's lap; one collector reads. There is no tail:
// writers share nothing. Host and device; trivially copyable views over plain memory. Spec:
// docs/internals/protocol.md, docs/internals/memory-model.md, docs/decisions/0006.
#pragma once

#include <cstdint>
#include <type_traits>

#include "protocol/limits.hpp"
#include "reserve.hpp"

namespace vyre::queue {

[[nodiscard]] VYRE_HD constexpr RingSlot encode_completion(const Completion& completion,
                                                           std::uint32_t phase) noexcept {
  return {{(completion.head & ~kCompletionPhaseBit) | phase, completion.position_low,
           completion.workgroup, completion.lane}};
}
[[nodiscard]] VYRE_HD constexpr Completion decode_completion(const RingSlot& slot) noexcept {
  return {slot.word[0] & ~kCompletionPhaseBit, slot.word[1], slot.word[2], slot.word[3]};
}

/// The writers' side. Any number of threads may use copies of one view, for different positions.
template <class Atomics>
struct CompletionWriter {
  RingSlot* slots;
  RingGeometry geometry;

  /// Ends the item of `position`: once, and only after it came out of the submission ring. Always
  /// finds its slot: the item was accepted only when the slot's last completion had been collected.
  VYRE_SIDE_OF_POLICY
  VYRE_HD void post(std::uint64_t position, const Completion& completion) const noexcept {
    // [RING-4] release, in store_slot: publishes the completion and everything the item wrote.
    Atomics::store_slot(&slots[geometry.index(position)],
                        encode_completion(completion, geometry.phase_bit(position)));
  }

  /// Is the completion of `position` in its slot? For positions that are not collected yet.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool posted(std::uint64_t position) const noexcept {
    // [RING-4] acquire: a caller that sees the phase may read the completion.
    const std::uint32_t head =
        Atomics::load(&slots[geometry.index(position)].word[0], Order::acquire);
    return (head & kCompletionPhaseBit) == geometry.phase_bit(position);
  }
};

struct TakenCompletion {
  std::uint64_t position;  // of the item
  Completion completion;
};

/// The collector's side: one owner at a time. Gives every completion out once, in no promised
/// order.
template <class Atomics>
struct CompletionReader {
  const RingSlot* slots;
  RingPosition* collected;
  /// One bit a slot, for positions above `position`: set = given out already. The reader's own.
  std::uint64_t* seen;
  RingGeometry geometry;
  std::uint64_t position;   // the oldest item that has not ended: all below were given out
  std::uint64_t cursor{0};  // where the look ahead goes on
  std::uint32_t ahead{0};   // bits set in `seen`

  /// The ready prefix; then, behind the item that has not ended, whatever is ready among the next
  /// kCompletionLookAhead slots below `tail` (no item from there on can have ended: positions
  /// handed out or taken so far), going round from call to call.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD std::uint32_t take(TakenCompletion* out, std::uint32_t max,
                                           std::uint64_t tail) noexcept {
    std::uint32_t count = 0;
    while (count < max && load(position, &out[count])) {
      ++count;
      pass();
    }
    if (count == max) return count;

    const std::uint64_t lap_end = position + geometry.slots();
    const std::uint64_t end = tail < lap_end ? tail : lap_end;
    if (end <= position + 1) return count;
    const std::uint64_t behind = end - position - 1;
    if (cursor <= position || cursor >= end) cursor = position + 1;
    std::uint64_t looks = behind < kCompletionLookAhead ? behind : kCompletionLookAhead;
    for (; looks != 0 && count < max; --looks) {
      if (!given_out(cursor) && load(cursor, &out[count])) {
        ++count;
        mark(cursor);
      }
      if (++cursor == end) cursor = position + 1;
    }
    return count;
  }

  /// The completion of that one item, wherever it stands, for a thread that waits for no other.
  /// False: it has not ended, or was given out before.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool take_at(std::uint64_t wanted, TakenCompletion* out) noexcept {
    if (wanted < position || wanted - position >= geometry.slots()) return false;
    if (given_out(wanted) || !load(wanted, out)) return false;
    if (wanted == position) {
      pass();
    } else {
      mark(wanted);
    }
    return true;
  }

  /// Gives the slots below `position` back as credits. Once a batch. Not more than those: a slot
  /// behind the oldest item that has not ended may have been read, but its successor in the slot of
  /// that item has not.
  VYRE_SIDE_OF_POLICY
  VYRE_HD void release() const noexcept {
    // [RING-5] release: the collector's reads of the slots come before their next writer.
    Atomics::store(&collected->position, position, Order::release);
  }

 private:
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool load(std::uint64_t at, TakenCompletion* out) const noexcept {
    RingSlot slot;
    // [RING-4] acquire, in load_slot: what the item wrote is visible to the collector.
    if (!Atomics::load_slot(&slots[geometry.index(at)], geometry.phase_bit(at), &slot))
      return false;
    *out = {at, decode_completion(slot)};
    return true;
  }
  [[nodiscard]] VYRE_HD bool given_out(std::uint64_t at) const noexcept {
    const std::uint32_t i = geometry.index(at);
    return ahead != 0 && (seen[i / 64] >> (i % 64) & 1) != 0;
  }
  VYRE_HD void mark(std::uint64_t at) noexcept {
    const std::uint32_t i = geometry.index(at);
    seen[i / 64] |= std::uint64_t{1} << (i % 64);
    ++ahead;
  }
  /// Past the item at `position`, which was given out just now, and past those behind it that were
  /// before.
  VYRE_HD void pass() noexcept {
    for (++position; given_out(position); ++position) {
      const std::uint32_t i = geometry.index(position);
      seen[i / 64] &= ~(std::uint64_t{1} << (i % 64));
      --ahead;
    }
  }
};

static_assert(std::is_trivially_copyable_v<CompletionWriter<HostAtomics>>);
static_assert(std::is_trivially_copyable_v<CompletionReader<HostAtomics>>);

}  // namespace vyre::queue
