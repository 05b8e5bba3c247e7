// What only the ring has: registered memory, injected results, reads that cannot end by themselves.
#include <sys/mman.h>

#include <thread>

#include "fixture.hpp"
#include "ingest/file.hpp"
#include "ingest/uring.hpp"
#include "protocol/limits.hpp"
#include "staging/mapping.hpp"

namespace vyre::ingest {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Ring : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(folder_.there());
    auto ring = Uring::create();
    if (!ring) GTEST_SKIP() << ring.error().message;
    io_ = std::move(*ring);
  }
  test::Folder folder_;
  std::unique_ptr<Uring> io_;
};

TEST_F(Ring, FixedReadsOfRegisteredMemoryGiveTheFilesBytesInEveryPart) {
  auto memory = staging::Mapping::create(8 << 20, "test");
  ASSERT_TRUE(memory);
  ASSERT_TRUE(memory->populate(0, 8 << 20));
  std::uint8_t* const base = memory->bytes().data();
  // Two calls: the second adds.
  io_->register_memory(memory->bytes().subspan(0, 4 << 20));
  if (io_->registration().regions == 0) GTEST_SKIP() << io_->registration().reason;
  io_->register_memory(memory->bytes().subspan(4 << 20));
  EXPECT_EQ(io_->registration().regions, 2U);
  EXPECT_EQ(io_->registration().bytes, 8U << 20);
  EXPECT_EQ(io_->registration().reason, "");
  EXPECT_TRUE(io_->fixed(base, 4 << 20));
  EXPECT_TRUE(io_->fixed(base + (8 << 20) - 1, 1));
  EXPECT_FALSE(io_->fixed(base + (4 << 20) - 1, 2)) << "lies in two regions";
  EXPECT_FALSE(io_->fixed(base + (8 << 20) - 1, 2));
  EXPECT_FALSE(io_->fixed(base - 1, 1));

  test::write_pattern(folder_ / "f", 300'000);
  const auto source = File::open(folder_ / "f", TierChoice::buffered);
  ASSERT_TRUE(source);
  std::memset(base, 0xA5, 8 << 20);
  const std::array<std::uint64_t, 3> places{0, (4 << 20) + 4'096, (8 << 20) - 300'000};
  for (std::size_t i = 0; i < places.size(); ++i) {
    ASSERT_TRUE(io_->push(test::read_of((*source)->descriptor(), base + places[i], 300'000, 0, i,
                                        IoCode::read_fixed)));
  }
  const auto all = test::collect(*io_, places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ(test::result_of(all, i), 300'000);
    EXPECT_EQ(std::memcmp(base + places[i], test::pattern(0, 300'000).data(), 300'000), 0) << i;
  }
  EXPECT_EQ(base[300'000], 0xA5);
  EXPECT_EQ(base[(4 << 20) + 4'095], 0xA5);
}

TEST_F(Ring, MemoryThatCannotBePinnedIsLeftOutWithTheReason) {
  // A mapping that may not be written can be registered for nothing that reads into it.
  void* const map = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  auto* const bytes = static_cast<std::uint8_t*>(map);
  io_->register_memory({bytes, 4096});
  EXPECT_EQ(io_->registration().regions, 0U);
  EXPECT_FALSE(io_->fixed(bytes, 1));
  EXPECT_NE(io_->registration().reason.find("EFAULT"), std::string::npos)
      << io_->registration().reason;
  // What comes later is registered all the same.
  test::Aligned good(65'536);
  io_->register_memory(good.span());
  EXPECT_TRUE(io_->fixed(good.data(), 65'536));
  ::munmap(map, 4096);
}

TEST_F(Ring, AFixedReadOutsideEveryRegionFailsAndWritesNothing) {
  test::Aligned good(4'096);
  io_->register_memory(good.span());
  if (io_->registration().regions == 0) GTEST_SKIP() << io_->registration().reason;
  test::Aligned other(4'096, 0xA5);
  test::write_pattern(folder_ / "f", 4'096);
  const auto source = File::open(folder_ / "f", TierChoice::buffered);
  ASSERT_TRUE(source);
  ASSERT_TRUE(io_->push(
      test::read_of((*source)->descriptor(), other.data(), 4'096, 0, 1, IoCode::read_fixed)));
  EXPECT_EQ(test::result_of(test::collect(*io_, 1), 1), -EFAULT);
  EXPECT_EQ(other.data()[0], 0xA5);
}

TEST_F(Ring, InjectedResultsComeBackUnchanged) {
  IoOperation nop;
  const std::array<std::int32_t, 5> results{-EIO, -EAGAIN, -EINTR, 4'096, 1};
  for (std::size_t i = 0; i < results.size(); ++i) {
    nop.user_data = i;
    nop.bytes = static_cast<std::uint32_t>(results[i]);
    ASSERT_TRUE(io_->push(nop));
  }
  const auto all = test::collect(*io_, results.size());
  if (test::result_of(all, 3) == 0 || test::result_of(all, 3) == -EINVAL)
    GTEST_SKIP() << "this kernel has no IORING_NOP_INJECT_RESULT";
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(test::result_of(all, i), results[i]);
}

TEST_F(Ring, ReadsThatEndOutOfOrderAreToldApart) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  test::write_pattern(folder_ / "f", 512);
  const auto source = File::open(folder_ / "f", TierChoice::buffered);
  ASSERT_TRUE(source);
  test::Aligned memory(4'096);
  ASSERT_TRUE(io_->push(test::read_of(pipe[0], memory.data(), 3, 0, 1)));
  ASSERT_TRUE(io_->push(test::read_of((*source)->descriptor(), memory.data() + 512, 512, 0, 2)));
  const auto first = test::collect(*io_, 1);
  EXPECT_EQ(test::result_of(first, 2), 512);
  ASSERT_EQ(::write(pipe[1], "abc", 3), 3);
  EXPECT_EQ(test::result_of(test::collect(*io_, 1), 1), 3);
  EXPECT_EQ(std::memcmp(memory.data(), "abc", 3), 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(Ring, AReadThatWaitsIsCancelledAndBothEnd) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  test::Aligned memory(4'096);
  ASSERT_TRUE(io_->push(test::read_of(pipe[0], memory.data(), 3, 0, 1)));
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  IoOperation cancel;
  cancel.code = IoCode::cancel;
  cancel.target = 1;
  cancel.user_data = 2;
  ASSERT_TRUE(io_->push(cancel));
  const auto all = test::collect(*io_, 2);
  EXPECT_EQ(test::result_of(all, 1), -ECANCELED);
  EXPECT_EQ(test::result_of(all, 2), 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

/// Open descriptors of this process.
std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

TEST_F(Ring, TornDownWithReadsThatNeverEndItNeitherHangsNorLeaksNorWritesLater) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  test::Aligned memory(4'096, 0xA5);
  io_->register_memory(memory.span());
  const std::size_t before = descriptors();
  ASSERT_TRUE(io_->push(test::read_of(pipe[0], memory.data(), 100, 0, 1)));
  ASSERT_TRUE(io_->push(test::read_of(pipe[0], memory.data() + 200, 100, 0, 2)));
  ASSERT_TRUE(io_->push(test::read_of(pipe[0], memory.data() + 400, 100, 0, 3)));
  IoOperation queued = test::read_of(pipe[0], memory.data() + 600, 100, 0, 4);
  queued.in_worker = true;  // blocks a worker of the kernel
  ASSERT_TRUE(io_->push(queued));
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  const auto start = steady_clock::now();
  io_.reset();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds{5});
  EXPECT_LT(descriptors(), before) << "the ring and its eventfd are closed";
  ASSERT_EQ(::write(pipe[1], "late", 4), 4);
  std::this_thread::sleep_for(milliseconds{20});
  for (int i = 0; i < 4'096; ++i) ASSERT_EQ(memory.data()[i], 0xA5) << i;
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(Ring, PatienceHoldsAlsoWhereSomethingIsHandedOver) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  test::Aligned memory(4'096);
  ASSERT_TRUE(io_->push(test::read_of(pipe[0], memory.data(), 3, 0, 1)));
  const auto start = steady_clock::now();
  ASSERT_TRUE(io_->enter(1, milliseconds{200}));
  const auto took = steady_clock::now() - start;
  EXPECT_GE(took, milliseconds{190});
  EXPECT_LT(took, milliseconds{350});
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace vyre::ingest
