#include "platform/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "platform/file.hpp"
#include "support/folder_fixture.hpp"

namespace vyre::platform {
namespace {

namespace fs = std::filesystem;

class Outputs : public vyre::test::InAFolder {
 protected:
  static Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(Outputs, ANameOfTheGreatestLengthIsWrittenAndALongerOneRefusedBeforeAnythingIs) {
  const std::string longest(255, 'n');
  const Status written = write_file_atomically(path(longest), bytes_of("x"));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(text_of(longest), "x");
  const Status refused = write_file_atomically(path(longest + "n"), bytes_of("x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, ENAMETOOLONG);
  EXPECT_EQ(files(), 1u);
}

TEST_F(Outputs, ALinkStaysAndWhatItNamesIsWritten) {
  fs::create_directory(path("real"));
  std::ofstream(path("real/old")) << "old";
  fs::create_symlink("real/old", path("link"));
  fs::create_symlink("link", path("second"));
  fs::create_symlink("real/new", path("dangling"));
  ASSERT_TRUE(write_file_atomically(path("second"), bytes_of("1")));
  ASSERT_TRUE(write_file_atomically(path("dangling"), bytes_of("2")));
  for (const char* const link : {"link", "second", "dangling"})
    EXPECT_TRUE(fs::is_symlink(path(link))) << link;
  EXPECT_EQ(text_of("real/old"), "1");
  EXPECT_EQ(text_of("real/new"), "2");
}

TEST_F(Outputs, ALinkThatLeadsToItselfIsAnError) {
  fs::create_symlink("b", path("a"));
  fs::create_symlink("a", path("b"));
  const Status refused = write_file_atomically(path("a"), bytes_of("x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, ELOOP);
  EXPECT_EQ(files(), 2u);
}

TEST_F(Outputs, AReplacedFileKeepsItsModeAndANewOneGetsWhatTheMaskAllows) {
  std::ofstream(path("old")) << "old";
  ASSERT_EQ(::chmod(path("old").c_str(), 0640), 0);
  ASSERT_TRUE(write_file_atomically(path("old"), bytes_of("x")));
  struct stat info {};
  ASSERT_EQ(::stat(path("old").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  const mode_t mask = ::umask(027);
  ASSERT_TRUE(write_file_atomically(path("new"), bytes_of("x")));
  ::umask(mask);
  ASSERT_EQ(::stat(path("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(Outputs, AReplacedFileKeepsItsOwnerWhereThisUserMayGiveItAway) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  std::ofstream(path("old")) << "old";
  ASSERT_EQ(::chown(path("old").c_str(), 12345, 23456), 0);
  ASSERT_TRUE(write_file_atomically(path("old"), bytes_of("x")));
  struct stat info {};
  ASSERT_EQ(::stat(path("old").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12345u);
  EXPECT_EQ(info.st_gid, 23456u);
}

TEST_F(Outputs, APipeIsWrittenAndNotReplaced) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] {
    const auto bytes = read_file(path("pipe"));
    if (bytes) got.assign(bytes->begin(), bytes->end());
  });
  EXPECT_TRUE(write_file_atomically(path("pipe"), bytes_of("abc")));
  reader.join();
  EXPECT_EQ(got, "abc");
  EXPECT_TRUE(fs::is_fifo(path("pipe")));
}

TEST_F(Outputs, AFullDeviceIsAnError) {
  const Status refused = write_file_atomically("/dev/full", bytes_of("x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, ENOSPC);
}

TEST_F(Outputs, ADirectoryOrAMissingFolderIsRefusedByName) {
  fs::create_directory(path("folder"));
  EXPECT_EQ(write_file_atomically(path("folder"), bytes_of("x")).error().detail, EISDIR);
  EXPECT_EQ(write_file_atomically(path("none/x"), bytes_of("x")).error().detail, ENOENT);
  EXPECT_EQ(files(), 1u);
}

TEST_F(Outputs, AnExistingFileInAFolderThatTakesNoNewOneIsWrittenInPlace) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write every folder";
  fs::create_directory(path("shut"));
  std::ofstream(path("shut/f")) << "a longer text";
  ASSERT_EQ(::chmod(path("shut").c_str(), 0500), 0);
  const Status written = write_file_atomically(path("shut/f"), bytes_of("x"));
  ::chmod(path("shut").c_str(), 0700);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(text_of("shut/f"), "x");
}

TEST_F(Outputs, ManyFilesTogetherAreAllThereAfterOneSync) {
  OutputFiles outputs(Durability::together);
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(outputs.write(path("f" + std::to_string(i)), bytes_of(std::to_string(i))));
  ASSERT_TRUE(outputs.sync());
  EXPECT_EQ(files(), 100u);
  EXPECT_EQ(text_of("f99"), "99");
}

TEST_F(Outputs, TheFolderIsFollowedFromFileToFile) {
  fs::create_directory(path("a"));
  fs::create_directory(path("b"));
  OutputFiles outputs(Durability::none);
  for (const char* const name : {"a/1", "b/1", "a/2"})
    ASSERT_TRUE(outputs.write(path(name), bytes_of(name)));
  for (const char* const name : {"a/1", "b/1", "a/2"}) EXPECT_EQ(text_of(name), name);
}

}  // namespace
}  // namespace vyre::platform
