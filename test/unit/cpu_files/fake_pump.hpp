// A pump as small as can be: a thread that answers request lines with pread, as the contract says,
// and misbehaves on request. Test support.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "queue/io_queue.hpp"

namespace vyre::cpu {

/// Bytes that tell their place.
[[nodiscard]] Bytes pattern(std::size_t bytes, std::uint64_t seed);

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  /// Writes a file and opens it for reading; closed with the folder.
  int file(const std::string& name, ByteSpan bytes);
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
  std::vector<int> open_;
};

/// Ingest memory for tests without a backend.
class LineMemory {
 public:
  LineMemory();
  ~LineMemory() { std::free(memory_); }
  LineMemory(const LineMemory&) = delete;
  LineMemory& operator=(const LineMemory&) = delete;
  [[nodiscard]] MutableByteSpan bytes() const {
    return {static_cast<std::uint8_t*>(memory_), IngestLayout::kStreams};
  }

 private:
  void* memory_;
};

class FakePump {
 public:
  struct File {
    int descriptor{-1};
    std::uint64_t bytes{0};
    std::optional<std::uint32_t> queue;  // none: all
  };
  /// What is answered instead; nullopt: the truth.
  using Lie = std::function<std::optional<IoCompletionLine>(const IoRequestLine&)>;

  explicit FakePump(MutableByteSpan memory) : view_(queue::IoQueueView::of(memory)) {}
  ~FakePump() { kill(); }

  void publish(std::uint32_t handle, File file) {
    const std::lock_guard lock(mutex_);
    files_[handle] = file;
  }
  // Before start().
  Lie lie;
  std::uint32_t batch{1};  // answers so many at once, the newest first, or what there is
  std::uint32_t skip{0};   // bytes come so far into the slot

  void start();
  /// The thread ends; nobody is told.
  void kill();
  /// As the pump's last act.
  void fail(FaultCode why) { fail_ = static_cast<std::uint32_t>(why); }
  void hold(bool answers_nothing) { hold_ = answers_nothing; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] std::uint32_t most_under_way() const { return most_under_way_; }

 private:
  void work();
  [[nodiscard]] IoCompletionLine serve(const IoRequestLine& request);

  queue::IoQueueView view_;
  queue::IoServer server_{view_};
  std::mutex mutex_;
  std::map<std::uint32_t, File> files_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> hold_{false};
  std::atomic<std::uint32_t> fail_{0};
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint32_t> most_under_way_{0};
  std::thread thread_;
};

}  // namespace vyre::cpu
