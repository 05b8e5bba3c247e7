// Which published items a caller no longer wants: one word a completion slot, written by the host
// and looked at by the thread or warp that is about to start the item. Host and device; a view over
// plain memory that owns nothing. Spec: docs/internals/resident-host.md, "Cancelled items".
#pragma once

#include <cstdint>
#include <type_traits>

#include "reserve.hpp"

namespace vyre::queue {

/// The mark of a position. 0, which zeroed memory holds, marks none. All 64 bits count, so that a
/// mark which is left behind never means the item that has the slot a lap later.
[[nodiscard]] VYRE_HD constexpr std::uint64_t cancel_mark(std::uint64_t position) noexcept {
  return position + 1;
}

/// One writer at a time, any number of readers. Relaxed everywhere: a mark is its own message, and
/// a reader that does not see it yet starts the item, which a caller cannot tell from a mark that
/// came too late.
template <class Atomics>
struct CancelMarks {
  std::uint64_t* marks;
  RingGeometry geometry;  // of the completion ring

  /// False: it was marked already.
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool set(std::uint64_t position) const noexcept {
    if (is_set(position)) return false;
    Atomics::store(&marks[geometry.index(position)], cancel_mark(position), Order::relaxed);
    return true;
  }
  VYRE_SIDE_OF_POLICY
  [[nodiscard]] VYRE_HD bool is_set(std::uint64_t position) const noexcept {
    return Atomics::load(&marks[geometry.index(position)], Order::relaxed) == cancel_mark(position);
  }
  /// For an item that has ended. A mark of a later item in the same slot stays.
  VYRE_SIDE_OF_POLICY
  VYRE_HD void clear(std::uint64_t position) const noexcept {
    if (is_set(position))
      Atomics::store(&marks[geometry.index(position)], std::uint64_t{0}, Order::relaxed);
  }
};

static_assert(std::is_trivially_copyable_v<CancelMarks<HostAtomics>>);

}  // namespace vyre::queue
