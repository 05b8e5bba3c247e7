// The requests of items: taken from their lines, judged before anything is submitted, read into the
// line's data, answered once. On the pump's thread, except FileTable. Spec:
// docs/internals/ingest-requests.md, "Requests of items".
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "counters.hpp"
#include "protocol/completion.hpp"
#include "protocol/io_request.hpp"
#include "queue/io_queue.hpp"
#include "reads.hpp"

namespace vyre::ingest {

/// The files that requests may name. Any thread; what was published before an item was submitted
/// is there when the item asks.
class FileTable {
 public:
  void publish(std::uint32_t handle, Source source, std::uint32_t queue);
  void withdraw(std::uint32_t handle);
  [[nodiscard]] std::optional<Source> find(std::uint32_t handle, std::uint32_t queue) const;
  [[nodiscard]] bool empty() const noexcept {
    return count_.load(std::memory_order_relaxed) == 0;  // decides only how eagerly one looks
  }

 private:
  struct Published {
    Source source;
    std::uint32_t queue{0};
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, Published> files_;  // by handle, generation included
  std::atomic<std::size_t> count_{0};
};

class Requests final : public ReadSink {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Requests(queue::IoQueueView view, Io& io, Reads& reads, const FileTable& files,
           Counters& counters, std::chrono::nanoseconds timeout);

  /// Looks at the lines; how many requests it took.
  std::uint32_t take(Time now);
  /// Asks for the end of those that have waited too long.
  void expire(Time now);
  void beat() { server_.beat(); }
  /// No request will be answered any more but those that still end: says so to the workers.
  void close(FaultCode why) { server_.fail(static_cast<std::uint32_t>(why)); }
  /// Answers fences, and lines that the pump has not taken yet, as cancelled. After close().
  void answer_rest(Time now);

  void ended(const ReadResult& result) noexcept override;

 private:
  struct Line {
    IoRequestLine request{};
    Time seen{};
    bool waiting{false};
    bool fence{false};
    bool timed_out{false};
  };

  void judge(const IoRequestLine& request, Time now);
  [[nodiscard]] bool note_order(std::uint64_t order);
  void answer(const IoRequestLine& request, IoCompletionLine answer, Time seen);
  void settle(std::uint64_t order);
  void answer_fences();
  [[nodiscard]] std::uint64_t now_ns() const;

  queue::IoQueueView view_;
  queue::IoServer server_;
  Io& io_;
  Reads& reads_;
  const FileTable& files_;
  Counters& counters_;
  std::chrono::nanoseconds timeout_;
  std::array<Line, kIoLines> lines_{};
  std::uint32_t waiting_{0};  // lines
  std::uint32_t fences_{0};
  Time next_expiry_{Time::max()};
  /// Numbers below horizon_ that are not answered yet. Each belongs to a line that a worker holds,
  /// so there is room.
  std::uint64_t horizon_{0};
  std::array<std::uint64_t, kIoLines> open_orders_{};
  std::uint32_t open_count_{0};
};

}  // namespace vyre::ingest
