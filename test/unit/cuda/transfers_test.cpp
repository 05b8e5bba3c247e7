// Bytes of callers by the copy engines: in place where the device has locked the memory, beside
// workers that are busy and a kernel that is parked, and what remains where an engine fails.
#include <thread>

#include "cuda/host/copy_pool.hpp"
#include "fixture.hpp"

namespace vyre::cuda {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBytes{1'500'000};

class DeviceTransfers : public ::testing::Test {
 protected:
  void SetUp() override {
    running_.start();
    ASSERT_TRUE(backend().allocate(1, kBytes, soon()));
  }
  backend::Backend& backend() { return *running_.backend; }
  FakeDevice& fake() { return *running_.fake; }
  [[nodiscard]] bool is_lent(const std::uint8_t* at) const {
    return at >= memory_.data() && at < memory_.data() + memory_.size();
  }

  Running running_;
  Bytes memory_ = pattern(kBytes, 1);
};

TEST_F(DeviceTransfers, MemoryThatIsLockedIsCopiedInPlaceByOneCopy) {
  ASSERT_TRUE(backend().import_memory(2, memory_, true, soon()));
  ASSERT_TRUE(backend().write(1, 5, ByteSpan(memory_).subspan(3, 1'200'000)));
  EXPECT_EQ(fake().copies, 1u);
  EXPECT_EQ(fake().copied_host, memory_.data() + 3);
  Bytes back(1'200'000);
  ASSERT_TRUE(backend().read(1, 5, back));
  EXPECT_TRUE(std::equal(back.begin(), back.end(), memory_.begin() + 3));
  const std::uint64_t before = fake().copies;
  EXPECT_GT(before, 2u) << "ordinary memory goes in pieces";
  ASSERT_TRUE(backend().read(1, 5, MutableByteSpan(memory_).subspan(100'000, 1'200'000)));
  EXPECT_EQ(fake().copies, before + 1);
  EXPECT_EQ(fake().copied_host, memory_.data() + 100'000);
  EXPECT_TRUE(std::equal(back.begin(), back.end(), memory_.begin() + 100'000));
}

TEST_F(DeviceTransfers, WhatIsLentForReadingOrOnlyInPartIsNotWrittenByTheDevice) {
  ASSERT_TRUE(backend().import_memory(2, MutableByteSpan(memory_).first(1'000), false, soon()));
  ASSERT_TRUE(backend().read(1, 0, MutableByteSpan(memory_).first(1'000)));
  EXPECT_FALSE(is_lent(fake().copied_host)) << "it is lent for reading";
  EXPECT_EQ(memory_[999], 0);
  ASSERT_TRUE(backend().write(1, 0, ByteSpan(memory_).first(1'001)));
  EXPECT_FALSE(is_lent(fake().copied_host)) << "its last byte is not lent";
  ASSERT_TRUE(backend().write(1, 0, ByteSpan(memory_).first(1'000)));
  EXPECT_TRUE(is_lent(fake().copied_host));
}

TEST_F(DeviceTransfers, LentMemoryStaysLockedWhileACopyUsesIt) {
  ASSERT_TRUE(backend().import_memory(2, memory_, true, soon()));
  fake().copies_end = false;
  std::thread copy([this] { EXPECT_TRUE(backend().write(1, 0, memory_)); });
  const Deadline until = soon();
  while (fake().copies == 0 && Clock::now() < until) std::this_thread::yield();
  EXPECT_FALSE(backend().release(2, Clock::now() + milliseconds{30}));
  EXPECT_EQ(fake().locked.size(), 1u) << "the engine reads it";
  EXPECT_EQ(fake().unlocks, 0u);
  fake().copies_end = true;
  copy.join();
  while (!backend().release(2, Clock::now()) && Clock::now() < until)
    std::this_thread::sleep_for(milliseconds{1});
  EXPECT_TRUE(fake().locked.empty());
  EXPECT_EQ(fake().unlocks_beside_a_kernel, 0u);
}

TEST_F(DeviceTransfers, BytesMoveWhileAllWorkersAreBusy) {
  fake().set_busy(true);
  ASSERT_TRUE(backend().write(1, 0, memory_));
  Bytes back(kBytes);
  ASSERT_TRUE(backend().read(1, 0, back));
  EXPECT_EQ(back, memory_);
}

TEST_F(DeviceTransfers, BytesMoveWithoutWakingAParkedKernel) {
  running_.device.park_after = milliseconds{1};
  running_.start();
  ASSERT_TRUE(backend().allocate(1, kBytes, soon()));
  const Deadline until = soon();
  while (fake().driver->kernels != 0 && Clock::now() < until)
    std::this_thread::sleep_for(milliseconds{1});
  const std::uint64_t launches = fake().launches;
  ASSERT_TRUE(backend().write(1, 0, memory_));
  Bytes back(kBytes);
  ASSERT_TRUE(backend().read(1, 0, back));
  EXPECT_EQ(back, memory_);
  EXPECT_EQ(fake().launches, launches);
}

TEST_F(DeviceTransfers, ACopyThatTheDriverRefusesLosesTheDevice) {
  fake().refuse_copy = true;
  for (int i = 0; i < 40; ++i) {  // more often than there are slots
    const Status refused = backend().write(1, 0, memory_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "the copy was refused");
  }
  ASSERT_TRUE(backend().lost().has_value());
  EXPECT_EQ(backend().lost()->message, "the copy was refused");
}

TEST_F(DeviceTransfers, ACopyThatDoesNotEndLosesTheDeviceAndKeepsWhatItUses) {
  running_.device.watchdog = milliseconds{50};  // a copy has twelve times as long
  running_.start();
  ASSERT_TRUE(backend().allocate(1, kBytes, soon()));
  ASSERT_TRUE(backend().import_memory(2, memory_, true, soon()));
  fake().copies_end = false;
  const Status never = backend().write(1, 0, memory_);
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, Errc::device_lost);
  EXPECT_NE(never.error().message.find("did not end a copy within 600 ms"), std::string::npos)
      << never.error().message;
  ASSERT_TRUE(backend().lost().has_value());
  Bytes out(1);
  EXPECT_EQ(backend().read(1, 0, out).error().code, Errc::device_lost);
  EXPECT_FALSE(backend().stop(Clock::now())) << "the copy may still read";
  fake().copies_end = true;
  bool ended = false;
  for (int looks = 0; looks < 3 && !ended; ++looks) ended = backend().stop(soon());
  EXPECT_TRUE(ended) << "the copy has ended";
}

TEST_F(DeviceTransfers, AFileThatFailsWhileItIsBroughtLeavesNothing) {
  ASSERT_TRUE(backend().map_file(2, {"f", -1, kBytes}, soon()));
  const std::uint64_t used = backend().device_facts().arena_used;
  const auto half = [](std::uint64_t at, MutableByteSpan) -> Status {
    if (at < kBytes / 2) return {};
    return fail(Errc::io, "the file is shorter now");
  };
  for (int i = 0; i < 40; ++i) {
    const Status failed = backend().bring_file(2, half);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message, "the file is shorter now");
  }
  EXPECT_EQ(backend().device_facts().arena_used, used);
  EXPECT_FALSE(backend().lost().has_value());
  ASSERT_TRUE(backend().bring_file(2, [this](std::uint64_t at, MutableByteSpan piece) -> Status {
    std::copy_n(memory_.begin() + static_cast<std::ptrdiff_t>(at), piece.size(), piece.begin());
    return {};
  }));
  Bytes back(kBytes);
  ASSERT_TRUE(backend().read(2, 0, back));
  EXPECT_EQ(back, memory_);
}

TEST(CopyPool, EveryPieceIsDoneOnceBeforeTheCallReturnsWhoeverCalls) {
  CopyPool pool(3);
  const auto caller = [&pool] {
    for (int round = 0; round < 200; ++round) {
      std::vector<int> done(static_cast<std::size_t>(round) % 40, 0);
      std::atomic<std::size_t> next{0};
      pool.run(static_cast<std::uint32_t>(round) % 5, [&] {
        for (std::size_t i = next++; i < done.size(); i = next++) ++done[i];
      });
      EXPECT_EQ(done, std::vector<int>(done.size(), 1));
    }
  };
  std::thread other(caller);
  caller();
  other.join();
}

}  // namespace
}  // namespace vyre::cuda
