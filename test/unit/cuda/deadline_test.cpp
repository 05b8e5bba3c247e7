// Calls that change memory while the device's workers are busy with other items: they end at their
// deadlines, what they had begun ends by itself, and nothing of it is lost.
#include <thread>

#include "cuda/host/control_queue.hpp"
#include "fixture.hpp"

namespace vyre::cuda {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kLarge{std::uint64_t{20} << 20};  // more than half of the arena

Deadline shortly() {
  return Clock::now() + milliseconds{3};
}
Errc code_of(const Status& status) {
  return status ? Errc::internal : status.error().code;
}

TEST(DeviceDeadlines, CallsEndInTimeWhileWorkersAreBusyAndLeaveNothingBehind) {
  Running running;
  running.start();
  backend::Backend& backend = *running.backend;
  ASSERT_TRUE(backend.allocate(1, 64, soon()));
  const std::uint64_t used = backend.device_facts().arena_used;
  running.fake->set_busy(true);
  const std::uint32_t members[]{1};
  for (std::uint32_t handle = 2; handle < 8; ++handle) {
    EXPECT_EQ(code_of(backend.allocate(handle, 1'000, shortly())), Errc::deadline_exceeded);
    EXPECT_EQ(code_of(backend.bind(handle, members, shortly())), Errc::deadline_exceeded);
    EXPECT_EQ(code_of(backend.map_file(handle, {"f", -1, 10}, shortly())), Errc::deadline_exceeded);
  }
  EXPECT_GT(backend.device_facts().arena_used, used) << "the device may still write there";
  running.fake->set_busy(false);
  // The next commands find that the others have ended.
  ASSERT_TRUE(backend.allocate(9, 64, soon()));
  EXPECT_TRUE(backend.release(9, soon()));
  EXPECT_EQ(backend.device_facts().arena_used, used);
}

TEST(DeviceDeadlines, AReleaseWaitsForNothingAndItsMemoryComesBack) {
  Running running;
  running.start();
  backend::Backend& backend = *running.backend;
  ASSERT_TRUE(backend.allocate(1, kLarge, soon()));
  running.fake->set_busy(true);
  const auto begin = Clock::now();
  EXPECT_TRUE(backend.release(1, begin));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{2});
  EXPECT_EQ(code_of(backend.read(1, 0, {})), Errc::not_found) << "the handle is over";
  const Status late = backend.allocate(2, kLarge, shortly());
  EXPECT_EQ(code_of(late), Errc::deadline_exceeded) << "it can be had later";
  std::thread quiet([&] {
    std::this_thread::sleep_for(milliseconds{5});
    running.fake->set_busy(false);
  });
  EXPECT_TRUE(backend.allocate(2, kLarge, soon())) << "it waits for the memory of the first";
  quiet.join();
  EXPECT_EQ(code_of(backend.allocate(3, kLarge, soon())), Errc::out_of_memory)
      << "no command is left to wait for";
}

TEST(DeviceDeadlines, AReleaseThatFindsNoPlaceForItsCommandCanBeAskedForAgain) {
  Running running;
  running.start();
  backend::Backend& backend = *running.backend;
  const std::uint32_t count = kMaxControlCommands + 10;
  for (std::uint32_t handle = 1; handle <= count; ++handle)
    ASSERT_TRUE(backend.allocate(handle, 64, soon()));
  running.fake->set_busy(true);
  std::vector<std::uint32_t> again;
  for (std::uint32_t handle = 1; handle <= count; ++handle)
    if (!backend.release(handle, Clock::now())) again.push_back(handle);
  EXPECT_EQ(again.size(), 10u);
  running.fake->set_busy(false);
  for (const std::uint32_t handle : again) EXPECT_TRUE(backend.release(handle, soon()));
  ASSERT_TRUE(backend.allocate(1, 64, soon()));
  EXPECT_TRUE(backend.release(1, soon()));
  EXPECT_EQ(backend.device_facts().arena_used, 0u);
}

}  // namespace
}  // namespace vyre::cuda
