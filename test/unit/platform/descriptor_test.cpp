#include "platform/descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

namespace vyre::platform {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe non_blocking_pipe() {
  int ends[2]{-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

TEST(Descriptors, ANonBlockingPipeThatIsFullIsWaitedForAndLosesNothing) {
  Pipe pipe = non_blocking_pipe();
  Bytes bytes(std::size_t{1} << 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i / 7);
  Bytes got;
  std::thread reader([&] {
    Bytes block(1 << 14);
    while (true) {
      const auto n = read_some(pipe.read, block, "the pipe");
      if (!n || *n == 0) return;
      got.insert(got.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
    }
  });
  EXPECT_TRUE(write_all(pipe.write, bytes, "to the pipe"));
  pipe.write = Descriptor();
  reader.join();
  EXPECT_EQ(got, bytes);
}

TEST(Descriptors, AReaderThatWentAwayIsAnErrorOfTheWrite) {
  Pipe pipe = non_blocking_pipe();
  pipe.read = Descriptor();
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  const Status written = write_all(pipe.write, Bytes(10), "to the pipe");
  ::signal(SIGPIPE, before);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().detail, EPIPE);
}

TEST(Descriptors, ASocketIsReadToItsEnd) {
  int ends[2]{-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  ASSERT_EQ(::send(theirs.get(), "abc", 3, 0), 3);
  ASSERT_EQ(::shutdown(theirs.get(), SHUT_WR), 0);
  Bytes block(16);
  EXPECT_EQ(read_some(ours, block, "the socket").value(), 3u);
  EXPECT_EQ(read_some(ours, block, "the socket").value(), 0u);
}

TEST(Descriptors, NamesOfDescriptorsAreKnownAndOthersAreNot) {
  EXPECT_EQ(named_descriptor("/dev/stdin"), 0);
  EXPECT_EQ(named_descriptor("/dev/stdout"), 1);
  EXPECT_EQ(named_descriptor("/dev/fd/63"), 63);
  EXPECT_EQ(named_descriptor("/proc/self/fd/2"), 2);
  for (const char* const other : {"-", "/dev/fd/", "/dev/fd/1x", "/dev/fd/-1", "/dev/null", "1"})
    EXPECT_FALSE(named_descriptor(other)) << other;
  EXPECT_TRUE(names_standard_input("-"));
  EXPECT_TRUE(names_standard_input("/dev/fd/0"));
  EXPECT_FALSE(names_standard_input("./-"));
}

TEST(Descriptors, FilesThatAreMadeUpAsTheyAreReadHaveNoTrueSize) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc here";
  EXPECT_FALSE(size_is_true(std::string("/proc/self/stat")));
  EXPECT_TRUE(size_is_true(std::string("/")));
  EXPECT_TRUE(size_is_true(std::string("/no/such/file")));
}

TEST(Descriptors, ABorrowedOneStaysOpen) {
  Pipe pipe = non_blocking_pipe();
  { const Descriptor borrowed = Descriptor::borrowed(pipe.write.get()); }
  EXPECT_TRUE(write_all(pipe.write, Bytes(1), "to the pipe"));
}

}  // namespace
}  // namespace vyre::platform
