#include "platform/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "platform/output.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::platform {
namespace {

namespace fs = std::filesystem;

class File : public vyre::test::InAFolder {
 protected:
  static Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
};

TEST_F(File, WrittenBytesAreReadBackWholeAtEverySizeAroundTheReadStep) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{4096}, (std::size_t{1} << 20) - 1,
        std::size_t{1} << 20, (std::size_t{1} << 20) + 1}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
    ASSERT_TRUE(write_file_atomically(path("a"), bytes));
    const auto back = read_file(path("a"));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, bytes) << size;
    const auto last = last_byte(path("a"));
    ASSERT_TRUE(last);
    EXPECT_EQ(*last, size == 0 ? std::nullopt : std::optional(bytes.back())) << size;
  }
}

TEST_F(File, MissingFileNamesPathAndErrno) {
  const auto missing = read_file(path("nothing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::io);
  EXPECT_EQ(missing.error().detail, ENOENT);
  EXPECT_NE(missing.error().message.find("nothing"), std::string::npos);
}

TEST_F(File, DirectoryIsNotRead) {
  EXPECT_EQ(read_file(folder_.string()).error().detail, EISDIR);
  EXPECT_EQ(last_byte(folder_.string()).error().detail, EISDIR);
}

TEST_F(File, PipeWithoutAWriterIsRefusedAndNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(last_byte(path("pipe")).error().code, Errc::invalid_argument);
  EXPECT_EQ(read_regular_file(path("pipe")).error().code, Errc::invalid_argument);
}

TEST_F(File, PipeIsReadToItsEndWherePipesAreWelcome) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int keep = ::open(path("pipe").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(keep, 0);
  ASSERT_EQ(::write(keep, "abc", 3), 3);
  std::thread closer([keep] {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    ::close(keep);
  });
  const auto bytes = read_file(path("pipe"));
  closer.join();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, bytes_of("abc"));
}

TEST_F(File, FileOverTheLimitIsRefused) {
  ASSERT_TRUE(write_file_atomically(path("a"), Bytes(100)));
  EXPECT_TRUE(read_file(path("a"), 100));
  EXPECT_EQ(read_file(path("a"), 99).error().code, Errc::limit_exceeded);
}

TEST_F(File, FailedAtomicWriteLeavesTheOldFileAndNoTemporary) {
  ASSERT_TRUE(write_file_atomically(path("a"), bytes_of("old")));
  // A file size limit makes the write itself fail half-way.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignore = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto failed = write_file_atomically(path("a"), Bytes(1u << 16));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, ignore);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().detail, EFBIG);
  EXPECT_EQ(read_file(path("a")).value(), bytes_of("old"));
  EXPECT_EQ(files(), 1u);
}

TEST_F(File, AppendAddsToTheEnd) {
  ASSERT_TRUE(append_file(path("log"), bytes_of("one\n")));
  ASSERT_TRUE(append_file(path("log"), bytes_of("two\n")));
  EXPECT_EQ(read_file(path("log")).value(), bytes_of("one\ntwo\n"));
}

}  // namespace
}  // namespace vyre::platform
