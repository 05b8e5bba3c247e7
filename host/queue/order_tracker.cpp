// A sliding bitmap of completions between the oldest item that runs and the newest that started.
#include "vyre/queue/order_tracker.hpp"

#include <algorithm>

namespace vyre::queue {

OrderTracker::OrderTracker(std::uint32_t window)
    : bits_((std::max<std::uint64_t>(window, 1) + 63) / 64, 0),
      window_(static_cast<std::uint32_t>(bits_.size() * 64)) {}

bool OrderTracker::is_complete(std::uint64_t position) const noexcept {
  if (position < low_) return true;
  if (position >= next_) return false;
  const std::uint64_t bit = position % window_;
  return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
}

bool OrderTracker::may_start(std::uint32_t flags) const noexcept {
  if (next_ - low_ >= window_) return false;
  if ((flags & kQueueFlagAfterAll) != 0) return low_ == next_;
  if ((flags & kQueueFlagAfterPrevious) != 0) return next_ == 0 || is_complete(next_ - 1);
  return true;
}

std::uint32_t OrderTracker::may_start_plain(std::uint32_t want) const noexcept {
  const std::uint64_t room = window_ - (next_ - low_);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(want, room));
}

std::uint64_t OrderTracker::start() noexcept {
  return next_++;
}

bool OrderTracker::complete(std::uint64_t position) noexcept {
  if (position >= next_ || is_complete(position)) return false;
  const std::uint64_t bit = position % window_;
  bits_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  // Slide over whole words where possible: completions mostly come in order, in batches.
  while (low_ < next_) {
    const std::uint64_t at = low_ % window_;
    std::uint64_t& word = bits_[at / 64];
    const std::uint64_t rest = word >> (at % 64);
    if ((rest & 1) == 0) break;
    const auto run = rest == ~std::uint64_t{0} ? 64 : __builtin_ctzll(~rest);
    const std::uint64_t ones =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(run), 64 - at % 64);
    const std::uint64_t mask = (ones == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << ones) - 1)
                               << (at % 64);
    word &= ~mask;  // these bits serve the next lap of the window
    low_ += ones;
  }
  return true;
}

}  // namespace vyre::queue
