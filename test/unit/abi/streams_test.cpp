// Streams through the API: chunks in order, sinks that stop or throw, one thread at a time; and
// traces: recorded, replayed, compared.
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "fixture.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::test {
namespace {

class Streams : public InAFolder {
 protected:
  void SetUp() override {
    InAFolder::SetUp();
    crc_ = session_.find("hash.crc32c").value();
    options_.chunk_bytes = 64;
    options_.outputs = {StreamOutput{4}};
    std::ofstream(path("a")) << std::string(200, 'a');
    std::ofstream(path("b")) << std::string(64, 'b');
  }
  Stream stream(std::vector<std::string> files) {
    return session_.main().stream(files, crc_, options_).value();
  }

  static Op crc_of(Session& session) { return session.find("hash.crc32c").value(); }
  static Buffer up_in(Session& session) {
    return session.main().upload(std::string_view("123456789")).value();
  }

  Session session_ = Session::open(on_cpu()).value();
  Op crc_;
  StreamOptions options_;
};

TEST_F(Streams, ChunksComeInOrderWithTheirOutputs) {
  auto files = stream({path("a"), path("none"), path("b")});
  std::string seen;
  ASSERT_TRUE(files.for_each([&](const Chunk& chunk) {
    if (chunk.error()) {
      seen += "error " + std::to_string(chunk.file()) + ";";
      EXPECT_EQ(chunk.error()->code, Code::io) << chunk.error()->text;
      EXPECT_TRUE(contains(std::string(chunk.path()), "none"));
      return;
    }
    ASSERT_TRUE(chunk.result().done());
    ASSERT_EQ(chunk.outputs(), 1u);
    EXPECT_NE(chunk.output<std::uint32_t>(0)[0], 0u);
    seen += std::to_string(chunk.file()) + ":" + std::to_string(chunk.offset()) + "+" +
            std::to_string(chunk.size_bytes()) + (chunk.last() ? ".;" : ";");
  }));
  EXPECT_EQ(seen, "0:0+64;0:64+64;0:128+64;0:192+8.;error 1;2:0+64.;");
  EXPECT_FALSE(files.next().value());
  const vyre_stream_progress progress = files.progress().value();
  EXPECT_EQ(progress.files_failed, 1u);
  EXPECT_EQ(progress.bytes_read, 264u);
}

TEST_F(Streams, WhatASinkThrowsComesOutOfForEachAndTheStreamGoesOn) {
  auto files = stream({path("a")});
  struct Mine {};
  EXPECT_THROW((void)files.for_each([](const Chunk&) { throw Mine(); }), Mine);
  std::vector<std::uint64_t> rest;
  EXPECT_TRUE(files.for_each([&](const Chunk& chunk) { rest.push_back(chunk.index()); }).value());
  EXPECT_EQ(rest, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(Streams, ASinkMayStopTheLoop) {
  auto files = stream({path("a")});
  std::uint64_t seen = 0;
  EXPECT_FALSE(files.for_each([&](const Chunk&) { return ++seen < 2; }).value());
  EXPECT_EQ(seen, 2u);
  EXPECT_EQ(files.next().value()->index(), 2u);
  const vyre_sink with_seven = [](void*, const vyre_chunk*) { return 7; };
  const detail::Failed stopped{
      vyre_stream_for_each(files.get(), with_seven, nullptr, VYRE_DEFAULT_TIMEOUT)};
  EXPECT_EQ(stopped.error().code, Code::cancelled);
  EXPECT_EQ(stopped.error().detail, 7);
}

TEST_F(Streams, ASinkMayCallTheLibraryAndAnotherCallOnItsStreamIsBusy) {
  auto files = stream({path("a")});
  const Op nop = session_.find("nop").value();
  ASSERT_TRUE(files.for_each([&](const Chunk&) {
    EXPECT_TRUE(session_.wait(session_.main().submit(Item{nop}).value()));
    const auto again = files.next();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::busy);
    EXPECT_TRUE(again.error().retryable);
    EXPECT_TRUE(files.progress());
  }));
}

/// Far more bytes than memory for chunks: each place is used many times.
TEST_F(Streams, KeptBytesAreThoseOfTheFileUntilTheNextCallWhateverIsReadMeanwhile) {
  SessionOptions little = on_cpu();
  little.more.emplace_back("ingest_bytes", std::to_string(8 << 20));
  Session session = Session::open(little).value();
  std::vector<std::string> files;
  std::vector<std::string> contents;
  for (std::size_t i = 0; i < 6; ++i) {
    std::string bytes(i == 0 ? 0 : (std::size_t{3} << 20) + i * 4'097, '\0');
    for (std::size_t at = 0; at < bytes.size(); ++at)
      bytes[at] = static_cast<char>((at * 2'654'435'761u >> 13) + i);
    files.push_back(path(std::to_string(i)));
    std::ofstream(files.back()) << bytes;
    contents.push_back(std::move(bytes));
  }
  files.push_back(path("none"));
  for (const bool in_order : {true, false}) {
    StreamOptions options = options_;
    options.chunk_bytes = 256 << 10;
    options.overlap_bytes = 64;
    options.in_order = in_order;
    options.keep_bytes = true;
    auto stream =
        session.main().stream(files, session.find("hash.crc32c").value(), options).value();
    std::uint64_t compared = 0;
    ASSERT_TRUE(stream.for_each([&](const Chunk& chunk) {
      if (chunk.error()) {
        EXPECT_TRUE(chunk.bytes().empty());
        return;
      }
      ASSERT_EQ(chunk.bytes().size(), chunk.size_bytes());
      ASSERT_EQ(0, std::memcmp(chunk.bytes().data(), contents[chunk.file()].data() + chunk.offset(),
                               chunk.size_bytes()))
          << "file " << chunk.file() << " at " << chunk.offset();
      compared += chunk.size_bytes() - chunk.seen_bytes();
    }));
    EXPECT_EQ(compared, stream.progress().value().bytes_read);
  }
  auto forgetful = stream({path("a")});
  EXPECT_TRUE(forgetful.next().value()->bytes().empty());
}

TEST_F(Streams, PathsComeFromACallerAndWhatItThrowsComesOut) {
  int given = 0;
  auto files = session_.main()
                   .stream(
                       [&]() -> std::optional<std::string> {
                         if (++given == 3) return std::nullopt;
                         return path(given == 1 ? "a" : "b");
                       },
                       crc_, options_)
                   .value();
  int chunks = 0;
  EXPECT_TRUE(files.for_each([&](const Chunk&) { ++chunks; }));
  EXPECT_EQ(chunks, 5);

  struct Mine {};
  auto broken = session_.main()
                    .stream([]() -> std::optional<std::string> { throw Mine(); }, crc_, options_)
                    .value();
  EXPECT_THROW((void)broken.next(), Mine);
}

TEST_F(Streams, WhatASourceOfPathsThrewIsThrownByEveryLaterCall) {
  struct Mine {};
  auto files = session_.main()
                   .stream(
                       [&, given = 0]() mutable -> std::optional<std::string> {
                         if (given++ == 1) throw Mine();
                         return path("b");
                       },
                       crc_, options_)
                   .value();
  ASSERT_TRUE(files.next().value()) << "what came before is lost";
  for (int again = 0; again < 2; ++again) {
    EXPECT_THROW((void)files.next(), Mine);
    EXPECT_THROW((void)files.for_each([](const Chunk&) {}), Mine);
  }
}

TEST_F(Streams, AnOutputThatAChunkDoesNotHaveIsEmpty) {
  options_.outputs = {StreamOutput{2}};  // too short for the op
  auto files = stream({path("b")});
  const auto faulted = files.next().value();
  ASSERT_TRUE(faulted);
  ASSERT_FALSE(faulted->result().done());
  EXPECT_TRUE(faulted->output(0).empty());
  options_.outputs = {StreamOutput{4}};
  auto whole = stream({path("b")});
  const auto done = whole.next().value();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->output(0).size(), 4u);
  EXPECT_TRUE(done->output(1).empty());
  EXPECT_TRUE(done->output(~std::size_t{0}).empty());
}

TEST_F(Streams, AnOutputIsOwnOrSharedAndNotBoth) {
  const auto shared = session_.main().allocate(4).value();
  options_.outputs = {StreamOutput{4, shared.ref()}};
  const auto refused = session_.main().stream(std::vector{path("a")}, crc_, options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_TRUE(contains(refused.error().text, "output 0 has 4 bytes")) << refused.error().text;
}

TEST_F(Streams, ACancelledStreamSaysSo) {
  auto files = stream({path("a")});
  files.cancel();
  for (;;) {
    const auto chunk = files.next();
    if (chunk) {
      ASSERT_TRUE(*chunk) << "it ended as if nothing was left out";
      continue;
    }
    EXPECT_EQ(chunk.error().code, Code::cancelled);
    break;
  }
}

TEST_F(Streams, AStreamOutlivesItsSession) {
  auto files = stream({path("a")});
  session_ = Session::open(on_cpu()).value();
  for (;;) {
    const auto chunk = files.next();
    if (chunk && *chunk) continue;
    ASSERT_FALSE(chunk);
    EXPECT_EQ(chunk.error().code, Code::closed);
    break;
  }
}

TEST_F(Streams, ARecordedRunReplaysAndIsCompared) {
  const Op histogram = session_.add("h", Program::assemble(kHistogram).value()).value();
  auto recorder = session_.record(path("trace")).value();
  auto data = session_.main().upload(std::vector<std::uint32_t>{1, 2, 2, 9}).value();
  auto bins = session_.main().allocate(64).value();
  ASSERT_TRUE(session_.main().submit(Item{histogram, data, bins}));
  const auto finished = recorder.finish();
  ASSERT_TRUE(finished) << finished.error().text;

  const vyre_trace_info info = inspect(path("trace")).value();
  EXPECT_EQ(info.items, 1u);
  EXPECT_EQ(info.programs, 1u);
  EXPECT_EQ(info.complete, 1u);
  EXPECT_TRUE(contains(info.recorded_at, "20")) << info.recorded_at;
  ReplayOptions how;
  how.compare = Compare::recorded;
  int calls = 0;
  how.progress = [&calls](std::uint64_t, std::uint64_t) { ++calls; };
  for (const Executor executor : {Executor::cpu, Executor::reference}) {
    how.executor = executor;
    const auto replayed = replay(path("trace"), how);
    ASSERT_TRUE(replayed) << replayed.error().text;
    EXPECT_EQ(replayed->counts.items, 1u);
    EXPECT_EQ(replayed->counts.differs, 0u) << replayed->json.text();
    EXPECT_EQ(replayed->counts.bytes_compared, 64u);
    EXPECT_TRUE(contains(std::string(replayed->json.text()), "\"difference\": null"));
  }
  EXPECT_GT(calls, 0);
  how.exact = true;  // there is no float to differ
  EXPECT_EQ(replay(path("trace"), how).value().counts.differs, 0u);
  how.stopped = [] { return true; };
  EXPECT_EQ(replay(path("trace"), how).value().counts.stopped, 1u);
  EXPECT_FALSE(replay(path("none")));
}

TEST_F(Streams, RecordingBeginsBeforeTheFirstItem) {
  ASSERT_TRUE(session_.main().submit(Item{session_.find("nop").value()}));
  const auto late = session_.record(path("trace"));
  ASSERT_FALSE(late);
  EXPECT_TRUE(contains(late.error().text, "before the first submit")) << late.error().text;
}

TEST_F(Streams, ARecordingEndsOnceAndEveryLaterEndGivesItsAnswer) {
  for (const bool cut : {false, true}) {
    auto session = Session::open(on_cpu()).value();
    auto recorder = session.record(path(cut ? "cut" : "whole")).value();
    ASSERT_TRUE(session.main().run(crc_of(session), std::array{up_in(session).ref()}));
    ASSERT_TRUE(cut ? recorder.cut_short() : recorder.finish());
    for (int again = 0; again < 2; ++again) {
      EXPECT_TRUE(recorder.finish());
      EXPECT_TRUE(recorder.cut_short());
    }
    EXPECT_EQ(inspect(path(cut ? "cut" : "whole")).value().complete, 1u);
  }
}

TEST_F(Streams, ThreadsThatEndOneRecordingGetOneAnswer) {
  auto recorder = session_.record(path("trace")).value();
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(session_.main().run(crc_, std::array{up_in(session_).ref()}));
  std::atomic<int> ended{0};
  const auto end = [&] { ended += recorder.finish().has_value() ? 1 : 0; };
  std::thread other(end);
  end();
  other.join();
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(inspect(path("trace")).value().items, 20u);
}

TEST_F(Streams, ARecordingThatIsRefusedLeavesNothingAndTheNextOneSucceeds) {
  auto buffer = up_in(session_);
  {
    const auto lease = buffer.lease<char>().value();
    const auto refused = session_.record(path("trace"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid_argument);
    EXPECT_TRUE(contains(refused.error().text, "is leased")) << refused.error().text;
    EXPECT_FALSE(std::filesystem::exists(path("trace")));
  }
  auto recorder = session_.record(path("trace"));
  ASSERT_TRUE(recorder) << recorder.error().text;
  EXPECT_TRUE(recorder->finish());
}

TEST_F(Streams, ARecordingStaysWhereItBeganWhenTheWorkingDirectoryChanges) {
  const auto before = std::filesystem::current_path();
  std::filesystem::create_directory(path("below"));
  std::filesystem::current_path(path(""));
  auto recorder = session_.record("trace");
  std::filesystem::current_path(path("below"));
  const bool ran = session_.main().run(crc_, std::array{up_in(session_).ref()}).has_value();
  const auto finished = recorder ? recorder->finish() : Result<void>(recorder.error());
  std::filesystem::current_path(before);
  ASSERT_TRUE(ran);
  ASSERT_TRUE(finished) << finished.error().text;
  EXPECT_EQ(inspect(path("trace")).value().items, 1u);
}

TEST_F(Streams, AnEmptyPathIsRefusedByTheNameOfItsParameter) {
  vyre_session* const s = session_.get();
  vyre_queue* const q = session_.main().get();
  const char* const none = "";
  vyre_recorder* recorder = nullptr;
  vyre_buffer buffer = 0;
  vyre_stream* stream = nullptr;
  const auto empty = [](vyre_error* error, std::string_view what) {
    const detail::Failed failed{error};
    ASSERT_TRUE(failed) << what;
    EXPECT_EQ(failed.error().code, Code::invalid_argument) << failed.error().text;
    EXPECT_TRUE(contains(failed.error().text, std::string(what) + " is empty; name one"))
        << failed.error().text;
  };
  empty(vyre_record(s, none, 0, &recorder), "directory");
  empty(vyre_replay(none, nullptr, nullptr, nullptr), "directory");
  vyre_trace_info info = VYRE_INIT(vyre_trace_info);
  empty(vyre_trace_inspect(none, nullptr, &info), "directory");
  empty(vyre_buffer_map_file(q, none, 0, 0, &buffer), "path");
  empty(vyre_buffer_load_file(q, none, 0, &buffer), "path");
  empty(vyre_buffer_load_cached_file(q, none, 0, &buffer), "path");
  empty(vyre_stream_open(q, &none, 1, crc_.handle, nullptr, &stream), "a path");
}

TEST_F(Streams, VectorFilesAreJudged) {
  std::ofstream(path("empty.jsonl"));
  ConformanceOptions counting;
  std::vector<std::uint64_t> done;
  counting.progress = [&done](std::uint64_t files, std::uint64_t of) {
    EXPECT_EQ(of, 2u);
    done.push_back(files);
  };
  const auto judged = conformance({path("empty.jsonl"), path("empty.jsonl")}, counting);
  ASSERT_TRUE(judged) << judged.error().text;
  EXPECT_EQ(judged->counts.files, 2u);
  EXPECT_EQ(judged->counts.cases, 0u);
  EXPECT_EQ(done, (std::vector<std::uint64_t>{0, 1}));
  std::ofstream(path("broken.jsonl")) << "{\n";
  EXPECT_EQ(conformance({path("broken.jsonl")}).error().code, Code::malformed);
  ConformanceOptions options;
  options.executor = static_cast<Executor>(9);
  EXPECT_EQ(conformance({path("empty.jsonl")}, options).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace vyre::test
