// Callbacks come without a lock of the library: each may make every call of its session, also while
// other threads use the session, and each event comes once and in order. Under the thread sanitizer
// a lock that is held would show as an inversion or a hang.
#include <atomic>
#include <fstream>
#include <thread>

#include "fixture.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::test {
namespace {

using std::chrono::nanoseconds;

class Callbacks : public InAFolder {
 protected:
  /// Every kind of call that a session takes, as a binding might make it from a callback.
  void call_everything() {
    Queue main = session_.main();
    const Op fill = session_.find("mem.fill").value();
    auto output = main.allocate(64, kLong).value();
    Batch batch = session_.batch().value();
    const std::array items{Item{nop_}, Item{fill, {}, output, 7}};
    std::array<Ticket, 2> tickets;
    ASSERT_FALSE(
        detail::Failed(vyre_submit(main.get(), detail::c(items.data()), items.size(), 0,
                                   VYRE_FOREVER, batch.get(), detail::c(tickets.data()), nullptr)));
    // Without waiting: its worker may be the one that called back.
    const auto early = session_.wait(tickets[1], nanoseconds{0});
    EXPECT_TRUE(early || early.error().code == Code::deadline_exceeded) << early.error().text;
    EXPECT_TRUE(session_.wait(tickets[1], kLong).value().done());
    EXPECT_EQ(output.read<std::uint32_t>().value()[0], 7u);
    EXPECT_TRUE(output.write(std::span<const std::uint32_t>(std::array<std::uint32_t, 1>{8})));
    { const auto lease = output.lease<std::uint32_t>(kLong).value(); }
    EXPECT_TRUE(session_.cancel(tickets));
    EXPECT_TRUE(batch.wait(kLong));
    EXPECT_FALSE(session_.report_json(-1).value().text().empty());
    EXPECT_TRUE(session_.report());
    EXPECT_TRUE(session_.caps());
    EXPECT_TRUE(session_.notify_fd());
    EXPECT_TRUE(session_.add("histogram", Program::assemble(kHistogram).value()));
    EXPECT_FALSE(session_.find("there is none"));
    ++calls_;
  }
  /// Threads that use the session all the while.
  class Others {
   public:
    explicit Others(Callbacks& test) {
      for (int i = 0; i < 2; ++i) {
        threads_.emplace_back([&test, this] {
          while (!over_) test.call_everything();
        });
      }
    }
    ~Others() {
      over_ = true;
      for (std::thread& thread : threads_) thread.join();
    }

   private:
    std::atomic<bool> over_{false};
    std::vector<std::thread> threads_;
  };
  [[nodiscard]] static bool becomes(const std::atomic<int>& counter, int value) {
    const auto until = std::chrono::steady_clock::now() + kLong;
    while (counter < value && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    return counter == value;
  }

  Session session_ = Session::open(on_cpu()).value();
  Op nop_ = session_.find("nop").value();
  std::atomic<int> calls_{0};
};

TEST_F(Callbacks, MemoryComesBackOnceAndItsCallMayUseTheSession) {
  constexpr int kBuffers{20};
  const Op fill = session_.find("mem.fill").value();
  alignas(16) std::array<std::array<std::uint32_t, 4>, kBuffers> memory{};
  std::array<std::atomic<int>, kBuffers> times{};
  std::atomic<int> done{0};
  {
    const Others others(*this);
    for (int i = 0; i < kBuffers; ++i) {
      auto buffer = session_.main()
                        .import(std::span<std::uint32_t>(memory[i]),
                                [&, i] {
                                  call_everything();
                                  EXPECT_EQ(memory[i][3], 5u) << "its last item has ended";
                                  ++times[i];
                                  ++done;
                                })
                        .value();
      ASSERT_TRUE(session_.main().submit(Item{fill, {}, buffer, 5}));
    }  // each is dropped while its item may run
    EXPECT_TRUE(becomes(done, kBuffers));
  }
  for (const auto& count : times) EXPECT_EQ(count, 1);
}

TEST_F(Callbacks, ASinkAndASourceOfPathsMayUseTheSession) {
  std::ofstream(path("a")) << std::string(500, 'a');
  StreamOptions options;
  options.chunk_bytes = 64;
  options.outputs = {StreamOutput{4}};
  const std::array<std::string, 3> files{path("a"), path("a"), path("a")};
  std::size_t asked = 0;
  std::vector<std::uint64_t> seen;
  const Others others(*this);
  auto stream = session_.main()
                    .stream(
                        [&]() -> std::optional<std::string> {
                          call_everything();
                          if (asked == files.size()) return std::nullopt;
                          return files[asked++];
                        },
                        session_.find("hash.crc32c").value(), options)
                    .value();
  ASSERT_TRUE(stream.for_each([&](const Chunk& chunk) {
    call_everything();
    seen.push_back(chunk.file() * 100 + chunk.index());
  }));
  EXPECT_EQ(seen.size(), 3u * 8u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(Callbacks, TheLogHookMayUseTheSession) {
  const std::string file = path("reports");
  std::ofstream(file) << session_.report_json(-1).value().text() << "\n{\"cut\": [1,\n";
  int lines = 0;
  ASSERT_TRUE(set_log(
      [&](LogLevel, std::string_view line) {
        call_everything();
        EXPECT_TRUE(contains(std::string(line), "incomplete")) << line;
        ++lines;
      },
      LogLevel::warn));
  const char* const paths[]{file.c_str()};
  vyre_blob* text = nullptr;
  {
    const Others others(*this);
    EXPECT_FALSE(detail::Failed{vyre_report_summary(paths, 1, &text)});
  }
  vyre_blob_free(text);
  ASSERT_TRUE(set_log({}, LogLevel::warn));
  EXPECT_EQ(lines, 1);
}

TEST_F(Callbacks, AReplayMayBeWatchedByTheOwnerOfAnotherSession) {
  {
    auto recorder = session_.record(path("trace")).value();
    ASSERT_TRUE(session_.main().submit(Item{nop_}));
    ASSERT_TRUE(recorder.finish());
  }
  session_ = Session::open(on_cpu()).value();
  nop_ = session_.find("nop").value();
  ReplayOptions how;
  how.progress = [this](std::uint64_t, std::uint64_t) { call_everything(); };
  const auto replayed = replay(path("trace"), how);
  ASSERT_TRUE(replayed) << replayed.error().text;
  EXPECT_EQ(replayed->counts.items, 1u);
  EXPECT_GT(calls_, 0);
}

TEST_F(Callbacks, ACallbackMayCloseTheSession) {
  std::ofstream(path("a")) << std::string(500, 'a');
  StreamOptions options;
  options.chunk_bytes = 64;
  options.outputs = {StreamOutput{4}};
  auto stream = session_.main()
                    .stream(std::vector<std::string>{path("a")},
                            session_.find("hash.crc32c").value(), options)
                    .value();
  std::size_t chunks = 0;
  const auto ended = stream.for_each([&](const Chunk&) {
    if (++chunks != 1) return;
    EXPECT_TRUE(session_.close());
  });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::closed) << ended.error().text;
  EXPECT_EQ(session_.main().submit(Item{nop_}).error().code, Code::closed);
}

}  // namespace
}  // namespace vyre::test
