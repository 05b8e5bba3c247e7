// Cancelling single items on a device: those that no worker has started end as cancelled, the
// others run, and an item costs a look across the link only while there is something to look for.
#include <map>
#include <thread>

#include "fixture.hpp"

namespace vyre::cuda {
namespace {

using std::chrono::milliseconds;

class DeviceCancel : public ::testing::Test {
 protected:
  /// Not launched yet, so that nothing starts before launch().
  void SetUp() override {
    running_.options.queues = 2;
    ASSERT_TRUE(running_.open());
  }
  void launch() { ASSERT_TRUE(running_.backend->start(running_.listener)); }
  std::uint64_t cancel(std::vector<std::uint64_t> positions, std::uint32_t queue = 0) {
    return running_.backend->cancel(queue, positions);
  }
  /// The outcomes of the next `count` items, by position.
  std::map<std::uint64_t, FaultCode> ends(std::size_t count, std::uint32_t queue = 0) {
    std::map<std::uint64_t, FaultCode> found;
    for (const queue::TakenCompletion& taken : running_.collect(count, queue)) {
      EXPECT_EQ(taken.completion.status() == CompletionStatus::cancelled,
                taken.completion.code() != FaultCode::none);
      found[taken.position] = taken.completion.code();
    }
    EXPECT_EQ(found.size(), count);
    return found;
  }
  /// Items that looked for a mark while `items` more of them ran.
  std::uint64_t looks_of(std::uint32_t items) {
    const std::uint64_t before = running_.fake->mark_looks;
    for (std::uint32_t i = 0; i < items; ++i) running_.submit(0);
    (void)ends(items);
    return running_.fake->mark_looks - before;
  }

  Running running_;
};

TEST_F(DeviceCancel, ItemsThatNoWorkerHasStartedEndAsCancelledAndTheOthersRun) {
  for (int i = 0; i < 6; ++i) running_.submit(0);
  EXPECT_EQ(cancel({1, 3, 3, 4}), 3u);
  EXPECT_EQ(cancel({4, 5}), 1u) << "an earlier call has counted the other";
  launch();
  auto ended = ends(6);
  for (const std::uint64_t position : {0u, 2u}) EXPECT_EQ(ended[position], FaultCode::none);
  for (const std::uint64_t position : {1u, 3u, 4u, 5u})
    EXPECT_EQ(ended[position], FaultCode::cancelled);
}

TEST_F(DeviceCancel, TheSamePositionOfAnotherQueueIsNotMeant) {
  running_.submit(0, 0, 0);
  running_.submit(0, 0, 1);
  EXPECT_EQ(cancel({0}, 1), 1u);
  launch();
  EXPECT_EQ(ends(1, 0)[0], FaultCode::none);
  EXPECT_EQ(ends(1, 1)[0], FaultCode::cancelled);
}

TEST_F(DeviceCancel, ItemsThatHaveEndedOrWereNeverAcceptedAreNotCounted) {
  launch();
  running_.submit(0);
  EXPECT_EQ(ends(1)[0], FaultCode::none);
  EXPECT_EQ(cancel({0, 1, ~std::uint64_t{0}}), 0u);
  EXPECT_EQ(looks_of(5), 0u) << "nothing was marked";
}

TEST_F(DeviceCancel, TheItemThatHasTheSlotALapLaterRuns) {
  const auto slots = running_.ports[0].submissions.completion_slots;
  running_.submit(0);
  EXPECT_EQ(cancel({0}), 1u);
  launch();
  EXPECT_EQ(ends(1)[0], FaultCode::cancelled);
  for (std::uint32_t i = 1; i <= slots; ++i) {
    running_.submit(0);
    EXPECT_EQ(ends(1)[i], FaultCode::none) << i;
  }
}

TEST_F(DeviceCancel, WhenAllCancelledItemsAreCollectedNoItemLooksForAMarkAnyMore) {
  for (int i = 0; i < 3; ++i) running_.submit(0);
  EXPECT_EQ(cancel({0, 2}), 2u);
  launch();
  (void)ends(3);
  EXPECT_EQ(running_.fake->mark_looks, 3u);
  const Deadline until = Clock::now() + std::chrono::seconds{20};
  while (looks_of(1) != 0 && Clock::now() < until) {
    running_.backend->tend();
    std::this_thread::sleep_for(milliseconds{1});
  }
  EXPECT_EQ(looks_of(10), 0u);
}

TEST_F(DeviceCancel, AReasonForAllComesBeforeTheCancellationOfOne) {
  for (int i = 0; i < 2; ++i) running_.submit(0);
  EXPECT_EQ(cancel({1}), 1u);
  running_.backend->cancel_queued(FaultCode::wall_time);
  running_.backend->cancel_queued(FaultCode::shutdown);
  launch();
  auto ended = ends(2);
  EXPECT_EQ(ended[0], FaultCode::wall_time);
  EXPECT_EQ(ended[1], FaultCode::wall_time);
}

}  // namespace
}  // namespace vyre::cuda
