// What a session tells its recorder while what records is slow: no caller waits as long as there is
// room, nothing is lost or changes its place, and memory is bounded.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "trace/hand_over.hpp"

namespace vyre::trace {
namespace {

constexpr std::chrono::seconds kLong{30};

/// Records numbers of submits; stands still while its gate is closed.
class Slow final : public EventRecorder {
 public:
  explicit Slow(std::vector<std::uint64_t>& told) : told_(told) {}

  void on_program(runtime::OpHandle op, std::string_view, const vir::Program&) override {
    pass(1'000'000 + op.id);
  }
  void on_buffer(runtime::Handle buffer, ByteSpan bytes, bool file_backed) override {
    pass(2'000'000 + buffer.id);
    for (const std::uint8_t byte : bytes) sum += byte;
    files += file_backed ? 1 : 0;
  }
  void on_write(runtime::Handle buffer, std::uint64_t offset, ByteSpan bytes) override {
    pass(3'000'000 + buffer.id + offset);
    for (const std::uint8_t byte : bytes) sum += byte;
  }
  void on_bind(runtime::Handle set, std::span<const runtime::Handle> buffers) override {
    pass(4'000'000 + set.id + buffers.size());
  }
  void on_release(runtime::Handle handle) override { pass(5'000'000 + handle.id); }
  void on_submit(const runtime::Ticket& ticket, const MegakernelWorkItem&, std::uint8_t,
                 std::chrono::nanoseconds) override {
    if (ticket.queue == 9) throw std::runtime_error("broken");
    pass(ticket.position);
  }
  void on_completion(const runtime::ItemResult& result, std::chrono::nanoseconds) override {
    pass(6'000'000 + result.ticket.position);
  }
  Status finish(runtime::Session&, Deadline) override { return {}; }
  Status cut_short(runtime::Session&, const std::function<Status()>& catch_up) override {
    return catch_up();
  }
  void discard() override {}
  Status status() const override { return {}; }

  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  std::uint64_t sum{0};
  int files{0};

 private:
  void pass(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kLong, [this] { return open_; }));
    told_.push_back(number);
  }

  std::vector<std::uint64_t>& told_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_{true};
};

class HandOverTest : public ::testing::Test {
 protected:
  void start(const HandOverBounds& bounds) {
    auto slow = std::make_unique<Slow>(told_);
    slow_ = slow.get();
    hand_over_ = HandOver::start(std::move(slow), bounds).value();
  }
  void submit(std::uint64_t position, std::uint32_t queue = 0) {
    hand_over_->on_submit({queue, position, 1}, {0, 0, 0, 0}, 0, {});
  }

  std::vector<std::uint64_t> told_;
  Slow* slow_{nullptr};
  std::shared_ptr<HandOver> hand_over_;
};

TEST_F(HandOverTest, NoCallerWaitsForASlowSinkWhileThereIsRoom) {
  start({.events = 1'000, .bytes = 4'096});
  slow_->close();
  // Would hang until the gate opens, which only this thread does.
  for (std::uint64_t i = 0; i < 900; ++i) submit(i);
  const Bytes contents(1'000, 1);
  for (std::uint32_t i = 0; i < 4; ++i) hand_over_->on_buffer({i, 1, 1}, contents, false);
  EXPECT_TRUE(told_.empty());
  slow_->open();
  EXPECT_TRUE(hand_over_->status());
  ASSERT_EQ(told_.size(), 904u);
  for (std::uint64_t i = 0; i < 900; ++i) EXPECT_EQ(told_[i], i);
  EXPECT_EQ(slow_->sum, 4'000u);
}

TEST_F(HandOverTest, ASessionRunsItsItemsWhileItsSinkStandsStill) {
  start({.events = 1'000, .bytes = 4'096});
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 2;
  auto session = runtime::Session::open(options);
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->observe(hand_over_));
  slow_->close();
  const MegakernelWorkItem nop{0, 0, 0, 0};
  for (int i = 0; i < 100; ++i) {
    const auto ticket = session->submit(nop, after(kLong));
    ASSERT_TRUE(ticket) << to_string(ticket.error());
    ASSERT_TRUE(session->wait(*ticket, after(kLong)));
  }
  EXPECT_TRUE(told_.empty());
  slow_->open();
  EXPECT_TRUE(hand_over_->status());
  ASSERT_EQ(told_.size(), 200u);
  for (std::uint64_t i = 0; i < 100; ++i) {  // each ended before the next was submitted
    EXPECT_EQ(told_[2 * i], i);
    EXPECT_EQ(told_[2 * i + 1], 6'000'000 + i);
  }
}

TEST_F(HandOverTest, ACallerWithoutRoomWaitsAndNothingIsLost) {
  start({.events = 16, .bytes = 64});
  slow_->close();
  constexpr std::uint64_t kEvents{500};
  std::atomic<std::uint64_t> given{0};
  auto caller = std::async(std::launch::async, [&] {
    for (std::uint64_t i = 0; i < kEvents; ++i, ++given) submit(i);
  });
  EXPECT_EQ(caller.wait_for(std::chrono::milliseconds{30}), std::future_status::timeout);
  EXPECT_LE(given, 33u);  // what waits, what the writer has taken, and the one that stands still
  slow_->open();
  ASSERT_EQ(caller.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(hand_over_->status());
  std::vector<std::uint64_t> all(kEvents);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  EXPECT_EQ(told_, all);
}

TEST_F(HandOverTest, ContentsWithoutRoomWaitAndLargerOnesGoStraightOnInTheirPlace) {
  start({.events = 100, .bytes = 64});
  const vir::Program program;
  const Bytes small(60, 1);
  const Bytes large(65, 1);
  submit(0);
  hand_over_->on_buffer({1, 1, 1}, small, false);
  hand_over_->on_buffer({2, 1, 2}, small, false);  // no room beside the first
  hand_over_->on_write({1, 1, 1}, 7, large);
  hand_over_->on_program({5, 1}, "p", program);
  hand_over_->on_buffer({3, 1, 3}, small, true);
  hand_over_->on_bind({4, 1, 4}, std::array<runtime::Handle, 2>{});
  hand_over_->on_release({4, 1, 4});
  hand_over_->on_completion({{0, 0, 1}, CompletionStatus::done, {}}, {});
  EXPECT_TRUE(hand_over_->status());
  EXPECT_EQ(told_, (std::vector<std::uint64_t>{0, 2'000'001, 2'000'002, 3'000'008, 1'000'005,
                                               2'000'003, 4'000'006, 5'000'004, 6'000'000}));
  EXPECT_EQ(slow_->sum, 3u * 60 + 65);
  EXPECT_EQ(slow_->files, 1);
}

TEST_F(HandOverTest, TheEndRecordsWhatWaits) {
  start({.events = 1'000, .bytes = 64});
  for (std::uint64_t i = 0; i < 700; ++i) submit(i);
  hand_over_.reset();
  EXPECT_EQ(told_.size(), 700u);
}

TEST_F(HandOverTest, AnEventThatCannotBeRecordedEndsTheRecordingAndIsTold) {
  start({.events = 16, .bytes = 64});
  submit(0);
  submit(1, 9);
  const Status broken = hand_over_->status();
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("broken"), std::string::npos);
  for (std::uint64_t i = 2; i < 100; ++i) submit(i);  // is not held up
  EXPECT_FALSE(hand_over_->status());
  EXPECT_EQ(told_, std::vector<std::uint64_t>{0});
}

}  // namespace
}  // namespace vyre::trace
