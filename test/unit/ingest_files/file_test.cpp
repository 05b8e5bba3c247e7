// Which files are read, how, and in which words the others are refused.
#include "ingest/file.hpp"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "ingest/file_cache.hpp"
#include "protocol/io_request.hpp"
#include "protocol/limits.hpp"
#include "unit/ingest_doors/fixture.hpp"

namespace vyre::ingest {
namespace {

class Files : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(folder_.there()); }
  std::string patterned(std::uint64_t bytes) {
    const std::string path = folder_ / ("f" + std::to_string(count_++));
    test::write_pattern(path, bytes);
    return path;
  }
  static void drop_from_cache(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    ::close(fd);
  }
  /// Whether the file system of the folder takes O_DIRECT at all.
  bool direct_here() {
    const auto file = File::open(patterned(4'096), TierChoice::direct_fixed);
    return file.has_value();
  }
  test::Folder folder_;
  int count_{0};
};

TEST_F(Files, KnowTheirPathAndSize) {
  for (const std::uint64_t bytes : {0, 1, 511, 4'096, 100'000}) {
    const std::string path = patterned(bytes);
    const auto file = File::open(path, TierChoice::automatic);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ((*file)->bytes(), bytes);
    EXPECT_EQ((*file)->path(), path);
    EXPECT_GE((*file)->descriptor(), 0);
    EXPECT_EQ((*file)->bytes_now().value(), bytes);
  }
}

TEST_F(Files, SmallOnesAreBufferedByChoice) {
  const auto file = File::open(patterned(kSmallFileBytes), TierChoice::automatic);
  ASSERT_TRUE(file);
  EXPECT_FALSE((*file)->direct());
  EXPECT_EQ((*file)->why_buffered(), "small");
  EXPECT_EQ((*file)->offset_alignment(), 1U);
  EXPECT_EQ((*file)->memory_alignment(), 1U);
}

TEST_F(Files, LargeOnesInThePageCacheAreReadThroughIt) {
  const std::string path = patterned(1 << 20);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Bytes all(1 << 20);
  ASSERT_EQ(::read(fd, all.data(), all.size()), 1 << 20);
  ::close(fd);
  const auto file = File::open(path, TierChoice::automatic);
  ASSERT_TRUE(file);
  EXPECT_FALSE((*file)->direct());
  EXPECT_EQ((*file)->why_buffered(), "in the page cache");
  EXPECT_EQ(::fcntl((*file)->descriptor(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(Files, WhereMemoryMustBeAlignedMoreThanOffsetsBothAre) {
  std::string reason;
  struct Case {
    std::uint32_t offset, memory, used;
  };
  for (const Case& each : {Case{512, 4, 512}, Case{512, 512, 512}, Case{512, 4'096, 4'096},
                           Case{1, 64, 64}, Case{4'096, 4'096, 4'096}}) {
    const auto alignment = usable_alignment(each.offset, each.memory, reason);
    ASSERT_TRUE(alignment) << reason;
    EXPECT_EQ(alignment->offset, each.used);
    EXPECT_EQ(alignment->memory, each.memory);
  }
  EXPECT_EQ(reason, "");
  for (const auto& [offset, memory] :
       {std::pair{0U, 512U}, std::pair{512U, 0U}, std::pair{8'192U, 512U}, std::pair{512U, 8'192U},
        std::pair{520U, 512U}, std::pair{512U, 3U}}) {
    reason.clear();
    EXPECT_FALSE(usable_alignment(offset, memory, reason)) << offset << " " << memory;
    EXPECT_NE(reason.find("refused"), std::string::npos);
  }
}

TEST_F(Files, LargeOnesThatTheCacheDoesNotHoldAreReadDirectly) {
  if (!direct_here()) GTEST_SKIP() << "no O_DIRECT in " << folder_.path();
  const std::string path = patterned(1 << 20);
  drop_from_cache(path);
  const auto file = File::open(path, TierChoice::automatic);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->direct()) << (*file)->why_buffered();
  EXPECT_EQ((*file)->why_buffered(), "");
  EXPECT_NE(::fcntl((*file)->descriptor(), F_GETFL) & O_DIRECT, 0);
  EXPECT_EQ(::fcntl((*file)->descriptor(), F_GETFL) & O_NONBLOCK, 0);
  for (const std::uint32_t alignment : {(*file)->offset_alignment(), (*file)->memory_alignment()}) {
    EXPECT_GE(alignment, 1U);
    EXPECT_LE(alignment, kIoBlock);
    EXPECT_EQ(alignment & (alignment - 1), 0U);
  }
}

TEST_F(Files, BothWaysOfAskingThePageCacheAgree) {
  const std::string path = patterned(4 << 20);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const auto told = half_cached_by_cachestat(fd, 4 << 20);
  Bytes all(4 << 20);
  ASSERT_EQ(::pread(fd, all.data(), all.size(), 0), 4 << 20);
  EXPECT_EQ(half_cached_by_mincore(fd, 4 << 20), std::optional<bool>(true));
  if (told) {
    EXPECT_EQ(half_cached_by_cachestat(fd, 4 << 20), std::optional<bool>(true));
  }
  ASSERT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
  if (told && half_cached_by_cachestat(fd, 4 << 20) == std::optional<bool>(false)) {
    EXPECT_EQ(half_cached_by_mincore(fd, 4 << 20), std::optional<bool>(false));
  }
  ::close(fd);
}

TEST_F(Files, TheSampleOfSmallFilesIsTheWholeFile) {
  for (const std::uint64_t bytes : {1U, 4'096U, 4'097U, 64U * 4'096U, 65U * 4'096U}) {
    const std::string path = patterned(bytes);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    Bytes all(bytes);
    ASSERT_EQ(::pread(fd, all.data(), all.size(), 0), static_cast<ssize_t>(bytes));
    EXPECT_EQ(half_cached_by_mincore(fd, bytes), std::optional<bool>(true)) << bytes;
    ::close(fd);
  }
}

TEST_F(Files, ForcedDirectIsDirectHoweverSmall) {
  if (!direct_here()) GTEST_SKIP() << "no O_DIRECT in " << folder_.path();
  for (const TierChoice choice : {TierChoice::direct_fixed, TierChoice::direct}) {
    const auto file = File::open(patterned(10), choice);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_TRUE((*file)->direct());
  }
}

TEST_F(Files, ForcedBufferedIsBufferedHoweverLarge) {
  const std::string path = patterned(1 << 20);
  drop_from_cache(path);
  const auto file = File::open(path, TierChoice::buffered);
  ASSERT_TRUE(file);
  EXPECT_FALSE((*file)->direct());
  EXPECT_EQ((*file)->why_buffered(), "asked for");
  EXPECT_EQ(::fcntl((*file)->descriptor(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(Files, CuFileIsRefused) {
  const auto file = File::open(patterned(10), TierChoice::gpudirect);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::unsupported);
}

TEST_F(Files, InMemoryFileSystemsAreBufferedWithTheReasonAndRefusedWhereForced) {
  const test::Folder shm("/dev/shm");
  if (!shm.there()) GTEST_SKIP() << "no /dev/shm";
  const std::string path = shm / "f";
  test::write_pattern(path, 1 << 20);
  const auto file = File::open(path, TierChoice::automatic);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_FALSE((*file)->direct());
  EXPECT_NE((*file)->why_buffered(), "");
  const auto forced = File::open(path, TierChoice::direct_fixed);
  ASSERT_FALSE(forced);
  EXPECT_EQ(forced.error().code, Errc::unsupported);
  EXPECT_NE(forced.error().message.find(path), std::string::npos);
  EXPECT_NE(forced.error().message.find("refused"), std::string::npos) << forced.error().message;
}

TEST_F(Files, MissingOnesNamePathAndErrno) {
  const auto file = File::open(folder_ / "nothing", TierChoice::automatic);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::io);
  EXPECT_EQ(file.error().detail, ENOENT);
  EXPECT_NE(file.error().message.find(folder_ / "nothing"), std::string::npos);
}

TEST_F(Files, DirectoriesAreRefused) {
  const auto file = File::open(folder_.path(), TierChoice::automatic);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::io);
  EXPECT_EQ(file.error().detail, EISDIR);
}

TEST_F(Files, AFifoWithoutAWriterIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  const auto start = std::chrono::steady_clock::now();
  const auto file = File::open(folder_ / "fifo", TierChoice::automatic);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{5});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::invalid_argument);
  EXPECT_NE(file.error().message.find("FIFO"), std::string::npos);
}

TEST_F(Files, SocketsAreRefused) {
  const std::string path = folder_ / "socket";
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto file = File::open(path, TierChoice::automatic);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::invalid_argument);
  EXPECT_NE(file.error().message.find("socket"), std::string::npos);
  ::close(fd);
}

TEST_F(Files, DevicesAreRefused) {
  const auto file = File::open("/dev/zero", TierChoice::automatic);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::invalid_argument);
  EXPECT_NE(file.error().message.find("device"), std::string::npos);
}

TEST_F(Files, SizeNowFollowsTheFileAndSizeDoesNot) {
  const std::string path = patterned(10'000);
  const auto file = File::open(path, TierChoice::automatic);
  ASSERT_TRUE(file);
  ASSERT_EQ(::truncate(path.c_str(), 100), 0);
  EXPECT_EQ((*file)->bytes_now().value(), 100U);
  EXPECT_EQ((*file)->bytes(), 10'000U);
}

std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

TEST_F(Files, RefusedAndClosedOnesLeaveNoDescriptor) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  const std::string path = patterned(1 << 20);
  const std::size_t before = descriptors();
  for (int i = 0; i < 10; ++i) {
    (void)File::open(folder_ / "fifo", TierChoice::automatic);
    (void)File::open(folder_.path(), TierChoice::direct_fixed);
    (void)File::open("/dev/shm", TierChoice::direct_fixed);
    (void)File::open(path, TierChoice::automatic);
  }
  EXPECT_EQ(descriptors(), before);
}

TEST_F(Files, SparseOnesPastFourGiBHaveTheirSize) {
  const std::string path = folder_ / "sparse";
  constexpr std::uint64_t kSize{(std::uint64_t{5} << 30) + 123};
  test::write_pattern(path, 10);
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(kSize)), 0);
  const auto file = File::open(path, TierChoice::automatic);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ((*file)->bytes(), kSize);
}

}  // namespace
}  // namespace vyre::ingest
