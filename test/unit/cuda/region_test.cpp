// Regions on a device, the host's half: blocks, what the collector finds in them, and cancelled
// members. The kernel is a host thread (fake_door.hpp).
#include <atomic>
#include <set>
#include <thread>

#include "region_fixture.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint32_t kUnknownOp{kFirstUserOp + 7};

TEST_F(DeviceRegions, AMemberThatFaultsIsToldInTheBlockAndTheOthersRun) {
  ASSERT_TRUE(running_.backend->runs_regions());
  launch();
  for (const bool side_by_side : {false, true}) {
    const auto good = make({1, 2, 0}, side_by_side);
    const auto bad = make({1, kUnknownOp, 0, kUnknownOp}, side_by_side);
    ASSERT_TRUE(good && bad);
    (void)publish(*good);
    EXPECT_EQ(end().status(), CompletionStatus::done);
    const std::uint64_t position = publish(*bad);
    const Completion ended = end();
    EXPECT_EQ(ended.status(), CompletionStatus::faulted);
    EXPECT_EQ(ended.code(), FaultCode::none) << "its members say how they ended";
    EXPECT_EQ(codes_of(*bad), (std::vector{FaultCode::none, FaultCode::unknown_op, FaultCode::none,
                                           FaultCode::unknown_op}));
    EXPECT_EQ(running_.backend->region_results(*bad)[1].position_low,
              static_cast<std::uint32_t>(position));
    running_.backend->free_region(*good);
    running_.backend->free_region(*bad);
  }
}

TEST_F(DeviceRegions, WithoutAFreeBlockItemsGoOneByOne) {
  std::set<std::uint32_t> blocks;
  while (const auto block = make({1, 2})) {
    EXPECT_TRUE(blocks.insert(*block).second) << "given out twice";
    ASSERT_LE(blocks.size(), megakernel::kRegionBlocks);
  }
  EXPECT_EQ(blocks.size(), megakernel::kRegionBlocks);
  running_.backend->free_region(7);
  EXPECT_EQ(make({1, 2}), 7u);
  EXPECT_FALSE(make({1, 2}));
}

TEST_F(DeviceRegions, ABlockThatIsUsedAgainKnowsNothingOfTheRegionBefore) {
  const auto block = make({kUnknownOp, 1, 1});
  const std::uint64_t position = publish(*block);
  EXPECT_EQ(cancel(position, *block, 0b110), 2u);
  launch();
  (void)end();
  EXPECT_EQ(codes_of(*block),
            (std::vector{FaultCode::unknown_op, FaultCode::cancelled, FaultCode::cancelled}));
  running_.backend->free_region(*block);
  ASSERT_EQ(make({1, kUnknownOp, 1}), block);
  (void)publish(*block);
  (void)end();
  EXPECT_EQ(codes_of(*block),
            (std::vector{FaultCode::none, FaultCode::unknown_op, FaultCode::none}));
}

TEST_F(DeviceRegions, CancelledMembersAreCountedOnceAndNotOfARegionThatHasEnded) {
  const auto block = make({1, 1, 1, 1});
  const std::uint64_t position = publish(*block);
  EXPECT_EQ(cancel(position, *block, 0b0011), 2u);
  EXPECT_EQ(cancel(position, *block, 0b0110), 1u);
  EXPECT_EQ(cancel(position + 1, *block, 0b1000), 0u) << "nothing was published there";
  launch();
  EXPECT_EQ(end().status(), CompletionStatus::faulted);
  EXPECT_EQ(codes_of(*block), (std::vector{FaultCode::cancelled, FaultCode::cancelled,
                                           FaultCode::cancelled, FaultCode::none}));
  EXPECT_EQ(cancel(position, *block, 0b1000), 0u);
}

TEST_F(DeviceRegions, OnceTheRegionIsCollectedNoItemLooksForMarksAnyMore) {
  const auto block = make({1, 1});
  EXPECT_EQ(cancel(publish(*block), *block, 0b01), 1u);
  launch();
  (void)end();
  const Deadline until = Clock::now() + std::chrono::seconds{20};
  const auto looks_of_one = [&] {
    const std::uint64_t before = running_.fake->mark_looks;
    running_.submit(0);
    (void)end();
    return running_.fake->mark_looks - before;
  };
  while (looks_of_one() != 0 && Clock::now() < until) {
    running_.backend->tend();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_EQ(looks_of_one(), 0u);
}

TEST_F(DeviceRegions, ARegionThatNeverStartedIsCancelledAsAWhole) {
  const auto block = make({1, 1});
  (void)publish(*block);
  running_.backend->cancel_queued(FaultCode::wall_time);
  launch();
  const Completion ended = end();
  EXPECT_EQ(ended.status(), CompletionStatus::cancelled);
  EXPECT_EQ(ended.code(), FaultCode::wall_time);
}

TEST_F(DeviceRegions, MembersThatHaveNotStartedWhenAllIsCancelledEndWithTheReason) {
  running_.fake->before_member = [&](std::uint32_t member) {
    if (member == 2) running_.backend->cancel_queued(FaultCode::shutdown);
  };
  const auto block = make({1, kUnknownOp, 1, 1});
  (void)publish(*block);
  launch();
  const Completion ended = end();
  EXPECT_EQ(ended.status(), CompletionStatus::faulted);
  EXPECT_EQ(codes_of(*block), (std::vector{FaultCode::none, FaultCode::unknown_op,
                                           FaultCode::shutdown, FaultCode::shutdown}));
}

TEST_F(DeviceRegions, WhenTheDeviceIsLostARegionEndsAsAWhole) {
  running_.device.park_after = std::chrono::milliseconds{1};
  running_.fake->forgetful = true;
  ASSERT_TRUE(running_.open());
  launch();
  const auto block = make({1, 1});
  (void)publish(*block);
  const Completion ended = end();
  EXPECT_EQ(ended.status(), CompletionStatus::cancelled);
  EXPECT_EQ(ended.code(), FaultCode::worker_lost);
  running_.backend->free_region(*block);
}

TEST_F(DeviceRegions, ThreadsThatMakeCancelAndFreeRegionsAtOnceLoseNone) {
  launch();
  constexpr int kRounds{200};
  std::atomic<std::uint64_t> current{0};  // position << 32 | block << 1 | 1
  std::atomic<bool> over{false};
  std::thread canceller([&] {
    while (!over) {
      const std::uint64_t now = current;
      if ((now & 1) != 0) (void)cancel(now >> 32, static_cast<std::uint32_t>(now) >> 1, 0b10);
      std::this_thread::yield();
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    const auto block = make({1, 1, kUnknownOp});
    ASSERT_TRUE(block);
    const std::uint64_t position = publish(*block);
    current = position << 32 | std::uint64_t{*block} << 1 | 1;
    ASSERT_EQ(end().status(), CompletionStatus::faulted);
    const auto codes = codes_of(*block);
    EXPECT_EQ(codes[0], FaultCode::none) << "no caller cancelled it";
    EXPECT_EQ(codes[2], FaultCode::unknown_op);
    running_.backend->free_region(*block);
  }
  over = true;
  canceller.join();
}

}  // namespace
}  // namespace vyre::cuda
