// Threads that share the host's half of a large transfer, because one thread copies slower than the
// link carries. They are started with the first such transfer, sleep between transfers, once they
// have looked for the next one for kPoolLinger, and end with the pool. Host only, no CUDA; any
// thread. Spec: docs/internals/resident-host.md, "Transfers".
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "queue/waiter.hpp"

namespace vyre::cuda {

/// Waking a thread that sleeps takes up to half a millisecond where processors are virtual, longer
/// than a transfer of 16 MiB; a session copies larger ones in pieces of that.
inline constexpr std::chrono::microseconds kPoolLinger{200};

class CopyPool {
 public:
  /// `threads`: of the pool, beside the thread that calls.
  explicit CopyPool(std::uint32_t threads) : wanted_(threads) {}
  CopyPool(const CopyPool&) = delete;
  CopyPool& operator=(const CopyPool&) = delete;
  /// No call is under way.
  ~CopyPool();

  /// Calls `part()` on this thread and on at most `helpers` others at once, and returns when all of
  /// these calls have. Fewer take part, perhaps none, where they are slow to wake, the system has
  /// no threads or another call has the pool: each part goes on until no work is left.
  void run(std::uint32_t helpers, const std::function<void()>& part);

 private:
  void start();
  void help();
  /// Until there is a next call after `seen`, for a moment.
  void linger(std::uint64_t seen) const;

  const std::uint32_t wanted_;
  std::mutex using_;  // one call at a time has the threads
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // what follows
  std::condition_variable begun_;
  const std::function<void()>* part_{nullptr};  // null: no call lets helpers in
  std::uint32_t room_{0};                       // for so many more of them
  bool exit_{false};
  /// Grows with each call. Relaxed: helpers that have not gone to sleep yet look at it, and then
  /// under the mutex.
  std::atomic<std::uint64_t> calls_{0};
  /// [POOL-1] Threads that do their part. Grows under the mutex.
  std::atomic<std::uint32_t> at_work_{0};
  queue::Waiter ended_;
};

}  // namespace vyre::cuda
