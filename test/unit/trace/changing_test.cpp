// Traces and recorded files that another process changes while they are read: the reader gets what
// it checked or an error, and the process lives on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "protocol/limits.hpp"
#include "support.hpp"
#include "trace/source.hpp"

namespace vyre::trace {
namespace {

namespace fs = std::filesystem;
using test::Folder;
using test::RawEvents;

constexpr std::chrono::seconds kWait{60};
constexpr std::chrono::milliseconds kLong{300};

/// events.bin is another file when it is opened the second time.
class TwoFaced final : public MemorySource {
 public:
  TwoFaced(const RawEvents& first, const RawEvents& second) : second_(second.bytes()) {
    events_bytes = first.bytes();
    manifest.session.queues = 2;
  }
  Result<std::unique_ptr<ByteSource>> events() override {
    auto bytes = MemorySource::events();
    events_bytes.swap(second_);  // what was given stays where it is
    return bytes;
  }

 private:
  Bytes second_;
};

void expect_refused(const RawEvents& first, const RawEvents& second, Errc code) {
  for (const Executor executor : {Executor::reference, Executor::cpu}) {
    TwoFaced source(first, second);
    ReplayOptions options;
    options.executor = executor;
    options.compare = Compare::expected;
    options.memory_budget_bytes = 1 << 28;  // all queues fit
    const auto result = replay(source, options);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().message;
  }
}

TEST(ChangingTrace, RecordsThatAreOthersInTheSecondPassAreRefusedAndNeverTrusted) {
  RawEvents plain;
  plain.zeros(1, 64).submit(0, 1).submit(0, 1).done(0, 2).end(2, 2);
  // Another item of the same shape.
  expect_refused(plain, RawEvents().zeros(1, 64).submit(0, 1).submit(0, 0).done(0, 2).end(2, 2),
                 Errc::mismatch);
  // A queue that the first pass has not seen.
  expect_refused(plain,
                 RawEvents().zeros(1, 64).submit(0, 1).submit(0, 1, 0, kMaxQueues - 1).submit(),
                 Errc::mismatch);
  // More memory than the first pass was allowed.
  expect_refused(plain, RawEvents().zeros(1, std::uint64_t{1} << 40).submit(0, 1),
                 Errc::limit_exceeded);
  // A handle that does not exist there.
  expect_refused(plain, RawEvents().submit(0, 1), Errc::malformed);
  // Fewer records.
  expect_refused(plain, RawEvents().zeros(1, 64).submit(0, 1), Errc::mismatch);
}

TEST(ChangingTrace, ARecordingThatGoesOnReplaysUpToWhereItWasScanned) {
  RawEvents shorter;
  shorter.zeros(1, 64).submit(0, 1).done(0, 1);
  RawEvents longer = shorter;
  longer.submit(0, 1, 0, 3).submit(0, 1, 0, 3);
  TwoFaced source(shorter, longer);
  ReplayOptions options;
  options.executor = Executor::cpu;
  const auto result = replay(source, options);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->items, 1u);
}

TEST(ChangingTrace, BlobsThatAreCutWhileTheyAreReadAreErrorsAndNoSignals) {
  const Folder folder;
  runtime::SessionOptions options;
  options.backend = runtime::BackendKind::cpu;
  options.workers = 1;
  const std::string trace = folder / "trace";
  {
    auto session = runtime::Session::open(options);
    ASSERT_TRUE(session);
    auto recorder = Recorder::create(trace);
    ASSERT_TRUE(recorder);
    ASSERT_TRUE(session->observe(*recorder));
    test::spill(folder / "file", std::string(std::size_t{1} << 22, 'x'));
    const auto in = session->map_file(folder / "file");
    const auto out = session->allocate(std::uint64_t{1} << 22);
    const auto copy = session->find_op("mem.copy");
    ASSERT_TRUE(in && out && copy);
    ASSERT_TRUE(session->submit({copy->id, in->id, out->id, 0}, after(kWait)));
    ASSERT_TRUE(session->wait_all(after(kWait)));
    ASSERT_TRUE((*recorder)->finish(*session, after(kWait)));
  }
  std::string blob;
  for (const auto& entry : fs::directory_iterator(trace + "/blobs")) {
    if (entry.file_size() == std::size_t{1} << 22) blob = entry.path().string();
  }
  ASSERT_FALSE(blob.empty());
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over.load(std::memory_order_relaxed)) {
      if (::truncate(blob.c_str(), 4'096) != 0 || ::truncate(blob.c_str(), 1 << 22) != 0) return;
      std::this_thread::sleep_for(std::chrono::microseconds{300});
    }
  });
  const auto until = std::chrono::steady_clock::now() + kLong;
  do {
    if (const auto info = inspect(trace); !info) {
      EXPECT_NE(info.error().message.find(blob), std::string::npos) << info.error().message;
    }
    for (const Executor executor : {Executor::cpu, Executor::reference}) {
      ReplayOptions how;
      how.executor = executor;
      how.workers = 1;
      how.compare = Compare::expected;
      (void)replay(trace, how);
    }
  } while (std::chrono::steady_clock::now() < until);
  over.store(true, std::memory_order_relaxed);
  other.join();
}

class RecordingFiles : public ::testing::Test {
 protected:
  static constexpr std::size_t kBytes{std::size_t{1} << 22};
  void SetUp() override {
    test::spill(path_, std::string(kBytes, 'a'));
    runtime::SessionOptions options;
    options.backend = runtime::BackendKind::cpu;
    options.workers = 1;
    session_.emplace(runtime::Session::open(options).value());
  }
  /// Records the session's handles and seals the trace, which must then be whole.
  void record(const std::string& name) {
    auto recorder = Recorder::create(folder_ / name);
    ASSERT_TRUE(recorder);
    ASSERT_TRUE(session_->observe(*recorder));
    ASSERT_TRUE((*recorder)->status()) << to_string((*recorder)->status().error());
    ASSERT_TRUE((*recorder)->finish(*session_, after(kWait)));
    const auto info = inspect(folder_ / name);
    ASSERT_TRUE(info) << to_string(info.error());
    EXPECT_EQ(info->buffers, 1u);
    for (const auto& entry : fs::directory_iterator(folder_ / (name + "/blobs")))
      EXPECT_EQ(entry.path().filename().string().size(), 64u) << "a temporary file stayed";
    ASSERT_TRUE(session_->observe(nullptr));
  }

  Folder folder_;
  std::string path_{folder_ / "file"};
  std::optional<runtime::Session> session_;
};

TEST_F(RecordingFiles, AFileThatChangesWhileItIsRecordedIsStoredAsItWasHashed) {
  ASSERT_TRUE(session_->map_file(path_));
  std::atomic<bool> over{false};
  std::thread other([&] {
    const int file = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    const std::string one(kBytes, 'b');
    const std::string two(kBytes, 'c');
    for (bool which = true; !over.load(std::memory_order_relaxed); which = !which)
      (void)!::pwrite(file, (which ? one : two).data(), kBytes, 0);
    ::close(file);
  });
  for (int i = 0; i < 6 && !HasFatalFailure(); ++i) record("trace" + std::to_string(i));
  over.store(true, std::memory_order_relaxed);
  other.join();
}

TEST_F(RecordingFiles, AFileThatWasCutIsRecordedWithZerosWhereItsPagesWere) {
  ASSERT_TRUE(session_->map_file(path_));
  ASSERT_EQ(::truncate(path_.c_str(), 4'096), 0);
  record("trace");
}

}  // namespace
}  // namespace vyre::trace
