// A pump with its memory, and a sink that remembers how reads ended.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ingest/file.hpp"
#include "ingest/pump.hpp"
#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "queue/io_queue.hpp"
#include "unit/ingest_doors/fixture.hpp"

namespace vyre::ingest::test {

inline constexpr std::uint8_t kPoison{0xA5};

/// Ingest memory, zeroed where the layout wants it and poisoned behind.
class Memory {
 public:
  explicit Memory(std::uint64_t stream_bytes) : all_(IngestLayout::kStreams + stream_bytes) {
    std::memset(streams(), kPoison, stream_bytes);
  }
  [[nodiscard]] MutableByteSpan span() const { return all_.span(); }
  [[nodiscard]] std::uint8_t* streams() const { return all_.data() + IngestLayout::kStreams; }
  [[nodiscard]] queue::IoQueueView view() const { return queue::IoQueueView::of(span()); }

 private:
  Aligned all_;
};

class Ends final : public ReadSink {
 public:
  void ended(const ReadResult& result) noexcept override {
    const std::lock_guard lock(mutex_);
    all_.push_back(result);
    changed_.notify_all();
  }
  /// All that came once `count` did, in order of their tags; each tag once.
  std::vector<ReadResult> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kTestPatience, [&] { return all_.size() >= count; }))
        << all_.size() << " of " << count << " reads ended";
    EXPECT_EQ(all_.size(), count);
    std::vector<ReadResult> sorted = all_;
    std::sort(sorted.begin(), sorted.end(),
              [](const ReadResult& a, const ReadResult& b) { return a.tag < b.tag; });
    for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
      EXPECT_NE(sorted[i].tag, sorted[i + 1].tag) << "a read ended twice";
    }
    return sorted;
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ReadResult> all_;
};

inline std::unique_ptr<Pump> start(const PumpOptions& options, const Memory& memory) {
  auto pump = Pump::start(options, memory.span());
  EXPECT_TRUE(pump) << pump.error().message;
  return pump ? *std::move(pump) : nullptr;
}

inline std::shared_ptr<const File> open(const std::string& path,
                                        TierChoice choice = TierChoice::automatic) {
  auto file = File::open(path, choice);
  EXPECT_TRUE(file) << file.error().message;
  return file ? *file : nullptr;
}

/// Until `true_now` or the test's patience.
template <class TrueNow>
bool soon(const TrueNow& true_now) {
  const auto until = std::chrono::steady_clock::now() + kTestPatience;
  while (!true_now()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::microseconds{50});
  }
  return true;
}

/// The answer to a request of an item that nobody rings for, or that was rung for already.
inline IoCompletionLine answer_of(const queue::IoClient& client, queue::IoClient::Line line) {
  std::optional<IoCompletionLine> answer;
  EXPECT_TRUE(soon([&] { return (answer = client.try_answer(line)).has_value(); }));
  return answer.value_or(IoCompletionLine{});
}

}  // namespace vyre::ingest::test
