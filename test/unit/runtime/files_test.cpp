// Mapped and loaded files of a session: the same bytes as an upload, through the pump where a
// program asks for pieces, and every way in which a file can fail.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "stream_fixture.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

/// Copies 4,096 bytes a workgroup out of x, through memory of its own, into y; the sum of all that
/// lane 0 saw first comes behind them.
constexpr std::string_view kPieces =
    "workgroup 32, 1, 1;\n"
    "buffer x: u32[] read_only;\n"
    "buffer y: u32[65536] read_write output live_out;\n"
    "buffer w: u32[1024] workgroup;\n"
    "region \"pieces\" {\n"
    "  if lid.x == 0 {\n"
    "    let at = wid.x * 4096;\n"
    "    if at < len(x) * 4 {\n"
    "      async_load(x, w, at, 4096, \"in\");\n"
    "      async_wait(\"in\");\n"
    "      for i in 0..1024 { if wid.x * 1024 + i < len(x) { y[wid.x * 1024 + i] = w[i]; } }\n"
    "    }\n"
    "  }\n"
    "}\n";
constexpr std::uint32_t kWords{65'536};
/// A grid of one workgroup for every 1,024 words.
constexpr std::uint32_t kInvocations{kWords / 1'024 * 32};

class SessionFiles : public ::testing::Test {
 protected:
  void open(std::uint64_t ingest_bytes = std::uint64_t{6} << 20,
            ingest::TierChoice tier = ingest::TierChoice::automatic) {
    SessionOptions options = test_options();
    options.ingest_bytes = ingest_bytes;
    options.ingest_tier = tier;
    options.queues = 2;
    auto opened = Session::open(options);
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
    const auto program = vir::assemble(kPieces);
    ASSERT_OK(program);
    const auto op = session_->register_program("pieces", *program);
    ASSERT_OK(op);
    op_ = op->id;
    const auto out = session_->allocate(kWords * 4);
    ASSERT_OK(out);
    out_ = out->id;
  }
  std::string run_pieces(Handle x, std::uint32_t queue = 0) {
    const auto ticket = session_->submit({op_, x.id, out_, kInvocations}, soon(), queue);
    if (!ticket) return to_string(ticket.error());
    const auto result = session_->wait(*ticket, soon());
    return result ? outcome(*result) : to_string(result.error());
  }
  Bytes output() { return *session_->download(Handle{out_}, soon()); }
  Folder folder_;
  std::optional<Session> session_;
  std::uint32_t op_{0};
  std::uint32_t out_{0};
};

TEST_F(SessionFiles, AProgramThatAsksForPiecesOfAFileSeesWhatItSeesOfAnUpload) {
  const Bytes bytes = random_bytes(kWords * 4, test_seed());
  const std::string path = folder_.write("f", bytes);
  for (const auto tier :
       {ingest::TierChoice::automatic, ingest::TierChoice::direct_fixed, ingest::TierChoice::direct,
        ingest::TierChoice::buffered, ingest::TierChoice::thread_pool}) {
    open(std::uint64_t{6} << 20, tier);
    const auto uploaded = session_->upload(bytes);
    ASSERT_OK(uploaded);
    ASSERT_EQ(run_pieces(*uploaded), "done none");
    EXPECT_EQ(output(), bytes);
    EXPECT_FALSE(session_->report().ingest.has_value()) << "no file was read";
    const auto fill = session_->submit({kFill, 0, out_, 0xABABABAB}, soon());
    ASSERT_OK(fill);
    const auto file = session_->map_file(path);
    if (!file && refused_here(file.error())) continue;
    ASSERT_OK(file);
    const std::string outcome = run_pieces(*file);
    if (outcome.find("unsupported") != std::string::npos) continue;
    ASSERT_EQ(outcome, "done none");
    EXPECT_EQ(output(), bytes);
    const auto document = session_->report();
    ASSERT_TRUE(document.ingest.has_value());
    EXPECT_GE(document.ingest->item_requests, kWords / 1'024);
    EXPECT_EQ(document.ingest->item_requests_failed, 0u);
    EXPECT_OK(session_->release(*file, soon()));
    EXPECT_OK(session_->close());
  }
}

/// Descriptors of this process that lead to the file.
std::size_t open_descriptors_of(const std::string& path) {
  std::error_code ignored;
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored))
    found += std::filesystem::read_symlink(entry.path(), ignored) == path;
  return found;
}

TEST_F(SessionFiles, AReleasedFileIsClosedAlsoWhereThePumpReadIt) {
  ONLY_ON_CPU("the pump's part is the same");
  open();
  const std::string path = folder_.write("f", random_bytes(kWords * 4, test_seed()));
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  ASSERT_EQ(run_pieces(*file), "done none");
  ASSERT_NE(open_descriptors_of(path), 0u);
  ASSERT_OK(session_->release(*file, soon()));
  // The thread that read last lets it go in its own time.
  const Deadline until = soon();
  while (open_descriptors_of(path) != 0 && Clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(open_descriptors_of(path), 0u);
}

TEST_F(SessionFiles, OnlyItemsOfTheQueueThatMayNameTheFile) {
  open();
  const auto file = session_->map_file(folder_.write("f", random_bytes(kWords * 4, test_seed())),
                                       {.only_queue = 1});
  ASSERT_OK(file);
  EXPECT_EQ(run_pieces(*file, 1), "done none");
  for (const std::uint32_t op : {op_, kCrc32c}) {  // by requests, and all of it
    for (const bool in_set : {false, true}) {
      const Handle input = in_set ? *session_->bind({&*file, 1}) : *file;
      const auto other = session_->submit({op, input.id, out_, kInvocations}, soon(), 0);
      ASSERT_FALSE(other.has_value());
      EXPECT_EQ(other.error().code, Errc::invalid_argument);
      EXPECT_NE(other.error().message.find("only_queue"), std::string::npos);
    }
  }
  const auto refused = session_->map_file(folder_.path("f"), {.only_queue = 2});
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
}

TEST_F(SessionFiles, AFileThatBecameShorterFaultsTheItemThatAsksForWhatIsGone) {
  open();
  const std::string path = folder_.write("f", random_bytes(kWords * 4, test_seed()));
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  ASSERT_EQ(truncate(path.c_str(), 10'000), 0);
  EXPECT_EQ(run_pieces(*file), "faulted io_error");
  EXPECT_EQ(run(*session_, {kNop, 0, 0, 0}), "done none");
  EXPECT_GT(session_->report().ingest->item_requests_end_of_file, 0u);
}

TEST_F(SessionFiles, WithoutIngestMemoryAProgramThatAsksForPiecesIsRefusedByName) {
  open(0);
  const std::string path = folder_.write("f", random_bytes(kWords * 4, test_seed()));
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const std::string refused = run_pieces(*file);
  EXPECT_NE(refused.find("unsupported"), std::string::npos) << refused;
  EXPECT_NE(refused.find(path), std::string::npos) << refused;
  EXPECT_NE(refused.find("ingest_bytes is 0"), std::string::npos) << refused;
  const auto uploaded = session_->upload(random_bytes(kWords * 4, test_seed()));
  EXPECT_EQ(run_pieces(*uploaded), "done none") << "other buffers need no pump";
  const auto loaded = session_->load_file(path, soon());
  ASSERT_OK(loaded);
  EXPECT_EQ(*session_->download(*loaded, soon()), random_bytes(kWords * 4, test_seed()));
}

TEST_F(SessionFiles, ManyThreadsStartOnePumpAndReadTheSameFile) {
  open();
  const Bytes bytes = random_bytes(kWords * 4, test_seed());
  const auto file = session_->map_file(folder_.write("f", bytes));
  ASSERT_OK(file);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const auto out = session_->allocate(kWords * 4);
      const auto ticket = session_->submit({op_, file->id, out->id, kInvocations}, soon());
      if (!ticket || outcome(*session_->wait(*ticket, soon())) != "done none") return;
      if (*session_->download(*out, soon()) == bytes) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good.load(), 4);
}

TEST_F(SessionFiles, LoadedFilesAreBuffersLikeAnyOther) {
  for (const auto tier : {ingest::TierChoice::automatic, ingest::TierChoice::direct_fixed,
                          ingest::TierChoice::buffered, ingest::TierChoice::thread_pool}) {
    open(std::uint64_t{6} << 20, tier);
    for (const std::size_t size : {0u, 1u, 4'095u, 4'096u, 4'097u, 70'000u, 5'000'001u}) {
      const Bytes bytes = random_bytes(size, test_seed());
      const auto loaded = session_->load_file(folder_.write("f", bytes), soon());
      if (!loaded && refused_here(loaded.error())) break;
      ASSERT_OK(loaded);
      EXPECT_EQ(*session_->download(*loaded, soon()), bytes) << size;
      if (size != 0) {
        ASSERT_OK(session_->write(*loaded, 0, Bytes{9}, soon()));
        EXPECT_EQ((*session_->download(*loaded, soon()))[0], 9);
      }
      EXPECT_OK(session_->release(*loaded, soon()));
    }
    EXPECT_OK(session_->close());
  }
}

TEST_F(SessionFiles, ALoadThatIsToldToStopOrIsLateEndsAndLeavesNothingBehind) {
  const std::string path = folder_.write("f", {});
  ASSERT_EQ(::truncate(path.c_str(), 2 * kCopyPieceBytes + 1), 0);
  for (const std::uint64_t ingest_bytes : {std::uint64_t{0}, std::uint64_t{6} << 20}) {
    SessionOptions options = test_options();
    options.ingest_bytes = ingest_bytes;
    options.memory_budget_bytes = 2 * kCopyPieceBytes + 1;
    auto session = Session::open(options);
    ASSERT_OK(session);
    static int looks;
    looks = 0;
    const auto stopped = session->load_file(path, soon(), [] { return ++looks == 2; });
    ASSERT_FALSE(stopped.has_value());
    EXPECT_EQ(stopped.error().code, Errc::cancelled) << stopped.error().message;
    EXPECT_EQ(looks, 2) << "it goes on after it was told to stop";
    const auto late = session->load_file(path, Clock::now());
    ASSERT_FALSE(late.has_value());
    EXPECT_EQ(late.error().code, Errc::deadline_exceeded);
    EXPECT_OK(session->load_file(path, soon())) << "the budget is free";
  }
}

TEST_F(SessionFiles, WhatCannotBeLoadedSaysWhyAndLeavesNothingBehind) {
  SessionOptions options = test_options();
  options.memory_budget_bytes = 8'192;
  options.ingest_bytes = std::uint64_t{6} << 20;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto missing = session->load_file(folder_.path("missing"), soon());
  EXPECT_EQ(missing.error().detail, ENOENT);
  EXPECT_NE(missing.error().message.find(folder_.path("missing")), std::string::npos);
  const std::string fifo = folder_.path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(session->load_file(fifo, soon()).has_value());
  EXPECT_EQ(session->load_file("/tmp", soon()).error().detail, EISDIR);
  const std::string large = folder_.write("large", Bytes(8'193, 1));
  EXPECT_EQ(session->load_file(large, soon()).error().code, Errc::out_of_memory);
  const std::string small = folder_.write("small", Bytes(8'192, 1));
  EXPECT_EQ(session->load_file(small, Clock::now()).error().code, Errc::deadline_exceeded);
  EXPECT_OK(session->load_file(small, soon())) << "the budget is whole again";
}

TEST(Report, WorkIsCountedByTheWayItCame) {
  auto session = Session::open(test_options(1));
  ASSERT_OK(session);
  const Folder folder;
  const std::string path = folder.write("f", Bytes(1'000, 3));
  const auto a = session->upload(Bytes(100, 1));
  ASSERT_OK(session->write(*a, 0, Bytes(20, 2), soon()));
  ASSERT_OK(session->map_file(path));
  ASSERT_OK(session->load_file(path, soon()));
  ASSERT_OK(session->download(*a, soon()));
  ASSERT_OK(session->lease(*a, LeaseAccess::read, soon()));
  ASSERT_OK(session->unlease(*a));
  const auto d = session->report();
  ASSERT_TRUE(d.work && d.process);
  EXPECT_EQ(d.work->files, 2u);
  EXPECT_EQ(d.work->read_bytes, 1'000u);
  EXPECT_EQ(d.work->mapped_bytes, 1'000u);
  EXPECT_EQ(d.work->uploaded_bytes, 120u);
  EXPECT_EQ(d.work->output_bytes, 200u);
  EXPECT_EQ(d.work->input_bytes(), 2'120u);
  EXPECT_FALSE(d.work->hits.has_value());
  EXPECT_EQ(d.run.executor, kBackendName);
  EXPECT_GT(d.process->peak_resident_bytes, 1'000'000u);
}

}  // namespace
}  // namespace vyre::runtime::test
