// The memory of a queue: slots, positions and the words of producers, as they lie in pinned or
// ordinary memory. Plain old data, host and device. The writer of each word is
// in docs/internals/memory-model.md, the bytes are in docs/internals/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "protocol/completion.hpp"
#include "protocol/work_item.hpp"

namespace vyre {

/// A slot of either ring. Word 0 carries the phase bit and is the last word written and the first
/// one read.
struct alignas(16) RingSlot {
  std::uint32_t word[4];
};
static_assert(sizeof(RingSlot) == 16 && alignof(RingSlot) == 16);
static_assert(sizeof(RingSlot) == sizeof(MegakernelWorkItem) &&
              sizeof(RingSlot) == sizeof(Completion));
static_assert(std::is_trivially_copyable_v<RingSlot>);
static_assert(std::has_unique_object_representations_v<RingSlot>);

/// A position that one side publishes to the other: one writer, a cache line of its own.
struct alignas(64) RingPosition {
  std::uint64_t position;
  std::uint64_t reserved[7];
};
static_assert(sizeof(RingPosition) == 64 && offsetof(RingPosition, position) == 0);
static_assert(std::is_trivially_copyable_v<RingPosition>);
static_assert(std::has_unique_object_representations_v<RingPosition>);

/// Where the writers of one ring contend. It lies in the memory of the side that writes; the
/// reader never touches it. `tail`: next position to hand out, kRingClosedBit set once nothing more
/// is handed out. `limit_cache`: the last limit (first position that may not be handed out) that
/// any writer saw.
struct alignas(64) ProducerWords {
  std::uint64_t tail;
  std::uint64_t reserved0[7];
  std::uint64_t limit_cache;
  std::uint64_t reserved1[7];
};
static_assert(sizeof(ProducerWords) == 128 && alignof(ProducerWords) == 64);
static_assert(offsetof(ProducerWords, limit_cache) == 64);
static_assert(std::is_trivially_copyable_v<ProducerWords>);
static_assert(std::has_unique_object_representations_v<ProducerWords>);

inline constexpr std::uint64_t kRingClosedBit{std::uint64_t{1} << 63};

}  // namespace vyre
