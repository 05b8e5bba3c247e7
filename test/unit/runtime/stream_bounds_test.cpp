// What a stream does not use up whatever flows through it: descriptors, results kept for those who
// come late, and the results that its queue keeps.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "stream_fixture.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

/// This process may open so many descriptors more; as before at the end.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (next < 0 || getrlimit(RLIMIT_NOFILE, &before_) != 0) return;
    (void)close(next);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(next) + more;
    good_ = setrlimit(RLIMIT_NOFILE, &few) == 0;
  }
  ~FewDescriptors() {
    if (good_) (void)setrlimit(RLIMIT_NOFILE, &before_);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  rlimit before_{};
  bool good_{false};
};

class StreamBounds : public ::testing::Test {
 protected:
  void open() {
    auto opened = Session::open(test_options());
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
    // Its pump has its descriptors before they become few.
    const std::string first = folder_.write("first", Bytes(100));
    auto stream = session_->stream({first}, OpHandle{kCrc32c}, crc_options(4'096));
    ASSERT_OK(stream);
    ASSERT_EQ(run_to_end(*stream).results.size(), 1u);
  }
  Folder folder_;
  std::optional<Session> session_;
};

TEST_F(StreamBounds, GoodFilesDoNotFailForWantOfDescriptorsWhileTheirOwnReadsHoldThem) {
  open();
  std::vector<std::string> files;
  std::vector<Bytes> bytes;
  for (unsigned i = 0; i < 2'000; ++i) {
    bytes.push_back(random_bytes(4'096, test_seed() + i));
    files.push_back(folder_.write(std::to_string(i), bytes.back()));
  }
  for (const rlim_t more : {1u, 2u, 30u, kMaxOpenFiles + 2}) {
    const FewDescriptors few(more);
    ASSERT_TRUE(few.good());
    for (const bool in_order : {true, false}) {
      StreamOptions options = crc_options(std::uint64_t{64} << 10);
      options.in_order = in_order;
      auto stream = session_->stream(files, OpHandle{kCrc32c}, options);
      ASSERT_OK(stream);
      const Ran ran = run_to_end(*stream);
      ASSERT_FALSE(ran.error) << to_string(*ran.error);
      ASSERT_EQ(ran.results.size(), files.size());
      for (const Seen& seen : ran.results) {
        ASSERT_FALSE(seen.error) << to_string(*seen.error);
        ASSERT_EQ(seen.outputs.at(0), words({crc32c(bytes[seen.chunk.file])})) << seen.path;
      }
    }
  }
}

TEST_F(StreamBounds, WhereNothingOfTheStreamHoldsADescriptorTheFileFailsByName) {
  open();
  const std::string file = folder_.write("f", Bytes(10));
  auto stream = session_->stream({file, file}, OpHandle{kCrc32c}, crc_options(4'096));
  ASSERT_OK(stream);
  const FewDescriptors none(0);
  ASSERT_TRUE(none.good());
  const Ran ran = run_to_end(*stream);
  ASSERT_FALSE(ran.error) << to_string(*ran.error);
  ASSERT_EQ(ran.results.size(), 2u);
  for (const Seen& seen : ran.results) {
    ASSERT_TRUE(seen.error.has_value());
    EXPECT_EQ(seen.error->detail, EMFILE);
    EXPECT_NE(seen.error->message.find(file), std::string::npos);
  }
}

// One lane of a device takes far longer over a step than a processor does.
#if defined(VYRE_TEST_CUDA)
#define VYRE_SLOW_STEPS "20000"
#elif defined(__SANITIZE_THREAD__)  // a step takes more than a microsecond there
#define VYRE_SLOW_STEPS "100000"
#else
#define VYRE_SLOW_STEPS "2000000"
#endif
/// The first byte says whether an item takes long.
constexpr std::string_view kSlowOnes =
    "workgroup 1, 1, 1;\n"
    "buffer x: u8[] read_only;\n"
    "buffer y: u32[1] read_write output live_out;\n"
    "region \"slow\" { if u32(x[0]) == 1 { for i in 0.." VYRE_SLOW_STEPS
    " { y[0] = i; } } y[0] = 7; }\n";

TEST_F(StreamBounds, ResultsComeNoFurtherAheadOfTheOldestThanTheCallerAllows) {
  open();
  const auto op = session_->register_program("slow", *vir::assemble(kSlowOnes));
  ASSERT_OK(op);
  std::vector<std::string> files;
  for (unsigned i = 0; i < 300; ++i) {
    // Some are missing: what cannot be opened counts as well.
    files.push_back(i % 7 == 3 ? folder_.path("missing")
                               : folder_.write(std::to_string(i), Bytes(100, i % 100 == 0)));
  }
  for (const std::uint64_t ahead : {1u, 2u, 9u}) {
    StreamOptions options;
    options.chunk_bytes = 64;
    options.in_order = false;
    options.max_ahead = ahead;
    auto stream = session_->stream(files, *op, options);
    ASSERT_OK(stream);
    // Chunks by number: two of a file, or one of what is missing.
    std::vector<std::uint64_t> first{0};
    for (unsigned i = 0; i < files.size(); ++i)
      first.push_back(first.back() + (i % 7 == 3 ? 1 : 2));
    std::vector<bool> out(first.back());
    std::uint64_t oldest = 0;
    for (;;) {
      auto result = stream->next(soon());
      ASSERT_OK(result);
      if (*result == nullptr) break;
      const std::uint64_t number = first[(*result)->chunk.file] + (*result)->chunk.index;
      ASSERT_LT(number - oldest, ahead);
      out[number] = true;
      while (oldest < out.size() && out[oldest]) ++oldest;
    }
    EXPECT_EQ(oldest, out.size());
  }
}

TEST_F(StreamBounds, ACallerWhoGoesOnWithoutALateChunkGetsTheOthersBeforeIt) {
  open();
  const auto op = session_->register_program("slow", *vir::assemble(kSlowOnes));
  ASSERT_OK(op);
  std::vector<std::string> files{folder_.write("slow", Bytes(16, 1))};
  for (unsigned i = 1; i < 20; ++i) files.push_back(folder_.write(std::to_string(i), Bytes(16)));
  StreamOptions options;
  options.chunk_bytes = 64;
  options.in_order = false;
  options.max_ahead = 2;
  auto stream = session_->stream(files, *op, options);
  ASSERT_OK(stream);
  std::uint64_t slow_at = 0;
  for (std::uint64_t at = 0; at < files.size(); ++at) {
    auto result = stream->next(soon());
    ASSERT_OK(result);
    ASSERT_NE(*result, nullptr);
    if ((*result)->chunk.file == 0) slow_at = at;
    stream->skip_to(at + 2, 0);
  }
  EXPECT_GT(slow_at, 2u);
  EXPECT_EQ(*stream->next(soon()), nullptr);
}

TEST_F(StreamBounds, AStreamWhoseResultsItsQueueDroppedEndsAndSaysWhatToDo) {
  TestHooks hooks;
  hooks.history = 1'024;
  SessionOptions how = test_options();
  how.ring_slots = 32;
  how.workers = 1;
  auto session = open_for_tests(how, hooks);
  ASSERT_OK(session);
  const auto op = session->register_program("slow", *vir::assemble(kSlowOnes));
  ASSERT_OK(op);
  const std::vector<std::string> files(8, folder_.write("f", Bytes(16, 1)));
  StreamOptions options;
  options.chunk_bytes = 64;
  auto stream = session->stream(files, *op, options);
  ASSERT_OK(stream);
  // Until the last chunk has landed and is an item, which takes longer than a call here waits.
  const auto until = soon();
  while (stream->progress().chunks_read < files.size()) {
    ASSERT_LT(Clock::now(), until);
    (void)stream->next(after(std::chrono::milliseconds{1}));
  }
  const std::vector<MegakernelWorkItem> others(10'000);
  EXPECT_EQ(session->submit_many(others, soon()).accepted, others.size());
  ASSERT_OK(session->wait_all(soon()));
  const Ran ran = run_to_end(*stream);
  ASSERT_TRUE(ran.error.has_value());
  EXPECT_EQ(ran.error->code, Errc::limit_exceeded);
  EXPECT_NE(ran.error->message.find("a queue of its own"), std::string::npos);
}

}  // namespace
}  // namespace vyre::runtime::test
