// Whether this process was forked from the one that opened a session: its threads are missing then.
// Host only; any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace vyre::runtime {

namespace detail {
inline std::atomic<std::uint32_t> forks{0};
}

/// Grows in each child. Counted from the first call of watch_forks() on.
[[nodiscard]] inline std::uint32_t forks() noexcept {
  return detail::forks.load(std::memory_order_relaxed);  // a child has one thread when it changes
}
void watch_forks() noexcept;

}  // namespace vyre::runtime
