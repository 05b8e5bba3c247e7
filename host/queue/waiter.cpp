// The sleeping half of Waiter: a futex on the epoch, with an absolute deadline on the monotonic
// clock.
#include "queue/waiter.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>

namespace vyre::queue {
namespace {

static_assert(sizeof(std::atomic<std::uint64_t>) == 8 &&
              std::atomic<std::uint64_t>::is_always_lock_free);

// The kernel compares the epoch half only: sleepers that come and go must not look like news.
std::uint32_t* epoch_word(std::atomic<std::uint64_t>& state) {
  return reinterpret_cast<std::uint32_t*>(&state) + 1;  // little-endian: the high half
}

}  // namespace

bool Waiter::sleep(std::uint32_t epoch, Deadline deadline) noexcept {
  const auto since_start =
      std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch());
  bool in_time = false;
  if (since_start.count() > 0) {
    timespec until{};
    until.tv_sec = static_cast<time_t>(since_start.count() / 1'000'000'000);
    until.tv_nsec = static_cast<long>(since_start.count() % 1'000'000'000);
    const long rc = syscall(SYS_futex, epoch_word(state_), FUTEX_WAIT_BITSET_PRIVATE, epoch, &until,
                            nullptr, FUTEX_BITSET_MATCH_ANY);
    in_time = rc == 0 || errno != ETIMEDOUT;  // woken, epoch moved (EAGAIN), or a signal (EINTR)
  }
  cancel();
  // [WAIT-1] acquire: what was published before the notify() that woke this thread.
  (void)state_.load(std::memory_order_acquire);
  return in_time;
}

void Waiter::wake() noexcept {
  syscall(SYS_futex, epoch_word(state_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace vyre::queue
