// Files that become shorter while they are mapped: pages that are gone read as zeros and are
// marked, writes to them are an error, and signals about other memory are not ours.
#include "platform/mapped_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "platform/record_file.hpp"
#include "platform/stop.hpp"
#include "protocol/limits.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::platform {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kPage{4'096};

class Mapped : public vyre::test::InAFolder {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(InAFolder::SetUp());
    path_ = path("file");
  }
  void TearDown() override {
    if (descriptor_ >= 0) ::close(descriptor_);
    InAFolder::TearDown();
  }
  /// A file of ones, mapped.
  std::unique_ptr<MappedFile> map(std::uint64_t bytes) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const Bytes ones(bytes, 1);
    EXPECT_EQ(::pwrite(descriptor_, ones.data(), bytes, 0), static_cast<ssize_t>(bytes));
    auto file = MappedFile::open(descriptor_, bytes, path_);
    EXPECT_TRUE(file) << to_string(file.error());
    return file ? std::move(*file) : nullptr;
  }
  void resize(std::uint64_t bytes) {
    ASSERT_EQ(::ftruncate(descriptor_, static_cast<off_t>(bytes)), 0);
  }

  std::string path_;
  int descriptor_{-1};
};

TEST_F(Mapped, AFileThatStaysAsItIsReadsAsItIs) {
  const auto file = map(3 * kPage + 5);
  ASSERT_TRUE(file);
  EXPECT_EQ(Bytes(file->bytes().begin(), file->bytes().end()), Bytes(3 * kPage + 5, 1));
  EXPECT_TRUE(file->check());
  EXPECT_TRUE(file->intact());
}

TEST_F(Mapped, APageThatWasGoneWhenItWasReadIsMarkedForGoodEvenIfTheFileGrowsAgain) {
  const auto file = map(4 * kPage);
  ASSERT_TRUE(file);
  resize(kPage);
  EXPECT_EQ(file->bytes()[2 * kPage + 7], 0) << "a page that is gone reads as zeros";
  EXPECT_EQ(file->bytes()[7], 1) << "and the pages before it as they are";
  resize(4 * kPage);
  EXPECT_FALSE(file->intact()) << "what was read is not what the file had";
  const Status why = file->check();
  ASSERT_FALSE(why);
  EXPECT_EQ(why.error().code, Errc::io);
  EXPECT_EQ(why.error().offset, 2 * kPage);
  EXPECT_NE(why.error().message.find(path_), std::string::npos) << why.error().message;
  EXPECT_NE(why.error().message.find("byte 8192"), std::string::npos) << why.error().message;
}

TEST_F(Mapped, ACutThatNoReadMetIsSeenByTheLength) {
  const auto file = map(100);
  ASSERT_TRUE(file);
  resize(50);
  EXPECT_EQ(file->bytes()[60], 0);
  const Status why = file->check();
  ASSERT_FALSE(why);
  EXPECT_EQ(why.error().offset, 50u);
  EXPECT_FALSE(file->intact());
}

TEST_F(Mapped, AllThePagesOfALongFileMayGo) {
  // One by one they would need more mappings than a process may have.
  constexpr std::uint64_t kBytes{200'000 * kPage};
  const auto file = map(1);
  ASSERT_TRUE(file);
  resize(kBytes);
  auto sparse = MappedFile::open(descriptor_, kBytes, path_);
  ASSERT_TRUE(sparse) << to_string(sparse.error());
  resize(0);
  std::uint64_t sum = 0;
  for (std::uint64_t at = 0; at < kBytes; at += 2 * kPage) sum += (*sparse)->bytes()[at];
  EXPECT_EQ(sum, 0u);
  EXPECT_FALSE((*sparse)->intact());
}

TEST_F(Mapped, AGuardIsFreeAgainWhenItsFileIs) {
  const auto file = map(10);
  for (std::uint32_t i = 0; i < 2 * kMaxMappedFiles; ++i)
    ASSERT_TRUE(MappedFile::open(descriptor_, 10, path_)) << i;
}

using MappedDeathTest = Mapped;
TEST_F(MappedDeathTest, ASignalAboutOtherMemoryGoesToTheHandlerThatWasThereBefore) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";  // a fresh process: no handler of ours yet
  EXPECT_EXIT(
      {
        struct sigaction action {};
        action.sa_handler = [](int) { _exit(42); };
        sigaction(SIGBUS, &action, nullptr);
        const auto file = map(2 * kPage);
        const auto* other = static_cast<const volatile std::uint8_t*>(
            ::mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE, descriptor_, 0));
        resize(0);
        if (file->bytes()[kPage] != 0) _exit(1);  // ours
        _exit(other[kPage] == 0 ? 2 : 3);         // not ours
      },
      testing::ExitedWithCode(42), "");
}

TEST_F(Mapped, AnAppendToAFileThatWasCutIsAnErrorWithItsPlace) {
  auto file = AppendFile::create(path_);
  ASSERT_TRUE(file) << to_string(file.error());
  const Bytes record(32, 7);
  ASSERT_TRUE(file->append(record));
  ASSERT_EQ(::truncate(path_.c_str(), 0), 0);
  const Status cut = file->append(record);
  ASSERT_FALSE(cut) << "the bytes are nowhere";
  EXPECT_EQ(cut.error().code, Errc::io);
  EXPECT_EQ(cut.error().offset, 0u);
  EXPECT_NE(cut.error().message.find(path_), std::string::npos);
  EXPECT_FALSE(file->close());
}

TEST_F(Mapped, ClosingAFileThatWasCutDoesNotFillItWithZeros) {
  auto file = AppendFile::create(path_);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append(Bytes(2 * kPage, 7)));
  ASSERT_EQ(::truncate(path_.c_str(), kPage), 0);
  const Status closed = file->close();
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.error().message.find("4096 bytes where 8192 were appended"), std::string::npos)
      << closed.error().message;
}

TEST_F(Mapped, AStagedFileIsThereWhenItIsPublishedAndNeverHalf) {
  const auto files = [&] {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  };
  {
    auto dropped = StagedFile::create(folder_);
    ASSERT_TRUE(dropped);
    ASSERT_TRUE(dropped->append(Bytes(10, 1)));
  }
  EXPECT_EQ(files(), 0);
  auto kept = StagedFile::create(folder_);
  ASSERT_TRUE(kept);
  ASSERT_TRUE(kept->append(Bytes(10, 1)));
  EXPECT_FALSE(fs::exists(path_));
  ASSERT_TRUE(kept->append(Bytes(5, 2)));
  ASSERT_TRUE(kept->publish(fs::path(path_).filename()));
  EXPECT_EQ(fs::file_size(path_), 15u);
  EXPECT_EQ(files(), 1);
}

TEST_F(Mapped, AStagedFileHasTheModeOfTheUmaskThatItWasMadeUnder) {
  const mode_t before = ::umask(0027);
  auto file = StagedFile::create(folder_);
  ::umask(before);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->publish(fs::path(path_).filename()));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(Mapped, AStagedFileIsRemovedByASecondStopSignal) {
  const pid_t child = ::fork();
  if (child == 0) {
    catch_stop_signals();
    auto file = StagedFile::create(folder_);
    if (!file || !file->append(Bytes(10, 1)) || fs::is_empty(folder_)) ::_exit(1);
    (void)::raise(SIGTERM);
    // What comes sooner is the same request.
    std::this_thread::sleep_for(std::chrono::milliseconds{150});
    (void)::raise(SIGTERM);
    ::_exit(2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace vyre::platform
