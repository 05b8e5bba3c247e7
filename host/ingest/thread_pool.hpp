// The door of tier E, where io_uring is refused or not wanted: threads that call pread. Host only.
// The pump's thread calls it, kPoolThreads of its own work. Private to this room. Page:
// docs/internals/ingest.md, "Tiers".
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ingest/io.hpp"

namespace vyre::ingest {

/// One pread an operation, as one operation of a ring is one read: what is short, the pump asks for
/// again. An operation that a thread has begun cannot be cancelled. A nop ends with its `bytes` as
/// a signed result.
class ThreadPool final : public Io {
 public:
  /// Errc::io where not even one thread could be started.
  [[nodiscard]] static Result<std::unique_ptr<ThreadPool>> create();
  /// Waits for the reads that threads have begun.
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return "thread pool"; }
  void register_memory(MutableByteSpan) override {}
  [[nodiscard]] bool fixed(const std::uint8_t*, std::uint64_t) const override { return false; }
  [[nodiscard]] const Registration& registration() const noexcept override { return nothing_; }
  [[nodiscard]] bool push(const IoOperation& operation) override;
  [[nodiscard]] Status enter(std::uint32_t least, std::chrono::nanoseconds patience) override;
  [[nodiscard]] std::uint32_t reap(std::span<IoCompletion> out) override;
  [[nodiscard]] IoCounters counters() const noexcept override { return counters_; }
  void wake() noexcept override;
  [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }

 private:
  ThreadPool();
  void work();
  /// With the lock held.
  void cancel(const IoOperation& operation);

  Registration nothing_;
  IoCounters counters_;
  std::vector<IoOperation> pushed_;  // the pump's: since the last enter()

  std::mutex mutex_;
  std::condition_variable work_;    // queued_ is not empty, or stopping_
  std::condition_variable answer_;  // enough of done_, or woken_
  // Queues whose memory stays, so that no operation allocates: each is emptied from its head.
  std::vector<IoOperation> queued_;
  std::size_t queued_head_{0};
  std::vector<IoCompletion> done_;
  std::size_t done_head_{0};
  std::vector<std::uint64_t> begun_;  // user_data of what threads are reading
  std::size_t wanted_{0};             // completions the pump waits for
  bool woken_{false};
  bool stopping_{false};

  std::vector<std::thread> threads_;
};

}  // namespace vyre::ingest
