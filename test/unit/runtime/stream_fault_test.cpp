// What goes wrong with a stream, and what then happens: files that cannot be read, callers that ask
// for what cannot be, items that fault, streams that wait for shared outputs. Nothing hangs,
// nothing is silently short.
#include <fcntl.h>
#include <sys/stat.h>

#include "stream_doors.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

class StreamFaults : public StreamWithDoors {};

TEST_F(StreamFaults, AFileThatCannotBeReadIsToldWithPathAndErrnoAndTheOthersGoOn) {
  open();
  const std::string fifo = folder_.path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::string folder = folder_.path("folder");
  std::filesystem::create_directory(folder);
  const std::string loop = folder_.path("loop");
  std::filesystem::create_symlink(loop, loop);
  const std::vector<std::string> paths{
      good("a"),  folder_.path("missing"), good("b"), folder, good("c"), fifo, loop, good("d"),
      "/dev/null"};
  const std::map<std::string, int> errors{
      {folder_.path("missing"), ENOENT}, {folder, EISDIR}, {loop, ELOOP}};
  for (const bool in_order : {true, false}) {
    StreamOptions options = crc_options(kChunk);
    options.in_order = in_order;
    auto stream = session_->stream(paths, OpHandle{kCrc32c}, options);
    ASSERT_OK(stream);
    const Ran ran = run_to_end(*stream);
    ASSERT_FALSE(ran.error) << to_string(*ran.error);
    ASSERT_EQ(ran.results.size(), paths.size());
    for (std::size_t i = 0; i < ran.results.size(); ++i) {
      const Seen& seen = ran.results[i];
      const std::string& path = paths[seen.chunk.file];
      EXPECT_EQ(seen.path, path);
      if (in_order) {
        EXPECT_EQ(seen.chunk.file, i);
      }
      const bool bad = path.find("/a") == std::string::npos &&
                       path.find("/b") == std::string::npos &&
                       path.find("/c") == std::string::npos && path.find("/d") == path.npos;
      if (path == "/dev/null" || bad) {
        ASSERT_TRUE(seen.error) << path;
        EXPECT_NE(seen.error->message.find(path), std::string::npos) << seen.error->message;
        if (const auto known = errors.find(path); known != errors.end()) {
          EXPECT_EQ(seen.error->code == Errc::not_found ? ENOENT : seen.error->detail,
                    known->second)
              << seen.error->message;
        }
        EXPECT_TRUE(seen.outputs.empty());
      } else {
        EXPECT_FALSE(seen.error) << seen.error->message;
        EXPECT_EQ(seen.outputs[0], words({crc32c(random_bytes(100, test_seed()))}));
      }
    }
    EXPECT_EQ(stream->progress().files_failed, 5u);
    EXPECT_EQ(stream->progress().files_ended, paths.size());
  }
}

TEST_F(StreamFaults, AFileWhoseSizeIsNoCountOfBytesIsRefusedByNameAndTheOthersGoOn) {
  open();
  // Of size 0 and of a page, and both have some bytes.
  for (const std::string path :
       {"/proc/self/status", "/sys/kernel/mm/transparent_hugepage/enabled"}) {
    if (::access(path.c_str(), R_OK) != 0) continue;
    auto stream =
        session_->stream({good("a"), path, good("b")}, OpHandle{kCrc32c}, crc_options(kChunk));
    ASSERT_OK(stream);
    const Ran ran = run_to_end(*stream);
    ASSERT_FALSE(ran.error) << to_string(*ran.error);
    ASSERT_EQ(ran.results.size(), 3u);
    EXPECT_FALSE(ran.results[0].error);
    EXPECT_FALSE(ran.results[2].error);
    ASSERT_TRUE(ran.results[1].error) << path << " gave a result of " << ran.results[1].chunk.bytes;
    const auto loaded = session_->load_file(path, soon());
    const auto mapped = session_->map_file(path);
    ASSERT_FALSE(loaded.has_value());
    ASSERT_FALSE(mapped.has_value());
    for (const Error& error : {*ran.results[1].error, loaded.error(), mapped.error()}) {
      EXPECT_EQ(error.code, Errc::unsupported);
      EXPECT_NE(error.message.find("'" + path + "'"), std::string::npos) << error.message;
      EXPECT_NE(error.message.find("copy it into a regular file"), std::string::npos);
    }
  }
}

TEST_F(StreamFaults, AnUnreadableFileIsToldWithItsErrno) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  open();
  const std::string path = good("a");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  auto stream = session_->stream({path}, OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  ASSERT_EQ(ran.results.size(), 1u);
  ASSERT_TRUE(ran.results[0].error);
  EXPECT_EQ(ran.results[0].error->detail, EACCES);
}

TEST_F(StreamFaults, AFileThatShrinksEndsInOneErrorWithBothSizesAndNothingAfterIt) {
  for (const bool in_order : {true, false}) {
    open();
    const std::uint64_t before = 200 * kChunk;
    const std::uint64_t after_bytes = 100 * kChunk + 7;
    const std::string path = good("shrinks", before);
    const std::string other = good("other", 3 * kChunk);
    StreamOptions options = crc_options(kChunk);
    options.max_in_flight = 4;
    options.in_order = in_order;
    auto stream = session_->stream({path, other}, OpHandle{kCrc32c}, options);
    ASSERT_OK(stream);
    auto first = stream->next(soon());
    ASSERT_OK(first);
    ASSERT_FALSE((*first)->error);
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(after_bytes)), 0);
    const Ran ran = run_to_end(*stream);
    ASSERT_FALSE(ran.error) << to_string(*ran.error);
    std::uint64_t good_chunks = 1;
    std::uint64_t errors = 0;
    std::uint64_t of_other = 0;
    for (const Seen& seen : ran.results) {
      of_other += seen.chunk.file;
      if (seen.chunk.file != 0) continue;
      EXPECT_EQ(errors, 0u) << "the error is the last result of its file";
      if (!seen.error) {
        ++good_chunks;
        continue;
      }
      ++errors;
      EXPECT_EQ(seen.error->code, Errc::io);
      EXPECT_NE(seen.error->message.find(path), std::string::npos);
      EXPECT_NE(seen.error->message.find(std::to_string(before)), std::string::npos);
      EXPECT_NE(seen.error->message.find(std::to_string(after_bytes)), std::string::npos)
          << seen.error->message;
    }
    EXPECT_EQ(errors, 1u);
    EXPECT_LE(good_chunks, 100u);
    EXPECT_EQ(of_other, 3u);
    EXPECT_OK(session_->close());
  }
}

TEST_F(StreamFaults, AFileThatGrowsIsReadToTheSizeThatItHadWhenItWasOpened) {
  open();
  const std::string path = good("grows", 10 * kChunk);
  StreamOptions options = crc_options(kChunk);
  options.max_in_flight = 2;
  auto stream = session_->stream({path}, OpHandle{kCrc32c}, options);
  ASSERT_OK(stream);
  ASSERT_OK(stream->next(soon()));
  std::filesystem::resize_file(path, 30 * kChunk);
  const Ran ran = run_to_end(*stream);
  ASSERT_FALSE(ran.error);
  ASSERT_EQ(ran.results.size(), 9u);
  EXPECT_TRUE(ran.results.back().chunk.last);
  EXPECT_EQ(stream->progress().bytes_read, 10 * kChunk);
}

TEST_F(StreamFaults, AnItemThatFaultsIsAResultAndTheStreamGoesOn) {
  open();
  constexpr std::string_view kDivide =
      "workgroup 1, 1, 1;\n"
      "buffer x: i32[] read_only;\n"
      "buffer y: i32[1] read_write output live_out;\n"
      "region \"divide\" { if gid.x == 0 { y[0] = 12i / x[0]; } }\n";
  const auto program = vir::assemble(kDivide);
  ASSERT_OK(program);
  const auto op = session_->register_program("divide", *program);
  ASSERT_OK(op);
  const std::vector<std::string> paths{folder_.write("a", words({3})),
                                       folder_.write("b", words({0})),
                                       folder_.write("c", words({4}))};
  auto stream = session_->stream(paths, *op, {});
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  ASSERT_FALSE(ran.error);
  ASSERT_EQ(ran.results.size(), 3u);
  EXPECT_EQ(ran.results[0].outputs.at(0), words({4}));
  EXPECT_EQ(ran.results[1].status, CompletionStatus::faulted);
  EXPECT_EQ(ran.results[1].fault.code, FaultCode::i32_division_by_zero);
  EXPECT_TRUE(ran.results[1].outputs.empty());
  EXPECT_EQ(ran.results[2].outputs.at(0), words({3}));
}

TEST_F(StreamFaults, WhatCannotBeIsRefusedByNameBeforeAnythingIsRead) {
  open();
  int asked = 0;
  const FileSource files = [&asked]() -> std::optional<std::string> {
    ++asked;
    return std::nullopt;
  };
  const auto refused = [&](const StreamOptions& options, std::uint32_t op, const char* what) {
    const auto stream = session_->stream(files, OpHandle{op}, options);
    ASSERT_FALSE(stream.has_value()) << what;
    EXPECT_NE(stream.error().message.find(what), std::string::npos) << stream.error().message;
  };
  StreamOptions options = crc_options(kChunk);
  options.queue = 1;
  refused(options, kCrc32c, "queue 1");
  refused(crc_options(8), kCrc32c, "chunk_bytes is 8");
  refused(crc_options(kChunk, kChunk / 2 + 1), kCrc32c, "overlap_bytes");
  refused(crc_options(kChunk, ~std::uint64_t{0}), kCrc32c, "overlap_bytes");
  refused(crc_options(std::uint64_t{1} << 30), kCrc32c, "ingest_bytes");
  refused(crc_options(std::uint64_t{1} << 40), kCrc32c, "chunk_bytes");
  refused(crc_options(kChunk), 900, "op 900");
  options = crc_options(kChunk);
  options.max_in_flight = kMaxStreamItems + 1;
  refused(options, kCrc32c, "max_in_flight");
  options = crc_options(kChunk);
  options.outputs.clear();
  refused(options, kCrc32c, "outputs");
  options.outputs = {{4, {}}, {4, {}}};
  refused(options, kCrc32c, "1 outputs");
  options.outputs = {{0, Handle{12345}}};
  refused(options, kCrc32c, "12345");
  options = crc_options(kChunk);
  options.inputs = {Handle{}, Handle{}};
  refused(options, kCrc32c, "1 inputs");
  options.inputs = {Handle{54321}};
  refused(options, kCrc32c, "54321");
  const auto buffer = session_->allocate(16);
  options.inputs = {*buffer};
  refused(options, kCrc32c, "chunk");
  options.inputs = {Handle{}};
  refused(options, kMatchLiterals, "2 inputs");
  options.inputs = {Handle{}, Handle{}};
  refused(options, kMatchLiterals, "both the chunk");
  const auto program = vir::assemble(
      "workgroup 1, 1, 1;\nbuffer x: u32[] read_write;\nregion \"w\" { if gid.x == 0 { x[0] = 1; } "
      "}\n");
  ASSERT_OK(program);
  const auto writes = session_->register_program("writes", *program);
  ASSERT_OK(writes);
  refused({}, writes->id, "'x' in place");
  EXPECT_EQ(asked, 0);
}

TEST_F(StreamFaults, WithoutIngestMemoryStreamsAreRefusedAndTooLittleOfItIsNot) {
  SessionOptions options = test_options();
  options.ingest_bytes = 0;
  open(options);
  const auto refused =
      session_->stream(std::vector<std::string>{}, OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_NE(refused.error().message.find("ingest_bytes is 0"), std::string::npos);
  EXPECT_FALSE(session_->report().ingest.has_value());
  options.ingest_bytes = 4096;
  const auto little = Session::open(options);
  ASSERT_FALSE(little.has_value());
  EXPECT_NE(little.error().message.find("choose at least"), std::string::npos);
}

TEST_F(StreamFaults, APollThatFindsNothingLeavesTheStreamAsItWas) {
  std::atomic<bool> hold{true};
  auto session = open_with_door(1'000, &hold);
  ASSERT_OK(session);
  const std::string path = good("f", 5 * kChunk);
  auto stream = session->stream({path}, OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  for (int i = 0; i < 50; ++i) {
    const auto nothing = stream->next(Clock::now());
    ASSERT_FALSE(nothing.has_value());
    ASSERT_EQ(nothing.error().code, Errc::deadline_exceeded);
  }
  hold.store(false);
  const Ran ran = run_to_end(*stream);
  EXPECT_FALSE(ran.error);
  EXPECT_EQ(ran.results.size(), 5u);
  for (int i = 0; i < 3; ++i) {
    const auto end = stream->next(Clock::now());
    ASSERT_OK(end);
    EXPECT_EQ(*end, nullptr);
  }
}

/// A stream over one file whose output an item of another queue, which a worker holds, writes too.
class SharedOutput : public StreamFaults {
 protected:
  void begin() {
    TestHooks hooks;
    hooks.worker_dies = [this](std::uint32_t, std::uint64_t) {
      if (begun_++ != 0) return false;
      while (held_) std::this_thread::sleep_for(std::chrono::milliseconds{1});
      return false;
    };
    SessionOptions options = small_memory();
    options.queues = 2;
    auto session = open_for_tests(options, hooks);
    ASSERT_OK(session);
    other_.emplace(std::move(*session));
    const auto shared = other_->allocate(4);
    ASSERT_OK(shared);
    shared_ = *shared;
    StreamOptions how = crc_options(kChunk);
    how.outputs = {{0, shared_}};
    auto stream = other_->stream({good("a")}, OpHandle{kCrc32c}, how);
    ASSERT_OK(stream);
    stream_.emplace(std::move(*stream));
    ASSERT_OK(write());  // the worker holds it
  }
  ~SharedOutput() override { held_ = false; }
  /// One more item of queue 1 that writes the output.
  Result<Ticket> write(Deadline until = Clock::now()) {
    return other_->submit({kFill, 0, shared_.id, 7}, until, 1);
  }

  std::atomic<bool> held_{true};
  std::atomic<int> begun_{0};
  std::optional<Session> other_;
  Handle shared_;
  std::optional<Stream> stream_;
};

TEST_F(SharedOutput, AStreamThatWaitsForItIsNotOvertakenByAWriterOfAnotherQueue) {
  ONLY_ON_CPU("the test holds a worker");
  begin();
  if (HasFatalFailure()) return;
  Ran ran;
  std::thread asks([&] { ran = run_to_end(*stream_); });
  bool stands_in_line = false;
  const Deadline until = after(std::chrono::seconds{5});
  while (!stands_in_line && Clock::now() < until) {
    const auto other = write();
    stands_in_line = !other && other.error().code == Errc::deadline_exceeded;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  EXPECT_TRUE(stands_in_line) << "later writers always came first";
  held_ = false;
  asks.join();
  EXPECT_FALSE(ran.error);
  ASSERT_EQ(ran.results.size(), 1u);
  EXPECT_EQ(ran.results[0].status, CompletionStatus::done);
  EXPECT_EQ(*other_->download(shared_, soon()), words({crc32c(random_bytes(100, test_seed()))}));
  EXPECT_OK(write(soon())) << "the stream has left its place";
}

TEST_F(SharedOutput, AStreamThatIsNotAskedHoldsUpNoOtherWriterOfIt) {
  ONLY_ON_CPU("the test holds a worker");
  begin();
  if (HasFatalFailure()) return;
  EXPECT_EQ(stream_->next(after(std::chrono::milliseconds{100})).error().code,
            Errc::deadline_exceeded);
  EXPECT_OK(write());
  held_ = false;
  EXPECT_EQ(run_to_end(*stream_).results.size(), 1u);
}

}  // namespace
}  // namespace vyre::runtime::test
