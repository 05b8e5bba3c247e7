// What the pump may rely on, on both real doors by the same body: io_uring and the pool of threads.
// Where the system refuses io_uring its half skips with the reason.
#include <thread>

#include "fixture.hpp"
#include "ingest/doors.hpp"
#include "ingest/file.hpp"
#include "ingest/thread_pool.hpp"
#include "ingest/uring.hpp"
#include "protocol/limits.hpp"

namespace vyre::ingest {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Far above what a wait that is ended takes, far below the time-out of a test.
constexpr std::chrono::seconds kWait{10};

class Doors : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(folder_.there());
    if (threads()) {
      auto pool = ThreadPool::create();
      ASSERT_TRUE(pool) << pool.error().message;
      io_ = std::move(*pool);
    } else {
      auto ring = Uring::create();
      if (!ring) GTEST_SKIP() << ring.error().message;
      io_ = std::move(*ring);
    }
  }
  [[nodiscard]] static bool threads() { return std::string(GetParam()) == "threads"; }
  std::shared_ptr<const File> file(std::uint64_t bytes, TierChoice choice = TierChoice::buffered) {
    const std::string path = folder_ / ("file" + std::to_string(files_++));
    test::write_pattern(path, bytes);
    auto opened = File::open(path, choice);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *opened : nullptr;
  }
  void push_all(std::span<const IoOperation> operations) {
    for (const IoOperation& operation : operations) {
      if (io_->push(operation)) continue;
      ASSERT_TRUE(io_->enter(0, milliseconds{0}));
      ASSERT_TRUE(io_->push(operation));
    }
  }

  test::Folder folder_;
  int files_{0};
  std::unique_ptr<Io> io_;
};

TEST_P(Doors, ReadsTheBytesThatTheFileHas) {
  const auto source = file(10'000);
  test::Aligned memory(10'000);
  ASSERT_TRUE(io_->push(test::read_of(source->descriptor(), memory.data(), 10'000, 0, 7)));
  EXPECT_EQ(test::result_of(test::collect(*io_, 1), 7), 10'000);
  EXPECT_EQ(std::memcmp(memory.data(), test::pattern(0, 10'000).data(), 10'000), 0);
}

TEST_P(Doors, ReadsIntoTheMiddleTouchNothingAround) {
  const auto source = file(5'000);
  test::Aligned memory(8'192, 0xA5);
  ASSERT_TRUE(io_->push(test::read_of(source->descriptor(), memory.data() + 100, 700, 4'096, 1)));
  EXPECT_EQ(test::result_of(test::collect(*io_, 1), 1), 700);
  EXPECT_EQ(std::memcmp(memory.data() + 100, test::pattern(4'096, 700).data(), 700), 0);
  for (std::uint64_t i = 0; i < 8'192; ++i) {
    if (i >= 100 && i < 800) continue;
    ASSERT_EQ(memory.data()[i], 0xA5) << "byte " << i;
  }
}

TEST_P(Doors, AReadAcrossTheEndIsShortAndOneBehindItIsEmpty) {
  const auto source = file(1'000);
  test::Aligned memory(8'192);
  const std::array<IoOperation, 2> both{
      test::read_of(source->descriptor(), memory.data(), 4'096, 0, 1),
      test::read_of(source->descriptor(), memory.data() + 4'096, 4'096, 4'096, 2)};
  push_all(both);
  const auto all = test::collect(*io_, 2);
  EXPECT_EQ(test::result_of(all, 1), 1'000);
  EXPECT_EQ(test::result_of(all, 2), 0);
}

TEST_P(Doors, AFailingReadEndsWithItsErrnoAndTheOthersGoOn) {
  const auto source = file(1'000);
  test::Aligned memory(4'096);
  const std::array<IoOperation, 3> three{
      test::read_of(source->descriptor(), memory.data(), 1'000, 0, 1),
      test::read_of(-1, memory.data(), 10, 0, 2),
      test::read_of(source->descriptor(), nullptr, 1'000, 0, 3)};
  push_all(three);
  const auto all = test::collect(*io_, 3);
  EXPECT_EQ(test::result_of(all, 1), 1'000);
  EXPECT_EQ(test::result_of(all, 2), -EBADF);
  EXPECT_EQ(test::result_of(all, 3), -EFAULT);
}

TEST_P(Doors, AMisalignedDirectReadIsEinval) {
  const std::string path = folder_ / "direct";
  test::write_pattern(path, 16'384);
  const auto source = File::open(path, TierChoice::direct_fixed);
  if (!source) GTEST_SKIP() << source.error().message;
  test::Aligned memory(16'384);
  const std::uint32_t block = (*source)->offset_alignment();
  const std::array<IoOperation, 2> both{
      test::read_of((*source)->descriptor(), memory.data(), 8'192, 1, 1),
      test::read_of((*source)->descriptor(), memory.data(), 8'192, block, 2)};
  push_all(both);
  const auto all = test::collect(*io_, 2);
  EXPECT_EQ(test::result_of(all, 1), -EINVAL);
  EXPECT_EQ(test::result_of(all, 2), 8'192);
  EXPECT_EQ(std::memcmp(memory.data(), test::pattern(block, 8'192).data(), 8'192), 0);
}

TEST_P(Doors, ManyReadsAtOnceEachEndOnceUnderItsOwnName) {
  constexpr std::uint32_t kReads{1'000};
  constexpr std::uint32_t kBytes{512};
  const auto source = file(kReads * kBytes);
  test::Aligned memory(kReads * kBytes);
  std::vector<IoOperation> operations;
  for (std::uint32_t i = 0; i < kReads; ++i) {
    operations.push_back(test::read_of(source->descriptor(), memory.data() + i * kBytes, kBytes,
                                       i * kBytes, 1'000 + i));
  }
  push_all(operations);
  const auto all = test::collect(*io_, kReads);
  std::vector<int> seen(kReads, 0);
  for (const IoCompletion& one : all) {
    ASSERT_GE(one.user_data, 1'000U);
    ASSERT_LT(one.user_data, 1'000U + kReads);
    EXPECT_EQ(one.result, static_cast<std::int32_t>(kBytes));
    ++seen[one.user_data - 1'000];
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), kReads);
  EXPECT_EQ(std::memcmp(memory.data(), test::pattern(0, kReads * kBytes).data(), kReads * kBytes),
            0);
}

TEST_P(Doors, AFullQueueRefusesUntilItIsHandedOver) {
  std::uint32_t taken = 0;
  IoOperation nop;
  while (taken <= 2 * kMaxIoDepth) {
    nop.user_data = taken;
    if (!io_->push(nop)) break;
    ++taken;
  }
  EXPECT_GE(taken, kMaxIoDepth / 2);
  ASSERT_LE(taken, kMaxIoDepth);
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  nop.user_data = taken;
  EXPECT_TRUE(io_->push(nop));
  const auto all = test::collect(*io_, taken + 1);
  EXPECT_EQ(test::result_of(all, taken), 0);
}

TEST_P(Doors, MoreCompletionsThanTheRingHoldsAreAllKept) {
  constexpr std::uint32_t kNops{3 * kIoCompletionEntries};
  IoOperation nop;
  for (std::uint32_t i = 0; i < kNops; ++i) {
    nop.user_data = i;
    if (io_->push(nop)) continue;
    ASSERT_TRUE(io_->enter(0, milliseconds{0}));
    ASSERT_TRUE(io_->push(nop)) << i;
  }
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  const auto all = test::collect(*io_, kNops);
  std::vector<int> seen(kNops, 0);
  for (const IoCompletion& one : all) ++seen.at(one.user_data);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), kNops);
  if (!threads()) {
    EXPECT_GT(io_->counters().cq_overflows, 0U);
  }
}

TEST_P(Doors, ReapGivesWhatFitsAndKeepsTheRest) {
  IoOperation nop;
  for (std::uint32_t i = 0; i < 10; ++i) {
    nop.user_data = i;
    ASSERT_TRUE(io_->push(nop));
  }
  ASSERT_TRUE(io_->enter(10, milliseconds{1'000}));
  std::array<IoCompletion, 4> some{};
  EXPECT_EQ(io_->reap(some), 4U);
  EXPECT_EQ(io_->reap(some), 4U);
  EXPECT_EQ(io_->reap(some), 2U);
  EXPECT_EQ(io_->reap(some), 0U);
}

TEST_P(Doors, AWaitEndsWhenPatienceIsOver) {
  const auto start = steady_clock::now();
  ASSERT_TRUE(io_->enter(1, milliseconds{60}));
  const auto took = steady_clock::now() - start;
  EXPECT_GE(took, milliseconds{55});
  EXPECT_LT(took, std::chrono::seconds{5});
  std::array<IoCompletion, 4> some{};
  EXPECT_EQ(io_->reap(some), 0U);
}

TEST_P(Doors, PatienceZeroNeverWaits) {
  const auto start = steady_clock::now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(io_->enter(1, milliseconds{0}));
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds{2});
}

TEST_P(Doors, AWakeBeforeTheWaitEndsIt) {
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  io_->wake();
  const auto start = steady_clock::now();
  ASSERT_TRUE(io_->enter(1, kWait));
  EXPECT_LT(steady_clock::now() - start, kWait / 2);
}

TEST_P(Doors, AWakeThatReapTookInEndsTheNextWait) {
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  io_->wake();
  std::array<IoCompletion, 4> some{};
  std::this_thread::sleep_for(milliseconds{5});
  EXPECT_EQ(io_->reap(some), 0U);
  const auto start = steady_clock::now();
  ASSERT_TRUE(io_->enter(1, kWait));
  EXPECT_LT(steady_clock::now() - start, kWait / 2);
}

TEST_P(Doors, AWakeFromAnotherThreadEndsAWaitForManyAgainAndAgain) {
  for (int round = 0; round < 20; ++round) {
    std::thread other([&] {
      std::this_thread::sleep_for(milliseconds{2});
      io_->wake();
    });
    const auto start = steady_clock::now();
    ASSERT_TRUE(io_->enter(32, kWait));
    EXPECT_LT(steady_clock::now() - start, kWait / 2) << round;
    other.join();
    std::array<IoCompletion, 4> some{};
    EXPECT_EQ(io_->reap(some), 0U) << "a wake is no completion";
  }
}

TEST_P(Doors, OneWakeEndsOneWait) {
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  io_->wake();
  std::array<IoCompletion, 4> some{};
  ASSERT_TRUE(io_->enter(1, kWait));
  (void)io_->reap(some);
  const auto start = steady_clock::now();
  ASSERT_TRUE(io_->enter(1, milliseconds{40}));
  EXPECT_GE(steady_clock::now() - start, milliseconds{35});
}

TEST_P(Doors, ACancelOfWhatNobodyKnowsSaysSo) {
  IoOperation cancel;
  cancel.code = IoCode::cancel;
  cancel.target = 4'711;
  cancel.user_data = 1;
  ASSERT_TRUE(io_->push(cancel));
  EXPECT_EQ(test::result_of(test::collect(*io_, 1), 1), -ENOENT);
}

TEST_P(Doors, ACancelLeavesNoReadWithoutItsEnd) {
  constexpr std::uint32_t kReads{64};
  const auto source = file(kReads * 4'096);
  test::Aligned memory(kReads * 4'096);
  std::vector<IoOperation> operations;
  for (std::uint32_t i = 0; i < kReads; ++i) {
    operations.push_back(
        test::read_of(source->descriptor(), memory.data() + i * 4'096, 4'096, i * 4'096, i));
  }
  for (std::uint32_t i = 0; i < kReads; ++i) {
    IoOperation cancel;
    cancel.code = IoCode::cancel;
    cancel.target = kReads - 1 - i;
    cancel.user_data = 1'000 + i;
    operations.push_back(cancel);
  }
  push_all(operations);
  const auto all = test::collect(*io_, 2 * kReads);
  for (std::uint32_t i = 0; i < kReads; ++i) {
    const std::int32_t read = test::result_of(all, i);
    EXPECT_TRUE(read == 4'096 || read == -ECANCELED) << read;
    const std::int32_t cancel = test::result_of(all, 1'000 + kReads - 1 - i);
    EXPECT_TRUE(cancel == 0 || cancel == -ENOENT || cancel == -EALREADY) << cancel;
    EXPECT_EQ(cancel == 0, read == -ECANCELED);
  }
}

TEST_P(Doors, LetGoWithReadsUnderWayItNeitherHangsNorCrashes) {
  const auto source = file(1 << 20);
  test::Aligned memory(1 << 20);
  for (std::uint32_t i = 0; i < 16; ++i) {
    ASSERT_TRUE(io_->push(
        test::read_of(source->descriptor(), memory.data() + i * 65'536, 65'536, i * 65'536, i)));
  }
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  const auto start = steady_clock::now();
  io_.reset();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds{5});
}

TEST_P(Doors, ManyPushesCostOneEnter) {
  const auto source = file(64 * 512);
  test::Aligned memory(64 * 512);
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  const std::uint64_t before = io_->counters().enters;
  for (std::uint32_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(
        io_->push(test::read_of(source->descriptor(), memory.data() + i * 512, 512, i * 512, i)));
  }
  EXPECT_EQ(io_->counters().enters, before);
  ASSERT_TRUE(io_->enter(0, milliseconds{0}));
  EXPECT_EQ(io_->counters().enters, before + 1);
  (void)test::collect(*io_, 64);
}

INSTANTIATE_TEST_SUITE_P(Real, Doors, ::testing::Values("uring", "threads"),
                         [](const auto& param) { return std::string(param.param); });

TEST(OpenDoor, ThreadsThatWereAskedForNeedNoReason) {
  const auto door = open_door(TierChoice::thread_pool);
  ASSERT_TRUE(door) << door.error().message;
  EXPECT_EQ(door->io->name(), "thread pool");
  EXPECT_EQ(door->best, Tier::thread_pool);
  EXPECT_EQ(door->reason, "");
}

TEST(OpenDoor, CuFileIsRefusedByName) {
  const auto door = open_door(TierChoice::gpudirect);
  ASSERT_FALSE(door);
  EXPECT_EQ(door.error().code, Errc::unsupported);
  EXPECT_NE(door.error().message.find("cuFile"), std::string::npos);
}

TEST(OpenDoor, AutomaticTakesTheRingAndSaysItsFlags) {
  const auto ring = Uring::create();
  if (!ring) GTEST_SKIP() << ring.error().message;
  for (const auto& [choice, best] : {std::pair{TierChoice::automatic, Tier::direct_fixed},
                                     {TierChoice::direct_fixed, Tier::direct_fixed},
                                     {TierChoice::direct, Tier::direct},
                                     {TierChoice::buffered, Tier::buffered}}) {
    const auto door = open_door(choice);
    ASSERT_TRUE(door) << door.error().message;
    EXPECT_EQ(door->io->name(), "io_uring");
    EXPECT_EQ(door->best, best);
    EXPECT_EQ(door->reason, "");
    EXPECT_NE(door->setup.find("256 entries"), std::string::npos) << door->setup;
  }
}

}  // namespace
}  // namespace vyre::ingest
