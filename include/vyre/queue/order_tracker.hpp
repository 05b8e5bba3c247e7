// When may an item start (D7)? Tells it from the completions seen so far, which come in any order.
// Host; one owner at a time (the dispatcher, under its lock), no atomics. Spec: docs/protocol.md,
// "Order".
//
// Items of a queue start in order of position. An item with after_previous starts only when the
// item just before it has completed, one with after_all only when every earlier one has; both are
// kept in a window of positions.
#pragma once

#include <cstdint>
#include <vector>

#include "vyre/protocol/work_item.hpp"

namespace vyre::queue {

class OrderTracker {
 public:
  /// `window`: how far the next item may run ahead of the oldest that has not completed; rounded up
  /// to a multiple of
  /// 64. At the end of the window items wait, so a window below the ring's slots would throttle.
  explicit OrderTracker(std::uint32_t window);

  /// May the item at next() start? It does not change anything.
  [[nodiscard]] bool may_start(std::uint32_t flags) const noexcept;
  /// The item at next() starts; may_start() was true. Returns its position.
  std::uint64_t start() noexcept;
  /// Items without flags in a row: how many may start now, at most `want`.
  [[nodiscard]] std::uint32_t may_start_plain(std::uint32_t want) const noexcept;
  void start_many(std::uint32_t count) noexcept { next_ += count; }

  /// False if that position had not started or had completed already: our own broken promise,
  /// nothing changes.
  [[nodiscard]] bool complete(std::uint64_t position) noexcept;

  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  /// Every position below has completed.
  [[nodiscard]] std::uint64_t completed_below() const noexcept { return low_; }
  [[nodiscard]] bool is_complete(std::uint64_t position) const noexcept;
  [[nodiscard]] std::uint32_t window() const noexcept { return window_; }

 private:
  std::vector<std::uint64_t> bits_;  // bit p mod window: position p in [low_, next_) has completed
  std::uint32_t window_;
  std::uint64_t low_{0};
  std::uint64_t next_{0};
};

}  // namespace vyre::queue
