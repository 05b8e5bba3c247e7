// Recording real sessions and replaying them: on the CPU, on the reference, and one against the
// other.
#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/testing.hpp"
#include "support.hpp"
#include "trace/source.hpp"

namespace vyre::trace {
namespace {

using test::Folder;
using test::RawEvents;

ReplayOptions on(Executor executor, Compare compare = Compare::expected) {
  ReplayOptions options;
  options.executor = executor;
  options.compare = compare;
  options.workers = 2;
  options.timeout = std::chrono::seconds{60};
  return options;
}

std::uint64_t first_seed() {
  const char* seed = std::getenv("VYRE_SEED");
  return seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
}
std::uint64_t seeds() {
  const char* scale = std::getenv("VYRE_TEST_SCALE");
  return std::getenv("VYRE_SEED") != nullptr
             ? 1
             : 4 * (scale == nullptr ? 1 : std::strtoull(scale, nullptr, 10));
}

void expect_same(const Result<ReplayResult>& result, std::uint64_t items) {
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_FALSE(result->difference) << result->difference->message;
  EXPECT_EQ(result->items, items);
  EXPECT_TRUE(result->complete);
}

TEST(TraceReplay, RecordedSessionsReplayTheSameOnEveryExecutor) {
  for (std::uint64_t seed = first_seed(), left = seeds(); left != 0; ++seed, --left) {
    SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
    const Folder folder;
    const std::string trace = folder / "trace";
    test::record_session(trace, seed, 120);
    const auto info = inspect(trace);
    ASSERT_TRUE(info) << to_string(info.error());
    EXPECT_TRUE(info->complete);
    EXPECT_EQ(info->programs, 4u);
    EXPECT_GT(info->items, 50u);
    expect_same(replay(trace, on(Executor::cpu)), info->items);
    expect_same(replay(trace, on(Executor::reference)), info->items);
    const auto lock_step = replay(trace, on(Executor::cpu, Compare::executor));
    expect_same(lock_step, info->items);
    EXPECT_GT(lock_step->buffers_compared, 0u);
    EXPECT_GT(lock_step->bytes_compared, 0u);
    const auto free = replay(trace, on(Executor::cpu, Compare::none));
    expect_same(free, info->items);
    EXPECT_EQ(free->document.report.items_processed, info->items);
    EXPECT_EQ(free->document.report.published_items, info->items);
  }
}

TEST(TraceReplay, ReportOfAReferenceRunCountsItsItemsAndFaults) {
  const Folder folder;
  test::record_session(folder / "trace", 3, 80);
  const auto result = replay(folder / "trace", on(Executor::reference));
  ASSERT_TRUE(result) << to_string(result.error());
  std::uint64_t items = 0;
  for (const auto& op : result->document.ops) items += op.items;
  EXPECT_EQ(items, result->items);
  EXPECT_GT(result->document.faults_total, 0u);
  EXPECT_TRUE(report::from_json(report::to_json(result->document)));
}

TEST(TraceReplay, CudaIsRefusedByNameWithoutADevice) {
  const Folder folder;
  test::record_session(folder / "trace", 1, 5);
  const auto result = replay(folder / "trace", on(Executor::cuda));
  if (result) GTEST_SKIP() << "this build runs on a device";
  EXPECT_EQ(result.error().code, Errc::unsupported);
  EXPECT_NE(result.error().message.find("cuda"), std::string::npos) << result.error().message;
}

TEST(TraceReplay, RecordedPaceTakesAsLongAsTheRecordingDid) {
  MemorySource source;
  RawEvents events;
  for (const std::uint64_t ms : {100, 130, 180}) {
    Record r(Kind::submit);
    r.set_word(ms * 1'000'000);
    events.add(r);
  }
  source.events_bytes = events.bytes();
  ReplayOptions options = on(Executor::cpu, Compare::none);
  const auto fast_begin = Clock::now();
  ASSERT_TRUE(replay(source, options));
  const auto fast = Clock::now() - fast_begin;
  options.pace = Pace::recorded;
  const auto begin = Clock::now();
  ASSERT_TRUE(replay(source, options));
  const auto paced = Clock::now() - begin;
  EXPECT_GE(paced, std::chrono::milliseconds{80});
  EXPECT_LT(fast, paced);
}

TEST(TraceReplay, MoreFilesAliveThanMayBeMappedReplayWithinTheBudget) {
  const Folder folder;
  {
    auto session = runtime::Session::open({});
    ASSERT_TRUE(session);
    auto recorder = Recorder::create(folder / "trace");
    ASSERT_TRUE(recorder) << to_string(recorder.error());
    ASSERT_TRUE(session->observe(*recorder));
    test::spill(folder / "file", std::string(100, 'x'));
    for (int i = 0; i < 600; ++i) ASSERT_TRUE(session->map_file(folder / "file"));
    ASSERT_TRUE((*recorder)->finish(*session, after(std::chrono::seconds{10})));
  }
  const auto result = replay(folder / "trace", on(Executor::cpu));
  EXPECT_TRUE(result) << to_string(result.error());
  ReplayOptions small = on(Executor::cpu);
  small.memory_budget_bytes = 60'000;  // half of it for the 34,400 bytes that are not mapped
  const auto refused = replay(folder / "trace", small);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
}

TEST(TraceReplay, FilesThatComeAndGoTakeNoMoreThanThoseThatAreThere) {
  const Bytes bytes(1'000, 3);
  Record file(Kind::buffer);
  file.set_small(kBufferFileBacked, 0, 0);
  file.set_word(bytes.size());
  file.set_half(2, 1);
  file.set_digest(blake3(bytes));
  Record release(Kind::release);
  release.set_half(2, 1);
  MemorySource source;
  source.blobs[blake3(bytes).hex()] = bytes;
  RawEvents events;
  for (int i = 0; i < 100; ++i) events.add(file).add(release);
  source.events_bytes = events.bytes();
  for (const Executor executor : {Executor::reference, Executor::cpu}) {
    ReplayOptions small = on(executor);
    small.memory_budget_bytes = 4'000;
    const auto result = replay(source, small);
    EXPECT_TRUE(result) << to_string(result.error());
  }
}

TEST(TraceReplay, FilesThatComeAndGoAreMappedHoweverManyThereWere) {
  const Folder folder;
  {
    auto session = runtime::Session::open({});
    ASSERT_TRUE(session);
    auto recorder = Recorder::create(folder / "trace");
    ASSERT_TRUE(recorder) << to_string(recorder.error());
    ASSERT_TRUE(session->observe(*recorder));
    test::spill(folder / "file", std::string(40'000, 'x'));
    for (std::uint32_t i = 0; i < kMaxMappedFiles / 4 + 1; ++i) {
      const auto file = session->map_file(folder / "file");
      ASSERT_TRUE(file);
      ASSERT_TRUE(session->release(*file, after(std::chrono::seconds{10})));
    }
    ASSERT_TRUE((*recorder)->finish(*session, after(std::chrono::seconds{10})));
  }
  ReplayOptions small = on(Executor::cpu);
  small.memory_budget_bytes = 60'000;  // half of it for files that are not mapped
  const auto result = replay(folder / "trace", small);
  EXPECT_TRUE(result) << to_string(result.error());
}

TEST(TraceReplay, AManifestThatNamesGigabytesOfRingsGetsWhatItsItemsFill) {
  MemorySource source;
  RawEvents events;
  for (int i = 0; i < 40; ++i) events.submit(0, 0, 0, 1);
  source.events_bytes = events.done(0, 40, 1).bytes();
  source.manifest.session.queues = kMaxQueues;
  source.manifest.session.ring_slots = kMaxRingSlots;
  const auto result = replay(source, on(Executor::cpu));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->items, 40u);
  ASSERT_EQ(result->document.queues.size(), 2u);
  EXPECT_EQ(result->document.queues[1].slots, 64u);
  // What no session would have is refused as it always was.
  source.manifest.session.ring_slots = 100;
  EXPECT_FALSE(replay(source, on(Executor::cpu)));
}

TEST(TraceReplay, ReadingTheRecordsCountsAgainstTheTimeoutToo) {
  MemorySource source;
  source.events_bytes = RawEvents().submit().done(0, 1).bytes();
  ReplayOptions options = on(Executor::cpu);
  options.timeout = std::chrono::nanoseconds{0};
  const auto late = replay(source, options);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::deadline_exceeded);
  EXPECT_NE(late.error().message.find("events.bin"), std::string::npos) << late.error().message;
  EXPECT_TRUE(replay(source, on(Executor::cpu)))
      << "the time of one replay is not that of the next";
}

TEST(TraceReplay, QueuesOfATraceCountAgainstTheMemoryBudget) {
  MemorySource source;
  source.events_bytes =
      RawEvents().submit(0, 0, 0, kMaxQueues - 1).done(0, 1, kMaxQueues - 1).bytes();
  source.manifest.session.queues = kMaxQueues;
  ReplayOptions options = on(Executor::cpu);
  options.memory_budget_bytes = 1 << 20;
  const auto refused = replay(source, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
  EXPECT_NE(refused.error().message.find("queues"), std::string::npos) << refused.error().message;
}

TEST(TraceReplay, PaceOfAHostileTraceEndsAtTheTimeout) {
  MemorySource source;
  RawEvents events;
  Record r(Kind::submit);
  events.add(r);
  r.set_word(~std::uint64_t{0});
  events.add(r);
  source.events_bytes = events.bytes();
  ReplayOptions options = on(Executor::cpu, Compare::none);
  options.pace = Pace::recorded;
  options.timeout = std::chrono::milliseconds{50};
  const auto result = replay(source, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::deadline_exceeded);
}

TEST(TraceReplay, ItemsCancelledWhenRecordedAreNotRunAgain) {
  MemorySource source;
  Record cancelled(Kind::completion);
  cancelled.set_small(0, static_cast<std::uint8_t>(CompletionStatus::cancelled),
                      static_cast<std::uint8_t>(FaultCode::shutdown));
  cancelled.set_half(0, 1);
  // Item 1 would fill the buffer with other bytes; it never ran, and neither do its bytes count.
  source.events_bytes = RawEvents()
                            .zeros(1, 64)
                            .submit(1, 0, 1, 0, 0x01010101)
                            .submit(1, 0, 1, 0, 0x02020202)
                            .submit()
                            .done(0, 1)
                            .done(2, 1)
                            .add(cancelled)
                            .bytes();
  const auto result = replay(source, on(Executor::cpu, Compare::executor));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->items, 2u);
  EXPECT_EQ(result->items_skipped, 1u);
  EXPECT_FALSE(result->difference);
  EXPECT_FALSE(result->complete);
}

TEST(TraceReplay, WrongRecordedEndingIsTheFirstDifference) {
  MemorySource source;
  Record faulted(Kind::completion);
  faulted.set_small(0, static_cast<std::uint8_t>(CompletionStatus::faulted),
                    static_cast<std::uint8_t>(FaultCode::trap));
  faulted.set_half(0, 2);
  source.events_bytes =
      RawEvents().submit().submit().submit().submit().done(0, 2).add(faulted).done(3, 1).bytes();
  for (const Executor executor : {Executor::cpu, Executor::reference}) {
    const auto result = replay(source, on(executor));
    ASSERT_TRUE(result) << to_string(result.error());
    ASSERT_TRUE(result->difference);
    EXPECT_EQ(result->difference->item, 2u);
    EXPECT_TRUE(result->difference->status);
    EXPECT_EQ(result->difference->actual, "done");
    EXPECT_NE(result->difference->expected.find("trap"), std::string::npos)
        << result->difference->expected;
  }
}

TEST(TraceReplay, FaultWhereTheRecordingSaysDoneIsADifference) {
  MemorySource source;
  source.events_bytes =
      RawEvents().submit().submit(1, 0, 0).submit().done(0, 3).bytes();  // mem.fill without output
  for (const Executor executor : {Executor::cpu, Executor::reference}) {
    const auto result = replay(source, on(executor));
    ASSERT_TRUE(result) << to_string(result.error());
    ASSERT_TRUE(result->difference);
    EXPECT_EQ(result->difference->item, 1u);
    EXPECT_EQ(result->difference->expected, "done");
  }
}

TEST(TraceReplay, WrongFinalBytesNameBufferOffsetBothValuesAndTheLastWriter) {
  MemorySource source;
  Record final_contents(Kind::final);
  final_contents.set_half(2, 1);
  final_contents.set_word(64);
  Bytes wanted(64, 0x05);
  wanted[37] = 0x06;
  const Digest digest = blake3(wanted);
  source.blobs[digest.hex()] = wanted;
  final_contents.set_digest(digest);
  source.events_bytes = RawEvents()
                            .zeros(1, 64)
                            .submit(1, 0, 1, 0, 0x04040404)
                            .submit(1, 0, 1, 0, 0x05050505)
                            .submit()
                            .done(0, 3)
                            .add(final_contents)
                            .end(3, 3)
                            .bytes();
  const auto result = replay(source, on(Executor::cpu));
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_TRUE(result->difference);
  EXPECT_EQ(result->difference->item, 1u);
  EXPECT_EQ(result->difference->buffer, 1u);
  EXPECT_EQ(result->difference->offset, 37u);
  EXPECT_EQ(result->difference->expected.substr(0, 4), "0605");
  EXPECT_EQ(result->difference->actual.substr(0, 4), "0505");
}

TEST(TraceReplay, MillionItemsReplayInWindows) {
  MemorySource source;
  RawEvents events;
  constexpr std::uint64_t kItems{200'000};
  for (std::uint64_t i = 0; i < kItems; ++i) events.submit(0, 0, 0, i / 1'000 % 2);
  events.done(0, kItems / 2, 0).done(0, kItems / 2, 1);
  source.events_bytes = events.bytes();
  std::uint64_t last = 0;
  ReplayOptions options = on(Executor::cpu);
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, kItems);
    last = done;
  };
  const auto result = replay(source, options);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->items, kItems);
  EXPECT_FALSE(result->difference);
  EXPECT_EQ(last, kItems);
}

TEST(TraceRecorder, DirectoryThatIsNotEmptyIsRefused) {
  const Folder folder;
  test::spill(folder / "file", "x");
  EXPECT_FALSE(Recorder::create(folder / "file"));
  EXPECT_FALSE(Recorder::create(folder / "."));
  EXPECT_TRUE(Recorder::create(folder / "new"));
  EXPECT_FALSE(Recorder::create(folder / "new"));
}

TEST(TraceRecorder, BufferAboveTheLimitIsNamedAndEndsTheRecording) {
  const Folder folder;
  RecordOptions options;
  options.max_buffer_bytes = 100;
  auto recorder = Recorder::create(folder / "trace", options);
  ASSERT_TRUE(recorder);
  runtime::SessionOptions session_options;
  session_options.backend = runtime::BackendKind::cpu;
  auto session = runtime::Session::open(session_options);
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->observe(*recorder));
  ASSERT_TRUE(session->allocate(100));
  EXPECT_TRUE((*recorder)->status());
  ASSERT_TRUE(session->allocate(101));
  ASSERT_FALSE((*recorder)->status());
  EXPECT_NE((*recorder)->status().error().message.find("101 bytes"), std::string::npos);
  EXPECT_FALSE((*recorder)->finish(*session, after(std::chrono::seconds{1})));
  const auto info = inspect(folder / "trace");
  ASSERT_TRUE(info) << to_string(info.error());
  EXPECT_FALSE(info->complete);
  EXPECT_EQ(info->buffers, 1u);
}

TEST(TraceRecorder, EveryBufferThatAnItemWroteInPlaceHasItsFinalBytes) {
  const Folder folder;
  const auto deadline = after(std::chrono::seconds{60});
  {
    auto session = runtime::Session::open({.backend = runtime::BackendKind::cpu});
    ASSERT_TRUE(session);
    auto recorder = Recorder::create(folder / "trace");
    ASSERT_TRUE(recorder);
    ASSERT_TRUE(session->observe(*recorder));
    const auto add = session->register_program("add", test::add_program());
    ASSERT_TRUE(add);
    const auto x = session->upload(Bytes(256, 1));
    for (int i = 0; i < 3; ++i) {  // items that differ in their inputs alone
      const std::vector<runtime::Handle> members{*session->allocate(256), *x};
      const auto set = session->bind(members);
      ASSERT_TRUE(session->submit({add->id, set->id, 0, 0}, deadline));
    }
    ASSERT_TRUE(session->wait_all(deadline));
    ASSERT_TRUE((*recorder)->finish(*session, deadline));
  }
  const auto result = replay(folder / "trace", on(Executor::cpu));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_FALSE(result->difference);
  EXPECT_EQ(result->buffers_compared, 3u);
}

TEST(TraceRecorder, ABufferWhoseNumberComesAgainHasItsFinalBytesToo) {
  const Folder folder;
  const auto deadline = after(std::chrono::seconds{60});
  {
    runtime::TestHooks hooks;
    hooks.free_handles_kept = 0;
    auto session = runtime::open_for_tests({.backend = runtime::BackendKind::cpu}, hooks);
    ASSERT_TRUE(session);
    auto recorder = Recorder::create(folder / "trace");
    ASSERT_TRUE(recorder);
    ASSERT_TRUE(session->observe(*recorder));
    const auto first = session->allocate(64);
    ASSERT_TRUE(first);
    ASSERT_TRUE(session->submit({1, 0, first->id, 7}, deadline));
    runtime::Handle now = *first;
    int releases = 0;
    do {
      ASSERT_LT(++releases, 10'000) << "the number does not come again";
      ASSERT_TRUE(session->release(now, deadline));
      now = *session->allocate(64);
    } while (now.id != first->id);
    ASSERT_TRUE(session->submit({1, 0, now.id, 7}, deadline));
    ASSERT_TRUE(session->wait_all(deadline));
    ASSERT_TRUE((*recorder)->finish(*session, deadline));
  }
  const auto result = replay(folder / "trace", on(Executor::cpu));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_FALSE(result->difference);
  EXPECT_EQ(result->buffers_compared, 1u);
}

TEST(TraceRecorder, EqualContentsAreStoredOnce) {
  const Folder folder;
  auto recorder = Recorder::create(folder / "trace");
  ASSERT_TRUE(recorder);
  runtime::SessionOptions session_options;
  session_options.backend = runtime::BackendKind::cpu;
  auto session = runtime::Session::open(session_options);
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->observe(*recorder));
  const Bytes bytes(1'000, 7);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(session->upload(bytes));
  ASSERT_TRUE(session->allocate(1'000));
  ASSERT_TRUE((*recorder)->status());  // all of it is recorded now
  const auto blobs = std::filesystem::directory_iterator(folder / "trace/blobs");
  EXPECT_EQ(std::distance(blobs, std::filesystem::directory_iterator{}), 1);
  ASSERT_TRUE((*recorder)->finish(*session, after(std::chrono::seconds{10})));
  const auto info = inspect(folder / "trace");
  ASSERT_TRUE(info) << to_string(info.error());
  EXPECT_EQ(info->buffers, 11u);
  EXPECT_TRUE(info->complete);
}

}  // namespace
}  // namespace vyre::trace
