// The rules of the run queue, apart from how a warp obeys them: which entries a lap's numbers may
// overwrite, how many numbers a ring may draw ahead, and how large the queue must be. One source
// for the kernel, its host and the model (test/model); no CUDA. Spec: docs/internals/megakernel.md,
// "Run queue".
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "cuda/megakernel/layout.hpp"
#include "queue/atomics.hpp"

namespace vyre::cuda::megakernel {

inline constexpr std::uint64_t kNoNumber{~std::uint64_t{0}};
/// Sections of the run queue: a number may be written when every entry that its section held in
/// the lap before has been read. So writers look once a section, and readers count one addition
/// each.
inline constexpr std::uint32_t kRunSectionsLog2{3};
static_assert(kRunSections == 1u << kRunSectionsLog2);
/// Numbers of one ring that its poller may have drawn ahead or given back unused, and that no
/// worker has taken yet. More would only be in the way: an item that comes meanwhile draws its own.
inline constexpr std::uint32_t kSpareNumbers{4};

/// Bits 31..24 of the first word of both halves of the entry with that number: the phase of its
/// lap, and the lap. A reader knows by them whose entry it found.
[[nodiscard]] VYRE_HD constexpr std::uint32_t entry_mark(std::uint64_t number, std::uint32_t log2) {
  const std::uint64_t lap = number >> log2;
  return ((lap & 1) != 0 ? 0u : kSlotPhaseBit) | (static_cast<std::uint32_t>(lap) & 0x7Fu) << 24;
}
inline constexpr std::uint32_t kEntryMarkMask{0xFF000000u};
/// Whether the mark is that of the entry that its reader waits for. A reader may see the mark of an
/// earlier lap for a while.
[[nodiscard]] VYRE_HD constexpr bool is_entry(std::uint32_t found, std::uint32_t mark) {
  return ((found ^ mark) & kEntryMarkMask) == 0;
}
/// Whether the mark is of a later lap. Then the reader's entry is lost: a broken promise of the
/// kernel.
[[nodiscard]] VYRE_HD constexpr bool is_overwritten(std::uint32_t found, std::uint32_t mark) {
  const std::uint32_t laps = ((found >> 24) - (mark >> 24)) & 0x7Fu;
  return laps != 0 && laps < 64;
}

[[nodiscard]] VYRE_HD constexpr std::uint32_t section_of(std::uint64_t number, std::uint32_t log2) {
  return static_cast<std::uint32_t>(number >> (log2 - kRunSectionsLog2)) & (kRunSections - 1);
}
/// Reads of a number's section that are counted when all of its earlier laps have been read.
[[nodiscard]] VYRE_HD constexpr std::uint64_t reads_before(std::uint64_t number,
                                                           std::uint32_t log2) {
  return (number >> log2) << (log2 - kRunSectionsLog2);
}
/// Reads of a section that are counted when exactly the numbers below `tail` have been read: where
/// a launch begins.
[[nodiscard]] VYRE_HD constexpr std::uint64_t reads_below(std::uint64_t tail, std::uint32_t section,
                                                          std::uint32_t log2) {
  const std::uint64_t each = std::uint64_t{1} << (log2 - kRunSectionsLog2);
  const std::uint64_t in_lap = tail & ((std::uint64_t{1} << log2) - 1);
  const std::uint64_t begin = section * each;
  const std::uint64_t here = in_lap <= begin ? 0 : in_lap - begin < each ? in_lap - begin : each;
  return (tail >> log2) * each + here;
}

/// What a writer knows to be free: the section of a lap that it looked at last.
struct KnownRoom {
  std::uint64_t section{~std::uint64_t{0}};  // counted from number 0
};
/// May `number` be written, so that no entry is lost that a worker has not read? [RUN-2]
VYRE_SIDE_OF_POLICY
template <class Memory>
[[nodiscard]] VYRE_HD bool has_room(const RunQueue& run, std::uint64_t number, KnownRoom& known) {
  const std::uint64_t section = number >> (run.entries_log2 - kRunSectionsLog2);
  if (section == known.section) return true;
  const std::uint64_t read = Memory::load_count(run.read + section_of(number, run.entries_log2));
  if (read < reads_before(number, run.entries_log2)) return false;
  known.section = section;
  return true;
}
/// By the reader of an entry, once it has both halves: its place may be written again.
VYRE_SIDE_OF_POLICY
template <class Memory>
VYRE_HD void count_read(const RunQueue& run, std::uint64_t number) {
  Memory::add_count(run.read + section_of(number, run.entries_log2), 1);
}

/// May a ring draw another number ahead? `spares`: those that it drew ahead and did not use for an
/// item; `taken`: those of them that it gave back and workers have taken.
[[nodiscard]] VYRE_HD constexpr bool may_draw_ahead(std::uint32_t spares, std::uint32_t taken) {
  return spares - taken < kSpareNumbers;
}
/// Is it time to give a number back that was drawn ahead? Until it is written, the entries of its
/// section cannot be written again.
[[nodiscard]] VYRE_HD constexpr bool is_overdue(std::uint64_t tail, std::uint64_t drawn,
                                                std::uint32_t log2) {
  return tail - drawn >= std::uint64_t{1} << (log2 - 2);
}

/// The power of two of entries with which no writer ever waits for a worker that is busy with an
/// item: at most `unread` numbers are drawn and not read when all workers are busy, and a section
/// is free when none of its entries is among them.
[[nodiscard]] constexpr std::uint32_t run_queue_log2(std::uint64_t items, std::uint64_t helpers,
                                                     std::uint64_t rings) {
  const std::uint64_t unread = items + helpers + rings * kSpareNumbers;
  std::uint32_t log2 = kRunSectionsLog2;
  while ((std::uint64_t{1} << log2) - (std::uint64_t{1} << (log2 - kRunSectionsLog2)) < unread)
    ++log2;
  return log2;
}

}  // namespace vyre::cuda::megakernel
