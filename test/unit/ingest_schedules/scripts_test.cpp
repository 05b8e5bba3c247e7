// Faults one by one, as a script has them: how often each is tried again, and what the caller
// hears.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "ingest/pump_core.hpp"
#include "schedule.hpp"
#include "support/simulated_io.hpp"

namespace vyre::ingest::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using vyre::test::SimulatedFile;
using vyre::test::SimulatedIo;

class Scripts : public ::testing::Test, public ReadSink {
 protected:
  static constexpr int kDescriptor{10};
  static constexpr std::uint32_t kMostSteps{5'000};

  void SetUp() override {
    file.content = ground.content();
    file.bytes = 100'000;
  }
  void up(const SimulatedIo::Options& faults = {}, PumpCore::Options options = {}) {
    std::memset(ground.memory().data(), 0, IngestLayout::kAliases);
    io.emplace(1, faults);
    io->add_file(kDescriptor, &file);
    core.emplace(*io, options, ground.memory(), table, counters);
  }
  Source source() {
    Source source;
    source.file = std::shared_ptr<const void>(std::shared_ptr<const void>(), this);
    source.bytes_now = [](const void* of) -> std::int64_t {
      const auto* const self = static_cast<const Scripts*>(of);
      return self->fstat_errno != 0 ? -self->fstat_errno
                                    : static_cast<std::int64_t>(self->file.bytes);
    };
    source.bytes = file.bytes;
    source.descriptor = kDescriptor;
    source.alignment = static_cast<std::uint32_t>(file.alignment);
    source.direct = file.alignment != 1;
    return source;
  }
  void ended(const ReadResult& result) noexcept override { results.push_back(result); }
  void ask(std::uint64_t offset, std::uint64_t bytes) {
    core->add(Read{source(), offset, bytes, ground.streams(), this, results.size()});
  }
  void run_until(std::size_t ends) {
    for (std::uint32_t i = 0; i < kMostSteps && results.size() < ends; ++i) {
      core->step(false, core->patience());
    }
    ASSERT_EQ(results.size(), ends);
  }
  /// The end of a read of `bytes` from 0, whose operations end as `script` says.
  ReadResult end_with(std::function<std::optional<std::int32_t>(const IoOperation&)> script,
                      std::uint64_t bytes = 1000) {
    up();
    io->script = std::move(script);
    ask(0, bytes);
    run_until(1);
    return results.empty() ? ReadResult{} : results[0];
  }
  [[nodiscard]] std::size_t operations() const { return io->ended().size(); }

  Ground ground;
  SimulatedFile file;
  std::int32_t fstat_errno{0};
  Counters counters;
  FileTable table;
  std::optional<SimulatedIo> io;
  std::optional<PumpCore> core;
  std::vector<ReadResult> results;
};

TEST_F(Scripts, AStormOfInterruptionsEnds) {
  const ReadResult result = end_with([](const IoOperation&) { return -EINTR; });
  EXPECT_EQ(result.status, ReadStatus::error);
  EXPECT_EQ(result.error_number, EINTR);
  EXPECT_EQ(operations(), kRetriesInterrupted + 1);
  EXPECT_EQ(counters.section().retries.at(0).count, kRetriesInterrupted);
}

TEST_F(Scripts, AgainIsTriedEightTimesFromTheSecondOnByAWorker) {
  const ReadResult result = end_with([](const IoOperation&) { return -EAGAIN; });
  EXPECT_EQ(result.status, ReadStatus::error);
  EXPECT_EQ(result.error_number, EAGAIN);
  ASSERT_EQ(operations(), kRetriesAgain + 1);
  for (std::size_t i = 0; i < operations(); ++i) {
    EXPECT_EQ(io->ended()[i].operation.in_worker, i >= 2) << i;
  }
}

TEST_F(Scripts, AnInputOutputErrorIsTriedOnceMore) {
  const ReadResult result = end_with([](const IoOperation&) { return -EIO; });
  EXPECT_EQ(result.status, ReadStatus::error);
  EXPECT_EQ(result.error_number, EIO);
  EXPECT_EQ(operations(), kRetriesIoError + 1);
}

TEST_F(Scripts, EachReadHasItsOwnTries) {
  for (const int error : {EINTR, EAGAIN, EIO}) {
    results.clear();
    up({}, {.reads = {.depth = 1}});  // all of them in one place
    bool fail = true;
    io->script = [&](const IoOperation&) -> std::optional<std::int32_t> {
      return std::exchange(fail, !fail) ? std::optional{-error} : std::nullopt;
    };
    for (std::size_t i = 1; i <= 20; ++i) {
      ask(0, 1000);
      run_until(i);
      ASSERT_EQ(results.back().status, ReadStatus::ok) << error << " in read " << i;
    }
    EXPECT_EQ(operations(), 40u);
  }
}

TEST_F(Scripts, AnInterruptionOfACancelledReadIsItsEnd) {
  up({.cancel_late_one_in = 1});
  io->script = [](const IoOperation&) { return -EINTR; };
  ask(0, 1000);
  for (std::uint32_t i = 0; i < kMostSteps && operations() < kRetriesInterrupted; ++i)
    core->step(false, core->patience());
  for (std::uint32_t i = 0; i < kMostSteps && io->reads_under_way() == 0; ++i)
    core->step(false, nanoseconds{0});
  core->cancel(this);
  run_until(1);
  EXPECT_EQ(results[0].status, ReadStatus::cancelled) << "although no try is left";
}

TEST_F(Scripts, ErrorsOfTheCallerAreNeverTriedAgain) {
  for (const int error : {EBADF, EINVAL, EFAULT, ENOMEM, EOPNOTSUPP, ENXIO}) {
    results.clear();
    const ReadResult result = end_with([&](const IoOperation&) { return -error; });
    EXPECT_EQ(result.status, ReadStatus::error);
    EXPECT_EQ(result.error_number, error);
    EXPECT_EQ(operations(), 1u);
  }
}

TEST_F(Scripts, OneInterruptionCostsNothingButAnotherOperation) {
  int left = 1;
  const ReadResult result = end_with([&](const IoOperation&) -> std::optional<std::int32_t> {
    return left-- > 0 ? std::optional{-EINTR} : std::nullopt;
  });
  EXPECT_EQ(result.status, ReadStatus::ok);
  EXPECT_EQ(operations(), 2u);
  EXPECT_EQ(std::memcmp(ground.streams(), file.content, 1000), 0);
}

TEST_F(Scripts, ShortReadsWithoutProgressEndInAnError) {
  const ReadResult result = end_with([](const IoOperation&) { return 0; });
  EXPECT_EQ(result.status, ReadStatus::error) << "the file says that there is more";
  EXPECT_EQ(result.error_number, ENODATA);
  EXPECT_EQ(operations(), kRetriesShort + 1);
}

TEST_F(Scripts, ShortReadsThatMakeProgressMayBeMany) {
  const ReadResult result =
      end_with([](const IoOperation& op) { return std::min<std::int32_t>(op.bytes, 10); });
  EXPECT_EQ(result.status, ReadStatus::ok);
  EXPECT_EQ(operations(), 100u);
  EXPECT_EQ(std::memcmp(ground.streams(), file.content, 1000), 0);
}

TEST_F(Scripts, TriesWithoutProgressAreCountedFromTheLastProgress) {
  bool nothing = false;
  const ReadResult result = end_with([&](const IoOperation& op) {
    nothing = !nothing;
    return nothing ? 0 : std::min<std::int32_t>(op.bytes, 10);
  });
  EXPECT_EQ(result.status, ReadStatus::ok);
  EXPECT_EQ(operations(), 200u);
}

TEST_F(Scripts, BytesThatAFailedOperationMayHaveWrittenOverAreNotSaidToBeThere) {
  file.alignment = 4096;
  std::uint32_t operation = 0;
  const ReadResult result =
      end_with([&](const IoOperation&) { return operation++ == 0 ? 5000 : -EBADF; }, 12'000);
  EXPECT_EQ(result.status, ReadStatus::error);
  EXPECT_EQ(result.bytes, 4096u) << "it was taken up from there";
}

TEST_F(Scripts, AShortDirectReadIsTakenUpFromTheBlockBefore) {
  file.alignment = 4096;
  bool first = true;
  const ReadResult result = end_with(
      [&](const IoOperation&) -> std::optional<std::int32_t> {
        return std::exchange(first, false) ? std::optional{5000} : std::nullopt;
      },
      12'000);
  EXPECT_EQ(result.status, ReadStatus::ok);
  ASSERT_EQ(operations(), 2u);
  EXPECT_EQ(io->ended()[1].operation.offset, 4096u);
  EXPECT_EQ(io->ended()[1].operation.to, ground.streams() + 4096);
  EXPECT_EQ(io->what_is_wrong, "");
  EXPECT_EQ(std::memcmp(ground.streams(), file.content, 12'000), 0);
}

TEST_F(Scripts, ShortIsTheEndOnlyWhereTheFileEndsNow) {
  up();
  file.bytes = 3000;
  ask(2000, 4000);
  run_until(1);
  EXPECT_EQ(results[0].status, ReadStatus::end_of_file);
  EXPECT_EQ(results[0].bytes, 1000u);
  EXPECT_EQ(operations(), 1u);
  // It grows between the read and the look at its size: the rest is read, too.
  io->script = [&](const IoOperation&) -> std::optional<std::int32_t> {
    if (file.bytes != 3000) return std::nullopt;
    file.bytes = 100'000;
    return 1000;
  };
  ask(2000, 4000);
  run_until(2);
  EXPECT_EQ(results[1].status, ReadStatus::ok);
  EXPECT_EQ(operations(), 3u);
}

TEST_F(Scripts, ASizeThatCannotBeHadIsTheErrorOfAShortRead) {
  fstat_errno = ESTALE;
  const ReadResult result = end_with([](const IoOperation&) { return 10; });
  EXPECT_EQ(result.status, ReadStatus::error);
  EXPECT_EQ(result.error_number, ESTALE);
}

TEST_F(Scripts, MoreBytesThanThereWasRoomForAreNotBelieved) {
  up();
  io->script = [](const IoOperation& op) { return static_cast<std::int32_t>(op.bytes) + 1; };
  ask(0, 1000);
  run_until(1);
  EXPECT_EQ(results[0].status, ReadStatus::error);
  EXPECT_EQ(results[0].bytes, 0u);
}

TEST_F(Scripts, LongReadsAreSplitAtTheSystemsLimit) {
  up({}, {.reads = {.depth = 4, .thread_pool = false, .max_operation_bytes = 8192}});
  file.alignment = 512;
  ask(700, 50'000);
  run_until(1);
  EXPECT_EQ(results[0].status, ReadStatus::ok);
  EXPECT_EQ(results[0].skip, 188u);
  EXPECT_EQ(operations(), 7u);  // 512 .. 50,700 rounded out: 50,688 bytes
  EXPECT_EQ(io->most_under_way, 1u) << "one after the other";
  EXPECT_EQ(counters.section().resubmits, 0u);
  EXPECT_EQ(std::memcmp(ground.streams() + 188, file.content + 700, 50'000), 0);
}

TEST_F(Scripts, ACancelThatFindsNoRoomIsHandedOverLater) {
  up({.stuck_one_in = 1, .entries = 1}, {.reads = {.depth = 4}});
  for (int i = 0; i < 4; ++i) {
    core->add(
        Read{source(), 0, 100, ground.streams() + 4096 * i, this, static_cast<std::uint64_t>(i)});
  }
  for (int i = 0; i < 8; ++i) core->step(false, nanoseconds{0});
  ASSERT_EQ(io->reads_under_way(), 4u);
  core->cancel(this);
  run_until(4);
  for (const ReadResult& result : results) EXPECT_EQ(result.status, ReadStatus::cancelled);
}

TEST_F(Scripts, StopWaitsNoLongerThanItsDrainAndSaysWhatIsLeft) {
  up({.stuck_one_in = 1, .cancel_late_one_in = 1}, {.drain = milliseconds{70}});
  ask(0, 100);
  core->step(false, nanoseconds{0});
  const auto since = io->now();
  core->stop();
  for (std::uint32_t i = 0; i < kMostSteps && !core->finished(); ++i) {
    core->step(false, core->patience());
  }
  ASSERT_TRUE(core->finished());
  EXPECT_GE(io->now() - since, milliseconds{70});
  EXPECT_LT(io->now() - since, milliseconds{80});
  EXPECT_EQ(core->abandoned(), 1u);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].status, ReadStatus::cancelled);
}

TEST_F(Scripts, StopCancelsWhatIsUnderWayRatherThanWaitForIt) {
  up({.stuck_one_in = 1}, {.drain = milliseconds{70}});
  ask(0, 100);
  core->step(false, nanoseconds{0});
  const auto since = io->now();
  core->stop();
  for (std::uint32_t i = 0; i < kMostSteps && !core->finished(); ++i)
    core->step(false, core->patience());
  ASSERT_TRUE(core->finished());
  EXPECT_LT(io->now() - since, milliseconds{70});
  EXPECT_EQ(core->abandoned(), 0u);
}

TEST_F(Scripts, ARequestThatTheSystemKeepsStaysUnansweredUntilTheHeadSaysThatItIsOver) {
  up({.stuck_one_in = 1, .cancel_late_one_in = 1},
     {.request_timeout = milliseconds{5}, .drain = milliseconds{10}});
  table.publish(1, source(), kAnyQueue);
  queue::IoClient client(queue::IoQueueView::of(ground.memory()));
  const auto line = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  for (int i = 0; i < 20; ++i) core->step(i == 0, milliseconds{1});
  EXPECT_FALSE(client.try_answer(*line)) << "its slot may still be written";
  core->stop();
  for (std::uint32_t i = 0; i < kMostSteps && !core->finished(); ++i) {
    core->step(false, core->patience());
  }
  EXPECT_FALSE(client.try_answer(*line));
  EXPECT_EQ(client.broken(), static_cast<std::uint32_t>(FaultCode::shutdown));
}

TEST_F(Scripts, WhereTheDoorDiesOnlyWhatItHadStaysUnanswered) {
  up({.entries = 1, .dies_at_enter = 0});
  table.publish(1, source(), kAnyQueue);
  queue::IoClient client(queue::IoQueueView::of(ground.memory()));
  const auto handed_over = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  const auto waits = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  core->step(true, nanoseconds{0});
  ASSERT_TRUE(core->finished());
  EXPECT_FALSE(client.try_answer(*handed_over)) << "its slot may still be written";
  ASSERT_TRUE(client.try_answer(*waits));
  EXPECT_EQ(client.try_answer(*waits)->status, IoStatus::error);
}

TEST_F(Scripts, ARequestThatCanBeCancelledTimesOut) {
  up({.stuck_one_in = 1}, {.request_timeout = milliseconds{5}});
  table.publish(1, source(), kAnyQueue);
  queue::IoClient client(queue::IoQueueView::of(ground.memory()));
  const auto line = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  for (int i = 0; i < 20; ++i) core->step(i == 0, milliseconds{1});
  const auto answer = client.try_answer(*line);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, IoStatus::timeout);
  EXPECT_EQ(counters.section().item_requests_failed, 1u);
}

TEST_F(Scripts, EachRequestTimesOutByItsOwnAge) {
  up({.stuck_one_in = 1}, {.request_timeout = milliseconds{5}});
  table.publish(1, source(), kAnyQueue);
  queue::IoClient client(queue::IoQueueView::of(ground.memory()));
  const auto old = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  for (int i = 0; i < 3; ++i) core->step(i == 0, milliseconds{1});
  const auto young = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  core->step(true, milliseconds{1});
  for (int i = 0; i < 20 && !client.try_answer(*old); ++i) core->step(false, milliseconds{1});
  ASSERT_TRUE(client.try_answer(*old));
  EXPECT_FALSE(client.try_answer(*young));
  for (int i = 0; i < 20 && !client.try_answer(*young); ++i) core->step(false, milliseconds{1});
  ASSERT_TRUE(client.try_answer(*young));
  EXPECT_EQ(client.try_answer(*young)->status, IoStatus::timeout);
}

TEST_F(Scripts, AFenceWaitsNeitherForWhatTimedOutNorForWhatWasRejected) {
  up({.stuck_one_in = 1}, {.request_timeout = milliseconds{5}});
  table.publish(1, source(), kAnyQueue);
  queue::IoClient client(queue::IoQueueView::of(ground.memory()));
  const auto read = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  const auto late = client.try_ask(IoRequestOp::fence, 0, 0, 0, 0, 0);
  const auto rejected = client.try_ask(IoRequestOp::read, 2, 0, 0, 100, 0);
  for (int i = 0; i < 20 && !(client.try_answer(*read) && client.try_answer(*late)); ++i)
    core->step(i == 0, milliseconds{1});
  ASSERT_TRUE(client.try_answer(*read) && client.try_answer(*late) && client.try_answer(*rejected));
  EXPECT_EQ(client.try_answer(*read)->status, IoStatus::timeout);
  EXPECT_EQ(client.try_answer(*late)->status, IoStatus::timeout);
  EXPECT_EQ(client.try_answer(*rejected)->status, IoStatus::rejected);
  const auto fence = client.try_ask(IoRequestOp::fence, 0, 0, 0, 0, 0);
  core->step(true, nanoseconds{0});
  ASSERT_TRUE(client.try_answer(*fence));
  EXPECT_EQ(client.try_answer(*fence)->status, IoStatus::ok);
}

TEST_F(Scripts, WhereADeviceMayAskThePumpRestsOnceNoFileIsPublished) {
  up({}, {.device_asks = true});
  const nanoseconds without = core->patience();
  table.publish(1, source(), kAnyQueue);
  EXPECT_LT(core->patience(), without);
  table.withdraw(1);
  EXPECT_EQ(core->patience(), without);
}

TEST_F(Scripts, RequestsLongerThanASlotAreRejectedWhateverTheFileHas) {
  up();
  table.publish(1, source(), kAnyQueue);
  queue::IoClient client(queue::IoQueueView::of(ground.memory()));
  const auto most = client.try_ask(IoRequestOp::read, 1, 0, 0, kIoRequestBytes, 0);
  const auto more = client.try_ask(IoRequestOp::read, 1, 0, 0, kIoRequestBytes + 1, 0);
  for (int i = 0; i < 20; ++i) core->step(i == 0, milliseconds{1});
  EXPECT_EQ(client.try_answer(*most)->status, IoStatus::ok);
  EXPECT_EQ(client.try_answer(*more)->status, IoStatus::rejected);
}

TEST_F(Scripts, RequestsOfItemsStartBeforeReadsThatWait) {
  up({}, {.reads = {.depth = 1}});
  table.publish(1, source(), kAnyQueue);
  queue::IoClient client(queue::IoQueueView::of(ground.memory()));
  for (std::uint64_t i = 0; i < 50; ++i) {
    core->add(Read{source(), 0, 100, ground.streams(), this, i});
  }
  core->step(false, nanoseconds{0});
  const auto line = client.try_ask(IoRequestOp::read, 1, 0, 0, 100, 0);
  for (std::uint32_t i = 0; i < kMostSteps && !client.try_answer(*line); ++i) {
    core->step(true, core->patience());
  }
  EXPECT_TRUE(client.try_answer(*line));
  EXPECT_LE(results.size(), 2u);
}

TEST(PumpCounters, QuantilesOfTheDepthRoundUp) {
  Counters counters;
  for (const std::uint32_t depth : {1u, 1u, 40u})
    counters.submitted(Tier::buffered, false, 4096, depth);
  const auto section = counters.section();
  EXPECT_EQ(section.depth_p50, 1u);
  EXPECT_EQ(section.depth_p99, 40u) << "two of three are fewer than 99 of 100";
  EXPECT_EQ(section.depth_max, 40u);
}

TEST_F(Scripts, TiersAreCountedByWhatCarriedEachOperation) {
  up();
  ask(0, 1000);  // through the page cache
  run_until(1);
  file.alignment = 512;
  ask(0, 1000);
  run_until(2);
  Bytes elsewhere(4096);
  auto* const aligned =
      elsewhere.data() + (512 - reinterpret_cast<std::uintptr_t>(elsewhere.data()) % 512) % 512;
  core->add(Read{source(), 0, 1000, aligned, this, 2});
  run_until(3);
  EXPECT_EQ(results[0].tier, Tier::buffered);
  EXPECT_EQ(results[1].tier, Tier::direct_fixed);
  EXPECT_EQ(results[2].tier, Tier::direct);
  const auto section = counters.section();
  ASSERT_EQ(section.tiers.size(), 3u);
  EXPECT_EQ(section.tiers[0].tier, "A");
  EXPECT_EQ(section.tiers[0].fixed_operations, 1u);
  EXPECT_EQ(section.tiers[0].direct_bytes, 1024u);
  EXPECT_EQ(section.tiers[1].tier, "B");
  EXPECT_EQ(section.tiers[1].plain_operations, 1u);
  EXPECT_EQ(section.tiers[2].tier, "C");
  EXPECT_EQ(section.tiers[2].fixed_operations, 1u);
  EXPECT_EQ(section.tiers[2].kernel_copy_bytes, 1000u);
  EXPECT_EQ(section.registered_regions, 1u) << "no item has asked for anything";
}

TEST_F(Scripts, OnlyLargeCopiesOutOfThePageCacheGoToWorkersAndOnlyWhereAskedFor) {
  constexpr std::uint64_t kLarge{256 << 10};
  static_assert(kLarge <= Ground::kContentBytes);
  for (const bool asked : {false, true}) {
    results.clear();
    up({}, {.reads = {.parallel_copies = asked}});
    file.bytes = kLarge;
    file.alignment = 1;
    ask(0, kLarge);
    run_until(1);
    ask(1, kLarge - 1);
    run_until(2);
    file.alignment = 512;
    ask(0, kLarge);
    run_until(3);
    ASSERT_EQ(operations(), 3u);
    EXPECT_EQ(io->ended()[0].operation.in_worker, asked);
    EXPECT_FALSE(io->ended()[1].operation.in_worker) << "small";
    EXPECT_FALSE(io->ended()[2].operation.in_worker) << "direct";
  }
}

/// A door that is only asked to register memory, and looks at the heartbeat meanwhile.
class Registering final : public Io {
 public:
  explicit Registering(MutableByteSpan memory) : client_(queue::IoQueueView::of(memory)) {}
  struct Call {
    MutableByteSpan memory;
    std::uint64_t heartbeat;
  };
  std::vector<Call> calls;
  std::size_t refuses_from{~std::size_t{0}};  // calls

  std::string_view name() const noexcept override { return "registering"; }
  void register_memory(MutableByteSpan memory) override {
    calls.push_back({memory, client_.heartbeat()});
    if (calls.size() > refuses_from) registration_.reason = "as the test wants";
  }
  bool fixed(const std::uint8_t* begin, std::uint64_t bytes) const override {
    return std::any_of(calls.begin(), calls.end(), [&](const Call& call) {
      return begin >= call.memory.data() &&
             begin + bytes <= call.memory.data() + call.memory.size();
    });
  }
  const Registration& registration() const noexcept override { return registration_; }
  bool push(const IoOperation&) override { return false; }
  Status enter(std::uint32_t, nanoseconds) override { return {}; }
  std::uint32_t reap(std::span<IoCompletion>) override { return 0; }
  IoCounters counters() const noexcept override { return {}; }
  void wake() noexcept override {}
  std::chrono::steady_clock::time_point now() const noexcept override { return {}; }

 private:
  queue::IoClient client_;
  Registration registration_;
};

TEST(Registration, BeatsBetweenTheRegionsOfALargeMemory) {
  constexpr std::uint64_t kBytes{(std::uint64_t{2} << 30) + IngestLayout::kStreams + 8192};
  void* const map = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) GTEST_SKIP() << "no 2 GiB of addresses";
  const MutableByteSpan memory(static_cast<std::uint8_t*>(map), kBytes);
  FileTable table;
  for (const std::size_t refuses_from : {~std::size_t{0}, std::size_t{2}}) {
    Registering io(memory);
    io.refuses_from = refuses_from;
    Counters counters;
    PumpCore core(io, {}, memory, table, counters);
    ASSERT_EQ(io.calls.size(), 0u) << "nothing is pinned before a read";
    core.register_all();
    ASSERT_GE(io.calls.size(), 1u);
    EXPECT_EQ(io.calls[0].memory.data(), memory.data() + IngestLayout::kLineData);
    const std::uint8_t* at = memory.data() + IngestLayout::kStreams;
    for (std::size_t i = 1; i < io.calls.size(); ++i) {
      EXPECT_EQ(io.calls[i].memory.data(), at);
      EXPECT_LE(io.calls[i].memory.size(), kMaxRegisteredRegionBytes);
      at += io.calls[i].memory.size();
      if (i != 1) {
        EXPECT_GT(io.calls[i].heartbeat, io.calls[i - 1].heartbeat);
      }
    }
    if (refuses_from < 1'000) {
      EXPECT_EQ(io.calls.size(), refuses_from + 1) << "asked on after a refusal";
      EXPECT_EQ(counters.section().registration_reason, "as the test wants");
    } else {
      EXPECT_EQ(at, memory.data() + memory.size());
      EXPECT_EQ(io.calls.size(), 4u);
    }
  }
  ::munmap(map, kBytes);
}

TEST(Registration, NoReadLiesBetweenTwoRegionsWhateverItsLengthAndPlace) {
  struct NoSink final : ReadSink {
    void ended(const ReadResult&) noexcept override {}
  };
  constexpr std::uint64_t kBlocks{10'000};
  constexpr std::uint64_t kBytes{IngestLayout::kStreams + kBlocks * kIoBlock};
  void* const map = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  const MutableByteSpan memory(static_cast<std::uint8_t*>(map), kBytes);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    NoSink sink;
    FileTable table;
    Counters counters;
    Registering io(memory);
    PumpCore core(io, {}, memory, table, counters);
    const std::uint64_t longest = 1 + random() % (kBlocks / 4);  // blocks
    for (std::uint64_t i = 0; i < 300; ++i) {
      const std::uint64_t blocks = 1 + random() % longest;
      const std::uint64_t at =
          random() % (std::min(kBlocks, 100 * (i + 1)) - 50) % (kBlocks - blocks);
      std::uint8_t* const to = memory.data() + IngestLayout::kStreams + at * kIoBlock;
      core.add(Read{{}, 0, blocks * kIoBlock, to, &sink, i});
      ASSERT_TRUE(io.fixed(to, blocks * kIoBlock)) << "seed " << seed << ", read " << i;
    }
    EXPECT_LT(io.calls.size(), 64u) << "seed " << seed;
  }
  ::munmap(map, kBytes);
}

}  // namespace
}  // namespace vyre::ingest::test
