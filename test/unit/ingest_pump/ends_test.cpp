// How it ends: stopping under load, doors that die, operations that the system does not give back.
#include <gtest/gtest.h>

#include <cerrno>
#include <new>
#include <thread>

#include "ingest/doors.hpp"
#include "ingest/pump_thread.hpp"
#include "rig.hpp"

namespace vyre::ingest::test {
namespace {

/// A real door until a test says otherwise.
struct Mood {
  std::atomic<std::uint64_t> enters_to_live{~std::uint64_t{0}};  // then the ring is dead
  std::atomic<bool> swallow{false};                              // operations begin and never end
  std::atomic<std::uint64_t> entered{0};
  std::atomic<bool> no_memory_to_push{false};
  std::atomic<bool> no_memory_to_register{false};
  std::atomic<bool> registers{true};  // false: hangs in it
  std::atomic<bool> gone{false};      // the door
};

class Moody final : public Io {
 public:
  Moody(std::unique_ptr<Io> io, Mood& mood) : io_(std::move(io)), mood_(mood) {}
  ~Moody() override {
    io_.reset();
    mood_.gone = true;
  }
  std::string_view name() const noexcept override { return io_->name(); }
  void register_memory(MutableByteSpan memory) override {
    EXPECT_TRUE(soon([&] { return mood_.registers.load(); }));
    if (mood_.no_memory_to_register) throw std::bad_alloc();
    io_->register_memory(memory);
  }
  bool fixed(const std::uint8_t* begin, std::uint64_t bytes) const override {
    return io_->fixed(begin, bytes);
  }
  const Registration& registration() const noexcept override { return io_->registration(); }
  bool push(const IoOperation& operation) override {
    if (mood_.no_memory_to_push) throw std::bad_alloc();
    return mood_.swallow || io_->push(operation);
  }
  Status enter(std::uint32_t least, std::chrono::nanoseconds patience) override {
    ++mood_.entered;
    if (mood_.enters_to_live == 0) {
      return tl::unexpected<Error>(
          Error{Errc::io, "io_uring_enter: EBADF, as the test wants", kNoOffset, 0, 0, EBADF});
    }
    if (mood_.enters_to_live != ~std::uint64_t{0}) --mood_.enters_to_live;
    return io_->enter(least, patience);
  }
  std::uint32_t reap(std::span<IoCompletion> out) override { return io_->reap(out); }
  IoCounters counters() const noexcept override { return io_->counters(); }
  void wake() noexcept override { io_->wake(); }
  std::chrono::steady_clock::time_point now() const noexcept override { return io_->now(); }

 private:
  std::unique_ptr<Io> io_;
  Mood& mood_;
};

PumpOptions moody(Mood& mood) {
  PumpOptions options;
  options.make_io = [&mood]() -> Result<std::unique_ptr<Io>> {
    VYRE_ASSIGN(Door door, open_door(TierChoice::automatic));
    return std::unique_ptr<Io>(std::make_unique<Moody>(std::move(door.io), mood));
  };
  return options;
}

constexpr std::uint64_t kLongFileBytes{4'000'000};
constexpr std::uint64_t kRead{64 * 1024};

class HowItEnds : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(folder.there());
    write_pattern(folder / "file", kLongFileBytes);
    file = open(folder / "file", TierChoice::buffered);
  }
  std::vector<ReadRequest> requests(Ends& ends, std::uint64_t count) {
    std::vector<ReadRequest> all;
    for (std::uint64_t i = 0; i < count; ++i) {
      all.push_back({file, i * 4096 % (kLongFileBytes - kRead), kRead,
                     memory->streams() + i % 64 * kRead, kRead, &ends, i});
    }
    return all;
  }
  Folder folder;
  // Kept for ever where a test leaves operations behind.
  std::unique_ptr<Memory> memory{std::make_unique<Memory>(64 * kRead)};
  std::shared_ptr<const File> file;
};

TEST_F(HowItEnds, StopUnderLoadEndsEveryReadThatWasTaken) {
  for (int round = 0; round < 20; ++round) {
    const auto pump = start({.depth = 8}, *memory);
    ASSERT_TRUE(pump);
    constexpr std::size_t kThreads{3};
    std::array<Ends, kThreads> ends;
    std::array<std::uint64_t, kThreads> taken{};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const auto all = requests(ends[t], 4'000);
        for (std::size_t i = 0; i < all.size(); i += 20) {
          if (const Status status = pump->read(std::span(all).subspan(i, 20)); !status) {
            EXPECT_EQ(status.error().code, Errc::closed);
            return;
          }
          taken[t] += 20;
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds{200 * round});
    EXPECT_TRUE(pump->stop());
    for (auto& thread : threads) thread.join();
    for (std::size_t t = 0; t < kThreads; ++t) {
      for (const ReadResult& result : ends[t].wait(taken[t])) {
        ASSERT_TRUE(result.status == ReadStatus::ok || result.status == ReadStatus::cancelled);
      }
    }
    EXPECT_TRUE(pump->stop()) << "idempotent";
  }
}

TEST_F(HowItEnds, CancelEndsReadsOfThatSinkAndOnlyThose) {
  const auto pump = start({.depth = 2}, *memory);
  ASSERT_TRUE(pump);
  Ends cancelled;
  Ends kept;
  const auto some = requests(cancelled, 2'000);
  const auto others = requests(kept, 200);
  ASSERT_TRUE(pump->read(some));
  ASSERT_TRUE(pump->read(others));
  pump->cancel(&cancelled);
  std::uint64_t ended_early = 0;
  for (const ReadResult& result : cancelled.wait(2'000)) {
    ended_early += result.status == ReadStatus::cancelled;
  }
  EXPECT_GT(ended_early, 0u);
  for (const ReadResult& result : kept.wait(200)) EXPECT_EQ(result.status, ReadStatus::ok);
  Ends later;
  ASSERT_TRUE(pump->read(requests(cancelled, 0)));
  const auto more = requests(later, 5);
  ASSERT_TRUE(pump->read(more));
  for (const ReadResult& result : later.wait(5)) EXPECT_EQ(result.status, ReadStatus::ok);
}

/// When its first read ends, posts others and cancels them at once.
class PostsAndCancels final : public ReadSink {
 public:
  void ended(const ReadResult&) noexcept override {
    EXPECT_TRUE(pump->read(others));
    pump->cancel(sink);
  }
  Pump* pump{nullptr};
  std::vector<ReadRequest> others;
  ReadSink* sink{nullptr};
};

TEST_F(HowItEnds, ACancelReachesTheReadsThatWerePostedJustBeforeIt) {
  const auto pump = start({.depth = 2}, *memory);
  ASSERT_TRUE(pump);
  Ends cancelled;
  PostsAndCancels sink;
  sink.pump = pump.get();
  sink.others = requests(cancelled, 50);
  sink.sink = &cancelled;
  const ReadRequest first{file, 0, kRead, memory->streams(), kRead, &sink, 0};
  ASSERT_TRUE(pump->read({&first, 1}));
  for (const ReadResult& result : cancelled.wait(50))
    EXPECT_EQ(result.status, ReadStatus::cancelled) << "none of them had begun";
  EXPECT_TRUE(pump->stop());
}

TEST_F(HowItEnds, ADoorThatDiesEndsEverythingAndSaysWhy) {
  for (const std::uint64_t enters : {0, 1, 2, 5, 20}) {
    Mood mood;
    mood.enters_to_live = enters;
    const auto pump = start(moody(mood), *memory);
    ASSERT_TRUE(pump);
    pump->publish_file(1, file, kAnyQueue);
    queue::IoClient client(memory->view());
    Ends ends;
    std::uint64_t taken = 0;
    const auto all = requests(ends, 3'000);
    for (std::size_t i = 0; i < all.size(); i += 100) {
      if (!pump->read(std::span(all).subspan(i, 100))) break;
      taken += 100;
    }
    ASSERT_TRUE(soon([&] { return pump->broken().has_value(); }));
    for (const ReadResult& result : ends.wait(taken)) {
      if (result.status == ReadStatus::ok) continue;
      ASSERT_EQ(result.status, ReadStatus::error);
      ASSERT_EQ(result.error_number, EBADF);
    }
    EXPECT_NE(pump->broken()->message.find("as the test wants"), std::string::npos);
    EXPECT_NE(client.broken(), 0u) << "items would wait for ever";
    Bytes out(100);
    const Status now = pump->read_now(file, 0, out);
    ASSERT_FALSE(now);
    EXPECT_EQ(now.error().message, pump->broken()->message);
    if (!pump->stop()) {
      keep_for_ever(memory.release());  // operations were under way
      memory = std::make_unique<Memory>(64 * kRead);
    }
    std::memset(memory->span().data(), 0, IngestLayout::kStreams);
  }
}

/// Asks the pump for the reason in each end that says error, as a stream does.
class Asks final : public ReadSink {
 public:
  void ended(const ReadResult& result) noexcept override {
    if (result.status == ReadStatus::error) {
      ++errors;
      if (const Pump* const asked = pump; asked != nullptr && !asked->broken()) ++without_reason;
    }
    ++count;
  }
  std::atomic<const Pump*> pump{nullptr};
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> without_reason{0};
};

TEST_F(HowItEnds, WhoHearsThatAReadFailedBecauseTheDoorDiedFindsTheReason) {
  Mood mood;
  const auto pump = start(moody(mood), *memory);
  ASSERT_TRUE(pump);
  Asks asks;
  asks.pump = pump.get();
  mood.swallow = true;  // so that they are there when it dies
  constexpr std::uint64_t kReads{200};
  Ends unused;
  auto all = requests(unused, kReads);
  for (ReadRequest& request : all) request.sink = &asks;
  ASSERT_TRUE(pump->read(all));
  mood.enters_to_live = 0;
  pump->ring();
  ASSERT_TRUE(soon([&] { return asks.count == kReads; }));
  EXPECT_EQ(asks.errors, kReads);
  EXPECT_EQ(asks.without_reason, 0u);
  EXPECT_FALSE(pump->stop());
  keep_for_ever(memory.release());
}

TEST_F(HowItEnds, NoMemoryOnThePumpsThreadEndsEveryReadAndSaysSo) {
  for (std::atomic<bool> Mood::*const where :
       {&Mood::no_memory_to_push, &Mood::no_memory_to_register}) {
    Mood mood;
    const auto pump = start(moody(mood), *memory);
    ASSERT_TRUE(pump);
    queue::IoClient client(memory->view());
    Asks asks;
    asks.pump = pump.get();
    (mood.*where) = true;
    constexpr std::uint64_t kReads{100};
    Ends unused;
    auto all = requests(unused, kReads);
    for (ReadRequest& request : all) request.sink = &asks;
    ASSERT_TRUE(pump->read(all));
    ASSERT_TRUE(soon([&] { return asks.count == kReads; }));
    EXPECT_EQ(asks.errors, kReads);
    EXPECT_EQ(asks.without_reason, 0u);
    ASSERT_TRUE(pump->broken());
    EXPECT_EQ(pump->broken()->code, Errc::out_of_memory);
    const Status later = pump->read(all);
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code, Errc::out_of_memory);
    EXPECT_NE(client.broken(), 0u);
    EXPECT_TRUE(pump->stop());
    EXPECT_EQ(asks.count, kReads) << "a read ended twice";
    std::memset(memory->span().data(), 0, IngestLayout::kStreams);
  }
}

TEST_F(HowItEnds, NoMemoryToComeUpWithIsTheErrorOfStart) {
  Mood mood;
  mood.no_memory_to_register = true;
  PumpOptions options = moody(mood);
  options.tier = TierChoice::direct_fixed;  // all memory is registered before the first read
  const auto pump = Pump::start(options, memory->span());
  ASSERT_FALSE(pump);
  EXPECT_EQ(pump.error().code, Errc::out_of_memory);
}

TEST_F(HowItEnds, WhatTheSystemDoesNotGiveBackIsLeftAloneAndSaidSo) {
  Mood mood;
  PumpOptions options = moody(mood);
  options.drain = std::chrono::milliseconds{50};
  options.request_timeout = std::chrono::milliseconds{20};
  const auto pump = start(options, *memory);
  ASSERT_TRUE(pump);
  pump->publish_file(1, file, kAnyQueue);
  mood.swallow = true;
  Ends ends;
  const auto all = requests(ends, 100);
  ASSERT_TRUE(pump->read(all));
  queue::IoClient client(memory->view());
  Status now;
  std::thread reader([&] {
    Bytes out(100'000);
    now = pump->read_now(file, 0, out);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  const auto line = client.try_ask(IoRequestOp::read, 1, 0, 0, 4096, 1);
  pump->ring();
  std::this_thread::sleep_for(std::chrono::milliseconds{60});
  EXPECT_FALSE(client.try_answer(*line) && client.broken() == 0 &&
               client.try_answer(*line)->status == IoStatus::ok);
  const auto since = std::chrono::steady_clock::now();
  EXPECT_FALSE(pump->stop());
  EXPECT_LT(std::chrono::steady_clock::now() - since, std::chrono::seconds{4});
  reader.join();
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().code, Errc::closed);
  for (const ReadResult& result : ends.wait(100)) EXPECT_EQ(result.status, ReadStatus::cancelled);
  EXPECT_EQ(client.broken(), static_cast<std::uint32_t>(FaultCode::shutdown));
}

TEST_F(HowItEnds, ADoorThatCannotBeOpenedIsTheErrorOfStart) {
  PumpOptions options;
  options.make_io = []() -> Result<std::unique_ptr<Io>> {
    return fail(Errc::unsupported, "no door today");
  };
  const auto pump = Pump::start(options, memory->span());
  ASSERT_FALSE(pump);
  EXPECT_EQ(pump.error().message, "no door today");
}

TEST_F(HowItEnds, APumpThatComesUpWhenNobodyWaitsAnyMoreTouchesNothing) {
  Mood mood;
  std::atomic<bool> goes_on{false};
  PumpOptions options;
  options.start_patience = std::chrono::milliseconds{30};
  options.make_io = [&]() -> Result<std::unique_ptr<Io>> {
    EXPECT_TRUE(soon([&] { return goes_on.load(); }));
    VYRE_ASSIGN(Door door, open_door(TierChoice::automatic));
    return std::unique_ptr<Io>(std::make_unique<Moody>(std::move(door.io), mood));
  };
  const auto pump = Pump::start(options, memory->span());
  ASSERT_FALSE(pump);
  EXPECT_EQ(pump.error().code, Errc::deadline_exceeded);
  EXPECT_NE(pump.error().message.find("30 ms"), std::string::npos) << pump.error().message;
  goes_on = true;
  ASSERT_TRUE(soon([&] { return mood.gone.load(); })) << "it lives for ever";
  EXPECT_EQ(mood.entered, 0u);
  const auto lines = memory->span().first(IngestLayout::kStreams);
  EXPECT_TRUE(std::all_of(lines.begin(), lines.end(), [](std::uint8_t b) { return b == 0; }));
}

/// Gives up on a pump while its door is registering memory, behind which it would begin to run.
TEST_F(HowItEnds, APumpThatHangsInRegisteringMemoryNeverRuns) {
  Mood mood;
  mood.registers = false;
  PumpOptions options = moody(mood);
  options.tier = TierChoice::direct_fixed;
  options.start_patience = std::chrono::milliseconds{30};
  ASSERT_FALSE(Pump::start(options, memory->span()));
  mood.registers = true;
  ASSERT_TRUE(soon([&] { return mood.gone.load(); })) << "it lives for ever";
  EXPECT_EQ(mood.entered, 0u);
}

TEST_F(HowItEnds, PostsBehindTheStopAreRefused) {
  const auto pump = start({}, *memory);
  ASSERT_TRUE(pump);
  EXPECT_TRUE(pump->stop());
  Ends ends;
  const auto all = requests(ends, 1);
  const Status late = pump->read(all);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::closed);
  pump->cancel(&ends);
  pump->ring();
  EXPECT_EQ(ends.count(), 0u);
}

}  // namespace
}  // namespace vyre::ingest::test
