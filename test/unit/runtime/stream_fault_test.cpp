// What goes wrong with a stream, and what then happens: files that cannot be read, callers who ask
// for what cannot be, who leave early, sessions that close and pumps that die. Nothing hangs,
// nothing is silently short.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

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
#include "vyre/vir/text.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::uint64_t kChunk{16'384};

SessionOptions small_memory(std::uint32_t workers = 2) {
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

Result<Session> open_with_door(std::uint32_t reads, std::atomic<bool>* hold = nullptr,
                               std::chrono::nanoseconds patience = std::chrono::seconds{5}) {
  TestHooks hooks;
  hooks.pump_drain = patience;
  SessionOptions options = small_memory();
  options.close_timeout = patience;
  hooks.make_io = [reads, hold]() -> Result<std::unique_ptr<ingest::Io>> {
    const LeftBehindOnPurpose here;
    return std::make_unique<DyingIo>(reads, hold);
  };
  return open_for_tests(options, hooks);
}

class StreamFaults : public ::testing::Test {
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

TEST_F(StreamFaults, AStreamThatWaitsForASharedOutputIsNotOvertakenByAWriterOfAnotherQueue) {
  ONLY_ON_CPU("the test holds a worker");
  std::atomic<bool> held{true};
  std::atomic<int> begun{0};
  TestHooks hooks;
  hooks.worker_dies = [&](std::uint32_t, std::uint64_t) {
    if (begun++ != 0) return false;
    while (held) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    return false;
  };
  SessionOptions options = small_memory();
  options.queues = 2;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  const auto shared = session->allocate(4);
  ASSERT_OK(shared);
  StreamOptions how = crc_options(kChunk);
  how.outputs = {{0, *shared}};
  auto stream = session->stream({good("a")}, OpHandle{kCrc32c}, how);
  ASSERT_OK(stream);
  const MegakernelWorkItem writer{kFill, 0, shared->id, 7};
  ASSERT_OK(session->submit(writer, Clock::now(), 1));  // the worker holds it
  Ran ran;
  std::thread asks([&] { ran = run_to_end(*stream); });
  bool stands_in_line = false;
  const Deadline until = after(std::chrono::seconds{5});
  while (!stands_in_line && Clock::now() < until) {
    const auto other = session->submit(writer, Clock::now(), 1);
    stands_in_line = !other && other.error().code == Errc::deadline_exceeded;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  EXPECT_TRUE(stands_in_line) << "later writers always came first";
  held = false;
  asks.join();
  EXPECT_FALSE(ran.error);
  ASSERT_EQ(ran.results.size(), 1u);
  EXPECT_EQ(ran.results[0].status, CompletionStatus::done);
  EXPECT_EQ(*session->download(*shared, soon()), words({crc32c(random_bytes(100, test_seed()))}));
  EXPECT_OK(session->submit(writer, soon(), 1)) << "the stream has left its place";
}

TEST_F(StreamFaults, AStreamThatIsNotAskedHoldsUpNoOtherWriterOfItsSharedOutput) {
  ONLY_ON_CPU("the test holds a worker");
  std::atomic<bool> held{true};
  std::atomic<int> begun{0};
  TestHooks hooks;
  hooks.worker_dies = [&](std::uint32_t, std::uint64_t) {
    if (begun++ != 0) return false;
    while (held) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    return false;
  };
  SessionOptions options = small_memory();
  options.queues = 2;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  const auto shared = session->allocate(4);
  ASSERT_OK(shared);
  StreamOptions how = crc_options(kChunk);
  how.outputs = {{0, *shared}};
  auto stream = session->stream({good("a")}, OpHandle{kCrc32c}, how);
  ASSERT_OK(stream);
  const MegakernelWorkItem writer{kFill, 0, shared->id, 7};
  ASSERT_OK(session->submit(writer, Clock::now(), 1));
  EXPECT_EQ(stream->next(after(std::chrono::milliseconds{100})).error().code,
            Errc::deadline_exceeded);
  EXPECT_OK(session->submit(writer, Clock::now(), 1));
  held = false;
  EXPECT_EQ(run_to_end(*stream).results.size(), 1u);
}

TEST_F(StreamFaults, CancelFromAnotherThreadLetsOutWhatIsUnderWayAndThenSaysSo) {
  open();
  const std::string path = good("f", 64 * kChunk);
  std::atomic<bool> reading{false};
  auto stream =
      session_->stream([&path]() -> std::optional<std::string> { return path; },  // without end
                       OpHandle{kCrc32c}, crc_options(kChunk));
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

TEST_F(StreamFaults, AStreamThatIsDroppedHalfWayGivesEverythingBack) {
  SessionOptions options = small_memory();
  options.memory_budget_bytes = std::uint64_t{1} << 20;
  open(options);
  const std::string path = good("f", 64 * kChunk);
  StreamOptions how = crc_options(kChunk);
  how.outputs = {{128 << 10, {}}};  // a few chunks fill the budget
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

TEST_F(StreamFaults, CloseEndsAStreamThatIsUnderWay) {
  open();
  const std::string path = good("f", 64 * kChunk);
  auto stream = session_->stream([&path]() -> std::optional<std::string> { return path; },
                                 OpHandle{kCrc32c}, crc_options(kChunk));
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

TEST_F(StreamFaults, TwoStreamsOfTwoThreadsShareTheMemory) {
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

TEST_F(StreamFaults, AThirdStreamIsToldWhatIsFreeWhenMemoryIsTaken) {
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

TEST_F(StreamFaults, APumpThatDiesEndsTheStreamWithItsReason) {
  const LeftBehindOnPurpose here;
  for (const std::uint32_t reads : {0u, 1u, 20u}) {
    auto session = open_with_door(reads);
    ASSERT_OK(session);
    const std::string path = good("f", 64 * kChunk);
    auto stream = session->stream([&path]() -> std::optional<std::string> { return path; },
                                  OpHandle{kCrc32c}, crc_options(kChunk));
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

TEST_F(StreamFaults, ReadsThatNeverEndHoldUpNobodyForLongAndCloseSaysWhatIsLeftBehind) {
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

TEST_F(StreamFaults, ASourceThatThrowsEndsTheStreamAndNotTheProcess) {
  open();
  auto stream = session_->stream(
      []() -> std::optional<std::string> { throw std::runtime_error("no list today"); },
      OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const auto result = stream->next(soon());
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message.find("no list today"), std::string::npos);
}

TEST_F(StreamFaults, AStreamWhoseWorkersDieEndsWithTheReasonOfTheSession) {
  ONLY_ON_CPU("CPU workers die");
  TestHooks hooks;
  hooks.worker_dies = [](std::uint32_t, std::uint64_t items_run) { return items_run == 40; };
  auto session = open_for_tests(small_memory(), hooks);
  ASSERT_OK(session);
  const std::string path = good("f", 64 * kChunk);
  auto stream = session->stream([&path]() -> std::optional<std::string> { return path; },
                                OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  ASSERT_TRUE(ran.error);
  EXPECT_EQ(ran.error->code, Errc::device_lost) << to_string(*ran.error);
  EXPECT_FALSE(session->close().has_value());
}

TEST_F(StreamFaults, WallTimeThatIsOverEndsAStreamAsCancelledNotAsLate) {
  SessionOptions options = small_memory();
  options.max_wall_time = std::chrono::milliseconds{30};
  open(options);
  const std::string path = good("f", 64 * kChunk);
  auto stream = session_->stream([&path]() -> std::optional<std::string> { return path; },
                                 OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  const Ran ran = run_to_end(*stream);
  ASSERT_TRUE(ran.error);
  EXPECT_EQ(ran.error->code, Errc::cancelled) << to_string(*ran.error);
  EXPECT_NE(ran.error->message.find("max_wall_time"), std::string::npos) << ran.error->message;
}

TEST_F(StreamFaults, AFullQueueOnlySlowsAStreamDown) {
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

TEST_F(StreamFaults, AnObserverSeesEveryChunkAndEveryResultAsABufferThatStays) {
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

TEST_F(StreamFaults, AnObserverComesBeforeTheFirstStream) {
  open();
  auto stream = session_->stream({good("f")}, OpHandle{kCrc32c}, crc_options(kChunk));
  ASSERT_OK(stream);
  EXPECT_EQ(session_->observe(std::make_shared<Watching>()).error().code, Errc::invalid_argument);
}

TEST_F(StreamFaults, AnObserverMayComeOnceAStreamThatSubmittedNothingHasEnded) {
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
