// Waking helpers and waiting for them. See copy_pool.hpp.
#include "copy_pool.hpp"

#include <algorithm>
#include <system_error>

namespace vyre::cuda {
namespace {

/// A helper ends its pieces within some hundred microseconds, and a thread that sleeps wakes late.
constexpr std::uint32_t kLooks{10'000};

}  // namespace

CopyPool::~CopyPool() {
  {
    const std::lock_guard lock(mutex_);
    exit_ = true;
  }
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void CopyPool::start() {
  while (threads_.size() < wanted_) {
    try {
      threads_.emplace_back([this] { help(); });
    } catch (const std::system_error&) {
      return;  // slower, that is all
    }
  }
}

void CopyPool::run(std::uint32_t helpers, const std::function<void()>& part) {
  const std::unique_lock all(using_, std::try_to_lock);
  if (!all.owns_lock() || helpers == 0) {
    part();
    return;
  }
  start();
  const auto count = std::min(helpers, static_cast<std::uint32_t>(threads_.size()));
  {
    const std::lock_guard lock(mutex_);
    part_ = &part;
    room_ = count;
    calls_.fetch_add(1, std::memory_order_relaxed);
  }
  for (std::uint32_t i = 0; i < count; ++i) begun_.notify_one();
  part();
  {
    // No work is left, so a helper that has not woken yet need not be waited for.
    const std::lock_guard lock(mutex_);
    part_ = nullptr;
    room_ = 0;
  }
  // [POOL-1] acquire: what the helpers did.
  const auto ended = [this] { return at_work_.load(std::memory_order_acquire) == 0; };
  for (std::uint32_t looks = 0; looks < kLooks && !ended(); ++looks) queue::spin_pause();
  (void)ended_.wait_until(Deadline::max(), ended);
}

void CopyPool::linger(std::uint64_t seen) const {
  const Deadline until = Clock::now() + kPoolLinger;
  for (std::uint32_t looks = 0;; ++looks) {
    if (calls_.load(std::memory_order_relaxed) != seen) return;
    if (looks % 16 == 15 && Clock::now() >= until) return;
    queue::spin_pause();
  }
}

void CopyPool::help() {
  for (std::uint64_t seen = 0;;) {
    const std::function<void()>* part = nullptr;
    {
      std::unique_lock lock(mutex_);
      begun_.wait(lock, [this] { return exit_ || room_ != 0; });
      if (exit_) return;
      --room_;
      seen = calls_.load(std::memory_order_relaxed);
      part = part_;
      at_work_.fetch_add(1, std::memory_order_relaxed);  // relaxed: under the mutex
    }
    (*part)();
    // [POOL-1] release: what this thread did.
    if (at_work_.fetch_sub(1, std::memory_order_acq_rel) == 1) ended_.notify();
    linger(seen);
  }
}

}  // namespace vyre::cuda
