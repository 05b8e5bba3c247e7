// What Stream::progress() tells. The stream's thread counts, any thread reads. Host only.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/stream.hpp"

namespace vyre::runtime {

class StreamCounters {
 public:
  void opened(std::uint64_t bytes) noexcept {
    add(files_opened_, 1);
    add(bytes_opened_, bytes);
  }
  void read(std::uint64_t new_bytes) noexcept {
    add(chunks_read_, 1);
    add(bytes_read_, new_bytes);
  }
  void chunk_ended() noexcept { add(chunks_ended_, 1); }
  void file_ended(bool failed) noexcept {
    add(files_ended_, 1);
    if (failed) add(files_failed_, 1);
  }
  [[nodiscard]] StreamProgress progress() const noexcept {
    return {get(files_opened_), get(files_ended_),  get(files_failed_), get(chunks_read_),
            get(chunks_ended_), get(bytes_opened_), get(bytes_read_)};
  }

 private:
  using Counter = std::atomic<std::uint64_t>;
  // Relaxed: sums, each for itself.
  static void add(Counter& counter, std::uint64_t by) noexcept {
    counter.fetch_add(by, std::memory_order_relaxed);
  }
  static std::uint64_t get(const Counter& counter) noexcept {
    return counter.load(std::memory_order_relaxed);
  }
  Counter files_opened_{0}, files_ended_{0}, files_failed_{0}, chunks_read_{0}, chunks_ended_{0},
      bytes_opened_{0}, bytes_read_{0};
};

}  // namespace vyre::runtime
