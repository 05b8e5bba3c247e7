// Streams over a door that tests can break, a session with little ingest memory, and the fixture of
// the tests that use them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "stream_fixture.hpp"
#if defined(__SANITIZE_ADDRESS__)
#define VYRE_TEST_LSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VYRE_TEST_LSAN
#endif
#endif
#ifdef VYRE_TEST_LSAN
#include <sanitizer/lsan_interface.h>
#endif

namespace vyre::runtime::test {

inline constexpr std::uint64_t kChunk{16'384};

inline SessionOptions small_memory(std::uint32_t workers = 2) {
  SessionOptions options = test_options(workers);
  options.ingest_bytes = std::uint64_t{6} << 20;
  return options;
}

/// A ring that dies with reads under way is left behind on purpose, with all it may still write:
/// whatever this thread allocates meanwhile is no leak for LeakSanitizer, nor is what it leads to.
class LeftBehindOnPurpose {
 public:
  LeftBehindOnPurpose() {
#ifdef VYRE_TEST_LSAN
    __lsan_disable();
#endif
  }
  ~LeftBehindOnPurpose() {
#ifdef VYRE_TEST_LSAN
    __lsan_enable();
#endif
  }
  LeftBehindOnPurpose(const LeftBehindOnPurpose&) = delete;
  LeftBehindOnPurpose& operator=(const LeftBehindOnPurpose&) = delete;
};

/// Reads at once in its own thread, and dies after so many: a door that tests can break.
class DyingIo final : public ingest::Io {
 public:
  DyingIo(std::uint32_t reads, std::atomic<bool>* hold) : left_(reads), hold_(hold) {}
  std::string_view name() const noexcept override { return "dying"; }
  void register_memory(MutableByteSpan) override {}
  bool fixed(const std::uint8_t*, std::uint64_t) const override { return false; }
  const ingest::Registration& registration() const noexcept override { return registration_; }
  bool push(const ingest::IoOperation& operation) override {
    pushed_.push_back(operation);
    return true;
  }
  Status enter(std::uint32_t least, std::chrono::nanoseconds patience) override {
    const bool held = hold_ != nullptr && hold_->load();
    if (!held) {
      for (const ingest::IoOperation& op : pushed_) {
        if (op.code == ingest::IoCode::cancel || op.code == ingest::IoCode::nop) {
          done_.push_back({op.user_data, op.code == ingest::IoCode::nop ? 0 : -ENOENT});
          continue;
        }
        if (left_-- == 0) return fail(Errc::io, "this door was made to die");
        const ssize_t got = pread(op.descriptor, op.to, op.bytes, static_cast<off_t>(op.offset));
        done_.push_back({op.user_data, got < 0 ? -errno : static_cast<std::int32_t>(got)});
      }
      pushed_.clear();
    }
    if (done_.empty() && (least != 0 || held) && !woken_.exchange(false))
      std::this_thread::sleep_for(
          std::min<std::chrono::nanoseconds>(patience, std::chrono::milliseconds{1}));
    return {};
  }
  std::uint32_t reap(std::span<ingest::IoCompletion> out) override {
    const std::size_t count = std::min(out.size(), done_.size());
    std::copy_n(done_.begin(), count, out.begin());
    done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(count));
    return static_cast<std::uint32_t>(count);
  }
  ingest::IoCounters counters() const noexcept override { return {}; }
  void wake() noexcept override { woken_.store(true); }
  std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }

 private:
  std::uint32_t left_;
  std::atomic<bool>* hold_;
  std::atomic<bool> woken_{false};
  std::vector<ingest::IoOperation> pushed_;
  std::vector<ingest::IoCompletion> done_;
  ingest::Registration registration_;
};

/// The door dies after so many reads; ends come once `hold` is false.
inline Result<Session> open_with_door(
    std::uint32_t reads, std::atomic<bool>* hold = nullptr,
    std::chrono::nanoseconds pump_drain = std::chrono::seconds{5},
    std::optional<std::chrono::nanoseconds> close_timeout = std::nullopt) {
  TestHooks hooks;
  hooks.pump_drain = pump_drain;
  SessionOptions options = small_memory();
  options.close_timeout = close_timeout.value_or(pump_drain);
  hooks.make_io = [reads, hold]() -> Result<std::unique_ptr<ingest::Io>> {
    const LeftBehindOnPurpose here;
    return std::make_unique<DyingIo>(reads, hold);
  };
  return open_for_tests(options, hooks);
}

class StreamWithDoors : public ::testing::Test {
 protected:
  void open(const SessionOptions& options = small_memory()) {
    auto opened = Session::open(options);
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
  }
  std::string good(const std::string& name, std::size_t bytes = 100) {
    return folder_.write(name, random_bytes(bytes, test_seed()));
  }
  Folder folder_;
  std::optional<Session> session_;
};

}  // namespace vyre::runtime::test
