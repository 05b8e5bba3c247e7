// The submission ring: many producers on the host, one poller (a host thread or an ingress warp).
// Host and device; trivially copyable views over plain memory (queue.hpp names its owner and
// gives a tour). Spec: docs/internals/protocol.md, docs/internals/memory-model.md.
#pragma once

#include <cstdint>
#include <type_traits>

#include "reserve.hpp"

namespace vyre::queue {

/// What the poller reads out of a slot. `flags` are QueueFlags; with kQueueFlagAbandoned the item
/// is void and must be completed as cancelled, FaultCode::abandoned.
struct TakenItem {
  MegakernelWorkItem item;  // op_handle without flags and phase
  std::uint32_t flags;
};

[[nodiscard]] VYRE_HD constexpr RingSlot encode_item(const MegakernelWorkItem& item,
                                                     std::uint32_t flags,
                                                     std::uint32_t phase) noexcept {
  return {{(item.op_handle & kSlotOpMask) | (flags & kSlotFlagsMask) << kSlotFlagsShift | phase,
           item.input_handle, item.output_handle, item.param}};
}
[[nodiscard]] VYRE_HD constexpr TakenItem decode_item(const RingSlot& slot) noexcept {
  return {{slot.word[0] & kSlotOpMask, slot.word[1], slot.word[2], slot.word[3]},
          slot.word[0] >> kSlotFlagsShift & kSlotFlagsMask};
}

enum class ReapOutcome : std::uint32_t {
  reaped,     // the slot now carries an abandoned item; its late producer will be told
  too_late,   // its producer came first (published, or about to: a few stores away), or is alone
  not_taken,  // no producer can hold that position yet, as far as the reaper sees
};

/// Positions of one try_publish_run() at most.
inline constexpr std::uint32_t kPublishRun{16};

/// The producers' side. Any number of threads may use copies of one view.
template <class Atomics>
struct SubmissionProducer {
  RingSlot* slots;
  ProducerWords* words;
  /// claims[i]: the position that slot i may be written for next. The producer or the reaper moves
  /// it on by one lap, and only the thread that did so writes the slot for that position. Null with
  /// a single producer (QueueOptions): no other thread contests its slots, and nothing is given up.
  std::uint64_t* claims;
  const RingPosition* taken;      // written by the poller
  const RingPosition* collected;  // completions collected; written by the host's collector
  RingGeometry geometry;
  std::uint32_t completion_slots;

  /// First position that may not be taken yet: its slot has not been read, or its completion would
  /// have no slot.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD std::uint64_t limit() const noexcept {
    // [RING-2] acquire: the poller has read the slots below, they may be written again.
    const std::uint64_t by_slots =
        Atomics::load(&taken->position, Order::acquire) + geometry.slots();
    // [RING-5] acquire: that many completion slots have been read. An item is accepted only if its
    // completion has a slot already, so that no worker ever waits for the host.
    const std::uint64_t by_completions =
        Atomics::load(&collected->position, Order::acquire) + completion_slots;
    return by_slots < by_completions ? by_slots : by_completions;
  }

  /// Never blocks. Every position that it gives must be published soon: the ones behind it wait.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD Reservation try_reserve(std::uint32_t want) const noexcept {
    return reserve_positions<Atomics>(words, want, [this]() noexcept { return limit(); });
  }

  /// The same, but only positions that begin at `first`: moved if the tail is elsewhere. For items
  /// that must be neighbours of others.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD Reservation try_reserve_at(std::uint64_t first,
                                                   std::uint32_t want) const noexcept {
    return reserve_positions_at<Atomics>(words, first, want, [this]() noexcept { return limit(); });
  }

  /// False: the position was given up as abandoned; its item will be (or was) completed as
  /// cancelled, and nothing was written. Between the claim and the last store nothing is called and
  /// nothing waits.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool try_publish(std::uint64_t position, const MegakernelWorkItem& item,
                                         std::uint32_t flags) const noexcept {
    if (claims != nullptr && !claim(position)) return false;
    publish_owned(position, item, flags);
    return true;
  }

  /// try_publish() for at most kPublishRun neighbours, first all claims and then all slots: a claim
  /// waits for the stores before it, and a slot that a device has read takes long to store. A bit
  /// is set for each position that was published. Between the first claim and the last store
  /// nothing is called and nothing waits.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD std::uint32_t try_publish_run(std::uint64_t first,
                                                      const MegakernelWorkItem* items,
                                                      std::uint32_t count,
                                                      std::uint32_t flags) const noexcept {
    std::uint32_t ours = 0;
    for (std::uint32_t i = 0; i < count; ++i)
      ours |= std::uint32_t{claims == nullptr || claim(first + i)} << i;
    for (std::uint32_t i = 0; i < count; ++i) {
      if ((ours >> i & 1) != 0) publish_owned(first + i, items[i], flags);
    }
    return ours;
  }

  /// Without a claim: for the one thread that produces into a queue of a single producer.
  VYRE_SIDE_OF_POLICY
  VYRE_HD void publish_owned(std::uint64_t position, const MegakernelWorkItem& item,
                             std::uint32_t flags) const noexcept {
    // [RING-1] release, in store_slot: publishes the item.
    Atomics::store_slot(&slots[geometry.index(position)],
                        encode_item(item, flags, geometry.phase_bit(position)));
  }

  /// For the reaper: gives up a position that its producer did not publish in time. Exactly one of
  /// this and try_publish writes the slot.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD ReapOutcome reap(std::uint64_t position) const noexcept {
    if (claims == nullptr) return ReapOutcome::too_late;
    if (limit() <= position)
      return ReapOutcome::not_taken;  // also the acquire that a writer of the slot needs
    if (!claim(position)) return ReapOutcome::too_late;
    Atomics::store_slot(
        &slots[geometry.index(position)],
        encode_item({0, 0, 0, 0}, kQueueFlagsOfAbandoned, geometry.phase_bit(position)));
    return ReapOutcome::reaped;
  }

  /// Does the slot carry that position? Only for a position that was taken and that the poller has
  /// not read.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool published(std::uint64_t position) const noexcept {
    // Relaxed: the phase alone is looked at, nothing behind it.
    const std::uint32_t head =
        Atomics::load(&slots[geometry.index(position)].word[0], Order::relaxed);
    return (head & kSlotPhaseBit) == geometry.phase_bit(position);
  }

  /// No position is handed out any more. Returns the final tail: exactly the positions below it
  /// were accepted.
  VYRE_SIDE_OF_POLICY
  VYRE_HD std::uint64_t close() const noexcept {
    return Atomics::fetch_or(&words->tail, kRingClosedBit) & ~kRingClosedBit;
  }
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool closed() const noexcept {
    return (Atomics::load(&words->tail, Order::relaxed) & kRingClosedBit) != 0;
  }
  /// Positions handed out so far. Relaxed: a count, which publishes nothing.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD std::uint64_t tail() const noexcept {
    return Atomics::load(&words->tail, Order::relaxed) & ~kRingClosedBit;
  }

 private:
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool claim(std::uint64_t position) const noexcept {
    std::uint64_t expected = position;
    // Relaxed: exclusion needs the exchange alone. That the slot's last reader is done comes from
    // [RING-2].
    return Atomics::compare_exchange(&claims[geometry.index(position)], expected,
                                     position + geometry.slots());
  }
};

/// The poller's side: one owner at a time. `position` is its private cursor; a relaunch carries it
/// over.
template <class Atomics>
struct SubmissionConsumer {
  const RingSlot* slots;
  RingPosition* taken;
  RingGeometry geometry;
  std::uint64_t position;

  /// Reads up to `max` published slots in order and moves the cursor; out[i] had position() -
  /// returned + i.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD std::uint32_t take(TakenItem* out, std::uint32_t max) noexcept {
    std::uint32_t count = 0;
    while (count < max) {
      RingSlot slot;
      // [RING-1] acquire, in load_slot.
      if (!Atomics::load_slot(&slots[geometry.index(position)], geometry.phase_bit(position),
                              &slot))
        break;
      out[count] = decode_item(slot);
      ++count;
      ++position;
    }
    return count;
  }

  /// Lets producers use the slots read so far. Once a batch.
  VYRE_SIDE_OF_POLICY
  VYRE_HD void release() const noexcept {
    // [RING-2] release: the poller's reads of the slots come before their next writer.
    Atomics::store(&taken->position, position, Order::release);
  }
};

static_assert(std::is_trivially_copyable_v<SubmissionProducer<HostAtomics>>);
static_assert(std::is_trivially_copyable_v<SubmissionConsumer<HostAtomics>>);

}  // namespace vyre::queue
