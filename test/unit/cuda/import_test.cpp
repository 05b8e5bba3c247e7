// Memory of a caller as a buffer of the device: locked while it is lent, unlocked once no item can
// name it and no kernel is resident, and back with the caller then.
#include <array>
#include <map>
#include <thread>

#include "fixture.hpp"

namespace vyre::cuda {
namespace {

using std::chrono::milliseconds;

class DeviceImport : public ::testing::Test {
 protected:
  void SetUp() override { running_.start(); }
  backend::Backend& backend() { return *running_.backend; }
  FakeDevice& fake() { return *running_.fake; }
  [[nodiscard]] Status import(std::uint32_t handle, bool writable) {
    return backend().import_memory(handle, memory_, writable, soon());
  }
  /// As the attendant of a session does it.
  [[nodiscard]] bool released(std::uint32_t handle) {
    const Deadline until = soon();
    while (!backend().release(handle, Clock::now()) && Clock::now() < until)
      std::this_thread::sleep_for(milliseconds{1});
    return Clock::now() < until;
  }

  Running running_;
  alignas(16) std::array<std::uint8_t, 100> memory_{1, 2, 3};
};

TEST_F(DeviceImport, ItemsReachTheMemoryItselfAndSoDoesTheHost) {
  ASSERT_TRUE(import(5, true));
  EXPECT_EQ(fake().locked, (std::map<const std::uint8_t*, bool>{{memory_.data(), true}}));
  const FakeEntry entry = fake().seen(5);
  EXPECT_EQ(entry.kind, megakernel::EntryKind::memory);
  EXPECT_EQ(entry.data, memory_.data());
  EXPECT_EQ(entry.bytes, memory_.size());
  EXPECT_EQ(backend().device_facts().arena_used, 0u) << "nothing is copied";
  ASSERT_TRUE(backend().write(5, 1, Bytes{9, 8}));
  EXPECT_EQ(memory_[2], 8);
  Bytes out(3);
  ASSERT_TRUE(backend().read(5, 0, out));
  EXPECT_EQ(out, (Bytes{1, 9, 8}));
  EXPECT_EQ(backend().host_bytes(5)->data(), memory_.data());
  EXPECT_FALSE(backend().read(5, 98, out)) << "it ends after 100 bytes";
}

TEST_F(DeviceImport, WhatIsLentForReadingIsNoMemoryThatAnItemMayWrite) {
  ASSERT_TRUE(import(5, false));
  EXPECT_FALSE(fake().locked.at(memory_.data()));
  EXPECT_EQ(fake().seen(5).kind, megakernel::EntryKind::file);
  EXPECT_EQ(fake().seen(5).data, memory_.data());
  EXPECT_FALSE(backend().must_bring(5)) << "its bytes are there";
  EXPECT_EQ(backend().write(5, 0, Bytes{1}).error().code, Errc::invalid_argument);
}

TEST_F(DeviceImport, ReleaseUnlocksBetweenTwoLaunchesAndTheKernelComesBack) {
  ASSERT_TRUE(import(5, true));
  alignas(16) std::array<std::uint8_t, 32> other{};
  ASSERT_TRUE(backend().import_memory(6, other, true, soon()));
  EXPECT_TRUE(backend().release(5, soon()));
  EXPECT_EQ(fake().unlocks_beside_a_kernel, 0u);
  EXPECT_EQ(fake().locked.size(), 1u) << "the other one is still lent";
  EXPECT_EQ(fake().seen(5).kind, megakernel::EntryKind::none);
  EXPECT_EQ(backend().read(5, 0, {}).error().code, Errc::not_found);
  running_.submit(0);
  EXPECT_EQ(running_.collect(1).size(), 1u) << "items run as before";
  EXPECT_TRUE(released(6));
  EXPECT_EQ(fake().unlocks_beside_a_kernel, 0u);
  EXPECT_TRUE(fake().locked.empty());
}

TEST_F(DeviceImport, ItemsThatArePublishedInTheGapRunAfterIt) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(import(5, true));
    std::thread items([this] {
      for (int i = 0; i < 30; ++i) running_.submit(0);
    });
    EXPECT_TRUE(released(5));
    items.join();
    EXPECT_EQ(running_.collect(30).size(), 30u);
  }
  EXPECT_EQ(fake().unlocks, 20u);
  EXPECT_EQ(fake().unlocks_beside_a_kernel, 0u);
}

TEST_F(DeviceImport, AReleaseThatTheKernelKeepsWaitingCanBeAskedForAgain) {
  ASSERT_TRUE(import(5, true));
  fake().lingers = true;  // as if an item ran on
  EXPECT_FALSE(backend().release(5, Clock::now() + milliseconds{5}));
  EXPECT_FALSE(backend().release(5, Clock::now()));
  EXPECT_EQ(fake().locked.size(), 1u) << "the item may write it";
  fake().lingers = false;
  EXPECT_TRUE(released(5));
  EXPECT_TRUE(fake().locked.empty());
  EXPECT_EQ(fake().unlocks_beside_a_kernel, 0u);
}

TEST_F(DeviceImport, WhatTheDriverRefusesLeavesNothing) {
  fake().refuse_lock = true;
  const Status refused = import(5, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the pages are locked already");
  EXPECT_TRUE(backend().release(5, soon())) << "there is nothing to wait for";
  fake().refuse_lock = false;
  ASSERT_TRUE(import(5, true));
}

TEST_F(DeviceImport, AnEmptyRangeNeedsNoLock) {
  ASSERT_TRUE(backend().import_memory(5, {}, true, soon()));
  EXPECT_TRUE(fake().locked.empty());
  EXPECT_EQ(fake().seen(5).bytes, 0u);
  EXPECT_TRUE(backend().release(5, soon()));
  EXPECT_EQ(backend().device_facts().arena_used, 0u);
}

TEST_F(DeviceImport, WhatIsLentWhenTheBackendGoesIsUnlockedWithoutAKernel) {
  ASSERT_TRUE(import(5, true));
  ASSERT_TRUE(backend().stop(soon()));
  Bytes out(2);
  EXPECT_TRUE(backend().read(5, 0, out)) << "results stay readable";
  EXPECT_EQ(out, (Bytes{1, 2}));
  running_.backend.reset();
  EXPECT_TRUE(fake().locked.empty());
  EXPECT_EQ(fake().unlocks_beside_a_kernel, 0u);
}

}  // namespace
}  // namespace vyre::cuda
