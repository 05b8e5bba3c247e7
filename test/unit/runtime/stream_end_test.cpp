// How a stream ends before its time: callers that cancel or leave early, sessions that close, pumps
// and workers that die, memory that other streams hold; and what an observer sees of a stream.
// Nothing hangs, nothing is silently short.
#include "stream_doors.hpp"

namespace vyre::runtime::test {
namespace {

class StreamEnds : public StreamWithDoors {};

TEST_F(StreamEnds, CancelFromAnotherThreadLetsOutWhatIsUnderWayAndThenSaysSo) {
  open();
  const std::string path = good("f", 64 * kChunk);
  std::atomic<bool> reading{false};
  auto stream = session_->stream(without_end(path), OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  std::thread other([&] {
    while (!reading.load()) std::this_thread::yield();
    stream->cancel();
  });
  std::uint64_t results = 0;
  Result<const StreamResult*> result = nullptr;
  while ((result = stream->next(soon())) && *result != nullptr) {
    EXPECT_FALSE((*result)->error);
    EXPECT_EQ((*result)->status, CompletionStatus::done);
    if (++results == 100) reading.store(true);
  }
  other.join();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::cancelled);
  const StreamProgress progress = stream->progress();
  EXPECT_EQ(progress.chunks_read, results);
  EXPECT_EQ(progress.chunks_ended, results);
}

TEST_F(StreamEnds, AStreamThatIsDroppedHalfWayGivesEverythingBack) {
  SessionOptions options = small_memory();
  options.memory_budget_bytes = std::uint64_t{1} << 20;
  open(options);
  const std::string path = good("f", 64 * kChunk);
  StreamOptions how = crc_options(kChunk);
  how.outputs = {{128 << 10, {}}};  // a few lanes fill the budget
  for (int round = 0; round < 30; ++round) {
    auto stream = session_->stream({path, path}, OpHandle{kCrc32c}, how);
    ASSERT_OK(stream);
    for (int i = 0; i < round; ++i) ASSERT_OK(stream->next(soon()));
  }
  const auto all = session_->allocate(std::uint64_t{1} << 20);
  ASSERT_OK(all) << "all of the budget is there again";
  ASSERT_OK(session_->release(*all, soon()));
  EXPECT_OK(session_->stream({path}, OpHandle{kCrc32c}, crc_options(kChunk)));
}

TEST_F(StreamEnds, CloseEndsAStreamThatIsUnderWay) {
  open();
  const std::string path = good("f", 64 * kChunk);
  auto stream = session_->stream(without_end(path), OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  std::atomic<bool> running{false};
  std::thread closer([&] {
    while (!running.load()) std::this_thread::yield();
    EXPECT_OK(session_->close());
  });
  Result<const StreamResult*> result = nullptr;
  std::uint64_t results = 0;
  while ((result = stream->next(soon())) && *result != nullptr) {
    if (++results == 50) running.store(true);
  }
  closer.join();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::closed) << to_string(result.error());
  const auto again = stream->next(soon());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Errc::closed);
}

TEST_F(StreamEnds, TwoStreamsOfTwoThreadsShareTheMemory) {
  open();
  const Bytes bytes = random_bytes(40 * kChunk + 11, test_seed());
  const std::string path = folder_.write("f", bytes);
  const auto job = [&](std::uint64_t overlap) {
    for (int round = 0; round < 4; ++round) {
      auto stream = session_->stream({path, path}, OpHandle{kCrc32c}, crc_options(kChunk, overlap));
      ASSERT_OK(stream);
      const Ran ran = run_to_end(*stream);
      ASSERT_FALSE(ran.error) << to_string(*ran.error);
      ASSERT_GE(ran.results.size(), 82u);
      for (const Seen& seen : ran.results) {
        ASSERT_EQ(seen.outputs.at(0),
                  words({crc32c({bytes.data() + seen.chunk.offset, seen.chunk.bytes})}));
      }
    }
  };
  std::thread other(job, 0);
  job(1'024);
  other.join();
}

TEST_F(StreamEnds, AThirdStreamIsToldWhatIsFreeWhenMemoryIsTaken) {
  open();
  const std::uint64_t large = std::uint64_t{1} << 19;
  auto first = session_->stream(std::vector<std::string>{}, OpHandle{kCrc32c}, crc_options(large));
  ASSERT_OK(first);
  auto second = session_->stream(std::vector<std::string>{}, OpHandle{kCrc32c}, crc_options(large));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Errc::out_of_memory);
  EXPECT_NE(second.error().message.find("raise ingest_bytes"), std::string::npos);
  { const Stream gone = std::move(*first); }
  EXPECT_OK(session_->stream(std::vector<std::string>{}, OpHandle{kCrc32c}, crc_options(large)));
}

TEST_F(StreamEnds, APumpThatDiesEndsTheStreamWithItsReason) {
  const LeftBehindOnPurpose here;
  for (const std::uint32_t reads : {0u, 1u, 20u}) {
    auto session = open_with_door(reads);
    ASSERT_OK(session);
    const std::string path = good("f", 64 * kChunk);
    auto stream = session->stream(without_end(path), OpHandle{kCrc32c}, crc_options(kChunk));
    ASSERT_OK(stream);
    const Ran ran = run_to_end(*stream);
    ASSERT_TRUE(ran.error);
    EXPECT_NE(ran.error->message.find("made to die"), std::string::npos) << ran.error->message;
    EXPECT_LE(ran.results.size(), reads);
    auto late = session->stream({path}, OpHandle{kCrc32c}, crc_options(kChunk));
    if (late) {
      auto result = late->next(soon());
      ASSERT_FALSE(result.has_value());
      EXPECT_NE(result.error().message.find("made to die"), std::string::npos);
    }
    EXPECT_EQ(run(*session, {kNop, 0, 0, 0}), "done none") << "items that need no files still run";
  }
}

TEST_F(StreamEnds, ReadsThatNeverEndHoldUpNobodyForLongAndCloseSaysWhatIsLeftBehind) {
  const LeftBehindOnPurpose here;
  static std::atomic<bool> hold{true};  // the pump that is left behind looks at it for ever
  const auto patience = std::chrono::milliseconds{100};
  auto session = open_with_door(1'000, &hold, patience);
  ASSERT_OK(session);
  const Deadline begin = Clock::now();
  {
    auto stream = session->stream({good("f", 5 * kChunk)}, OpHandle{kCrc32c}, crc_options(kChunk));
    ASSERT_OK(stream);
    EXPECT_EQ(stream->next(after(std::chrono::milliseconds{20})).error().code,
              Errc::deadline_exceeded);
  }
  EXPECT_EQ(run(*session, {kNop, 0, 0, 0}), "done none");
  const auto closed = session->close();
  ASSERT_FALSE(closed.has_value());
  EXPECT_NE(closed.error().message.find("left behind"), std::string::npos)
      << closed.error().message;
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{20});
}

TEST_F(StreamEnds, AReadThatEndsAfterItsStreamLeavesNothingBehind) {
  std::atomic<bool> hold{true};
  auto session =
      open_with_door(1'000, &hold, std::chrono::seconds{60}, std::chrono::milliseconds{1});
  ASSERT_OK(session);
  {
    auto stream = session->stream({good("f", 5 * kChunk)}, OpHandle{kCrc32c}, crc_options(kChunk));
    ASSERT_OK(stream);
    EXPECT_EQ(stream->next(after(std::chrono::milliseconds{1})).error().code,
              Errc::deadline_exceeded);
  }
  hold = false;
  EXPECT_OK(session->close(std::chrono::seconds{60}));  // LeakSanitizer sees what it left behind
}

TEST_F(StreamEnds, ASourceThatThrowsEndsTheStreamAndNotTheProcess) {
  open();
  auto stream = session_->stream(
      []() -> std::optional<std::string> { throw std::runtime_error("no list today"); },
      OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const auto result = stream->next(soon());
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message.find("no list today"), std::string::npos);
}

TEST_F(StreamEnds, AStreamWhoseWorkersDieEndsWithTheReasonOfTheSession) {
  ONLY_ON_CPU("CPU workers die");
  TestHooks hooks;
  hooks.worker_dies = [](std::uint32_t, std::uint64_t items_run) { return items_run == 40; };
  auto session = open_for_tests(small_memory(), hooks);
  ASSERT_OK(session);
  const std::string path = good("f", 64 * kChunk);
  auto stream = session->stream(without_end(path), OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  ASSERT_TRUE(ran.error);
  EXPECT_EQ(ran.error->code, Errc::device_lost) << to_string(*ran.error);
  EXPECT_FALSE(session->close().has_value());
}

TEST_F(StreamEnds, WallTimeThatIsOverEndsAStreamAndIsNotTakenForLate) {
  SessionOptions options = small_memory();
  options.max_wall_time = std::chrono::milliseconds{30};
  open(options);
  const std::string path = good("f", 64 * kChunk);
  auto stream = session_->stream(without_end(path), OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  ASSERT_TRUE(ran.error);
  EXPECT_EQ(ran.error->code, Errc::wall_time) << to_string(*ran.error);
  EXPECT_NE(ran.error->message.find("max_wall_time"), std::string::npos) << ran.error->message;
}

TEST_F(StreamEnds, AFullQueueOnlySlowsAStreamDown) {
  SessionOptions options = small_memory(1);
  options.ring_slots = 32;
  open(options);
  std::vector<std::string> paths(2'000, good("f", 1'000));
  auto stream = session_->stream(paths, OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  EXPECT_FALSE(ran.error);
  EXPECT_EQ(ran.results.size(), paths.size());
}

/// Remembers what a recording would.
class Watching final : public SessionObserver {
 public:
  void on_program(OpHandle, std::string_view, const vir::Program&) override {}
  void on_buffer(Handle buffer, ByteSpan bytes, bool) override {
    known[buffer.id] = Bytes(bytes.begin(), bytes.end());
  }
  void on_write(Handle, std::uint64_t, ByteSpan) override {}
  void on_bind(Handle set, std::span<const Handle>) override { known[set.id] = {}; }
  void on_release(Handle) override { ++released; }
  void on_submit(const Ticket&, const MegakernelWorkItem& item, std::uint8_t,
                 std::chrono::nanoseconds) override {
    inputs.push_back(item.input_handle);
    outputs.push_back(item.output_handle);
  }
  void on_completion(const ItemResult&, std::chrono::nanoseconds) override {}
  std::map<std::uint32_t, Bytes> known;
  std::vector<std::uint32_t> inputs;
  std::vector<std::uint32_t> outputs;
  int released{0};
};

TEST_F(StreamEnds, AnObserverSeesEveryChunkAndEveryResultAsABufferThatStays) {
  for (const bool as_on_device : {false, true}) {
    TestHooks hooks;
    hooks.stream_as_on_device = as_on_device;
    auto session = open_for_tests(small_memory(), hooks);
    ASSERT_OK(session);
    auto watching = std::make_shared<Watching>();
    ASSERT_OK(session->observe(watching));
    const Bytes bytes = random_bytes(5 * kChunk + 3, test_seed());
    const std::string path = folder_.write("f", bytes);
    {
      auto stream = session->stream({path}, OpHandle{kCrc32c}, crc_options(kChunk, 16));
      ASSERT_OK(stream);
      const Ran ran = run_to_end(*stream);
      ASSERT_FALSE(ran.error) << to_string(*ran.error);
      ASSERT_EQ(ran.results.size(), 6u);
      ASSERT_EQ(watching->inputs.size(), 6u);
      for (std::size_t i = 0; i < 6; ++i) {
        const StreamChunk& chunk = ran.results[i].chunk;
        const Bytes there(bytes.begin() + static_cast<std::ptrdiff_t>(chunk.offset),
                          bytes.begin() + static_cast<std::ptrdiff_t>(chunk.offset + chunk.bytes));
        const Bytes result = words({crc32c(there)});
        EXPECT_EQ(ran.results[i].outputs.at(0), result);
        const auto seen =
            std::find_if(watching->inputs.begin(), watching->inputs.end(),
                         [&](std::uint32_t input) { return watching->known[input] == there; });
        ASSERT_NE(seen, watching->inputs.end());
        const auto at = static_cast<std::size_t>(seen - watching->inputs.begin());
        EXPECT_EQ(*session->download(Handle{watching->outputs[at]}, soon()), result);
      }
    }
    EXPECT_EQ(watching->released, 0);
  }
}

TEST_F(StreamEnds, AnObserverComesBeforeTheFirstStream) {
  open();
  auto stream = session_->stream({good("f")}, OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  EXPECT_EQ(session_->observe(std::make_shared<Watching>()).error().code, Errc::invalid_argument);
}

TEST_F(StreamEnds, AnObserverMayComeOnceAStreamThatSubmittedNothingHasEnded) {
  open();
  {
    auto stream = session_->stream(std::vector<std::string>{}, OpHandle{kCrc32c}, crc_options(64));
    ASSERT_OK(stream);
    EXPECT_FALSE(run_to_end(*stream).error);
  }
  EXPECT_OK(session_->observe(std::make_shared<Watching>()));
}

}  // namespace
}  // namespace vyre::runtime::test
