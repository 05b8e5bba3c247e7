// What becomes of items, commands and the caller when the kernel or the device fails.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "fixture.hpp"

namespace vyre::cuda {
namespace {

using megakernel::Broken;
using std::chrono::milliseconds;

/// Tends as a waiting thread does, until the backend is lost.
std::optional<Error> await_loss(Running& running) {
  for (int i = 0; i < 5'000; ++i) {
    running.backend->tend();
    if (auto why = running.backend->lost()) return why;
    std::this_thread::sleep_for(milliseconds{1});
  }
  return std::nullopt;
}

TEST(CudaBackendFailure, AStuckKernelIsFoundNamedAndEveryPendingItemEnds) {
  Running running;
  running.device.watchdog = milliseconds{120};
  running.device.inject = std::make_shared<std::atomic<std::uint32_t>>(0);
  running.start();
  running.submit(0);
  ASSERT_EQ(running.collect(1).size(), 1u);

  running.device.inject->store(1);
  std::this_thread::sleep_for(milliseconds{60});  // the housekeeping passes it on
  for (int i = 0; i < 40; ++i) running.submit(0);
  const auto why = await_loss(running);
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(why->code, Errc::device_lost);
  const std::string first = why->message.substr(0, why->message.find('\n'));
  EXPECT_NE(first.find("no heartbeat for 120 ms (watchdog)"), std::string::npos) << first;
  EXPECT_LT(first.size(), 160u) << "the first line is for one-line messages";
  EXPECT_NE(why->message.find("ingress warps:"), std::string::npos) << why->message;
  EXPECT_NE(why->message.find("worker warps:"), std::string::npos);
  EXPECT_NE(why->message.find("queue 0: tail 41, taken 1"), std::string::npos) << why->message;

  const auto ended = running.collect(40);
  ASSERT_EQ(ended.size(), 40u);
  for (const auto& taken : ended) EXPECT_EQ(taken.completion.code(), FaultCode::worker_lost);
  EXPECT_GT(running.listener.posts, 0);
  EXPECT_EQ(running.ports[0].submissions.try_reserve(1).outcome, queue::TakeOutcome::closed);
  const Status command = running.backend->allocate(1, 10);
  ASSERT_FALSE(command);
  EXPECT_EQ(command.error().code, Errc::device_lost);
  // The order is withdrawn, the kernel comes to itself and leaves.
  EXPECT_TRUE(running.backend->stop(Clock::now()));
  EXPECT_TRUE(running.collect(0).empty());
}

TEST(CudaBackendFailure, ACommandUnderWayWhenTheKernelSticksEndsWithTheReason) {
  Running running;
  running.device.watchdog = milliseconds{100};
  running.device.inject = std::make_shared<std::atomic<std::uint32_t>>(0);
  running.start();
  ASSERT_TRUE(running.backend->allocate(1, 5'000'000));
  running.device.inject->store(1);
  std::this_thread::sleep_for(milliseconds{60});
  const Status allocated = running.backend->allocate(2, 5'000'000);
  ASSERT_FALSE(allocated);
  EXPECT_EQ(allocated.error().code, Errc::device_lost);
  const Status written = running.backend->write(1, 0, Bytes(5'000'000, 1));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::device_lost);
  running.backend->release(1);  // returns, too
}

TEST(CudaBackendFailure, AStickyErrorLosesTheDeviceWithItsText) {
  Running running;
  running.start();
  running.submit(0);
  ASSERT_EQ(running.collect(1).size(), 1u);
  running.fake->sticky = true;
  const auto why = await_loss(running);
  ASSERT_TRUE(why.has_value());
  EXPECT_NE(why->message.find("a sticky error"), std::string::npos);
  EXPECT_EQ(running.ports[0].submissions.try_reserve(1).outcome, queue::TakeOutcome::closed);
}

TEST(CudaBackendFailure, ALaunchThatIsRefusedLosesTheDevice) {
  Running running;
  running.device.park_after = std::chrono::microseconds{100};
  running.start();
  running.submit(0);
  ASSERT_EQ(running.collect(1).size(), 1u);
  running.fake->refuse_launch = true;
  const auto until = Clock::now() + std::chrono::seconds{20};
  while (running.fake->driver->kernels != 0 && Clock::now() < until)
    std::this_thread::sleep_for(milliseconds{1});
  ASSERT_EQ(running.fake->driver->kernels, 0) << "the kernel has not parked";
  const std::uint64_t position = running.submit(0);
  const auto why = await_loss(running);
  ASSERT_TRUE(why.has_value());
  EXPECT_NE(why->message.find("the launch was refused"), std::string::npos);
  const auto ended = running.collect(1);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].position, position);
  EXPECT_EQ(ended[0].completion.code(), FaultCode::worker_lost);
}

TEST(CudaBackendFailure, AKernelThatEndsWithoutItsItemIsFoundOut) {
  Running running;
  running.fake->forgetful = true;
  running.start();
  running.submit(0);
  const auto why = await_loss(running);
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(why->code, Errc::internal);
  EXPECT_NE(why->message.find("ended without ending the item at position 0 of queue 0"),
            std::string::npos)
      << why->message;
  EXPECT_EQ(running.collect(1).size(), 1u);
}

TEST(CudaBackendFailure, APromiseThatTheKernelFindsBrokenLosesTheDeviceWithTheValues) {
  const std::pair<Broken, const char*> cases[]{
      {Broken::entry_overwritten,
       "entry 1234 of the run queue, which has 32768, was not there: a worker found the mark 131"},
      {Broken::no_room, "entry 1234 of the run queue, which has 32768, could not be written"},
      {Broken::lock_kept, "the fault lock of spread item 1234 was not given back within "}};
  for (const auto& [broken, text] : cases) {
    Running running;
    running.start();
    running.submit(0);
    ASSERT_EQ(running.collect(1).size(), 1u);
    running.fake->breaks = static_cast<std::uint32_t>(broken);
    const auto why = await_loss(running);
    ASSERT_TRUE(why.has_value());
    EXPECT_EQ(why->code, Errc::internal);
    const std::string first = why->message.substr(0, why->message.find('\n'));
    EXPECT_NE(first.find(text), std::string::npos) << first;
  }
}

TEST(CudaBackendFailure, AQueueThatLostItsProducerBetweenTwoStoresFailsAlone) {
  Running running;
  running.options.queues = 2;
  running.start();
  // A position that is claimed and never stored: what a thread killed in between leaves.
  const auto got = running.ports[0].submissions.try_reserve(3);
  ASSERT_EQ(got.count, 3u);
  running.ports[0].submissions.claims[0] += 64;
  const auto ended = running.collect(3, 0);
  ASSERT_EQ(ended.size(), 3u);
  for (const auto& taken : ended) EXPECT_EQ(taken.completion.code(), FaultCode::abandoned);
  running.submit(0, 0, 1);
  EXPECT_EQ(running.collect(1, 1).size(), 1u) << "other queues go on";
  EXPECT_FALSE(running.backend->lost().has_value());
}

/// The stores of a producer that was only late, for a position that was claimed for it.
void publish_late(const Running& running, std::uint64_t position) {
  running.ports[0].submissions.publish_owned(position, {0, 0, 0, 0}, kQueueFlagNone);
}

TEST(CudaBackendFailure, AProducerThatComesAfterItsQueueWasGivenUpRunsNothing) {
  Running running;
  running.options.queues = 2;
  running.start();
  const auto got = running.ports[0].submissions.try_reserve(3);
  ASSERT_EQ(got.count, 3u);
  for (int i = 0; i < 3; ++i) running.ports[0].submissions.claims[i] += 64;
  ASSERT_EQ(running.collect(3, 0).size(), 3u);
  for (std::uint64_t p = 0; p < 3; ++p) publish_late(running, p);
  for (int i = 0; i < 50; ++i) {
    // The other queue goes round meanwhile, so the kernel has looked.
    running.submit(0, 0, 1);
    ASSERT_EQ(running.collect(1, 1).size(), 1u);
    running.backend->tend();
  }
  EXPECT_EQ(running.fake->taken[0], 0u) << "its items had been ended, and their memory released";
  EXPECT_EQ(running.fake->taken[1], 50u);
  EXPECT_TRUE(running.backend->stop(Clock::now()));
  EXPECT_FALSE(running.backend->lost().has_value());
}

TEST(CudaBackendFailure, AProducerThatComesAfterItsQueueWasGivenUpStartsNoParkedKernel) {
  Running running;
  running.options.queues = 2;
  running.device.park_after = std::chrono::microseconds{100};
  running.start();
  const auto got = running.ports[0].submissions.try_reserve(2);
  ASSERT_EQ(got.count, 2u);
  for (int i = 0; i < 2; ++i) running.ports[0].submissions.claims[i] += 64;
  ASSERT_EQ(running.collect(2, 0).size(), 2u) << "no kernel is there to answer";
  for (std::uint64_t p = 0; p < 2; ++p) publish_late(running, p);
  const std::uint64_t launches = running.fake->launches;
  const std::uint64_t looks = running.fake->looks;
  const auto until = Clock::now() + std::chrono::seconds{10};
  while (running.fake->looks < looks + 5 && Clock::now() < until) {
    running.backend->tend();
    std::this_thread::sleep_for(milliseconds{1});
  }
  EXPECT_EQ(running.fake->launches, launches);
  running.submit(0, 0, 1);
  EXPECT_EQ(running.collect(1, 1).size(), 1u) << "the next launch has read the order";
  EXPECT_EQ(running.fake->taken[0], 0u);
}

TEST(CudaBackendFailure, NothingOfAQueueThatIsGivenUpEndsBeforeTheKernelHasAnswered) {
  Running running;
  running.device.watchdog = std::chrono::seconds{20};
  running.device.inject = std::make_shared<std::atomic<std::uint32_t>>(1);
  running.start();
  const auto got = running.ports[0].submissions.try_reserve(1);
  ASSERT_EQ(got.count, 1u);
  running.ports[0].submissions.claims[0] += 64;
  const std::uint64_t looks = running.fake->looks;
  const auto until = Clock::now() + 5 * running.options.producer_timeout;
  while (Clock::now() < until || running.fake->looks < looks + 10) {
    running.backend->tend();
    std::this_thread::sleep_for(milliseconds{1});
  }
  queue::TakenCompletion taken[1];
  EXPECT_EQ(running.ports[0].completions.take(taken, 1, 1), 0u)
      << "the kernel may have read the slot before it was told";
  running.device.inject->store(0);
  const auto ended = running.collect(1);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].completion.code(), FaultCode::abandoned);
}

TEST(CudaBackendFailure, WhatTheKernelTookBeforeItsQueueWasGivenUpEndsAsItRan) {
  Running running;
  running.start();
  const auto got = running.ports[0].submissions.try_reserve(4);
  ASSERT_EQ(got.count, 4u);
  for (std::uint64_t p = 0; p < 2; ++p)
    ASSERT_TRUE(running.ports[0].submissions.try_publish(p, {0, 0, 0, 0}, kQueueFlagNone));
  for (int i = 2; i < 4; ++i) running.ports[0].submissions.claims[i] += 64;
  const auto ended = running.collect(4);
  ASSERT_EQ(ended.size(), 4u);
  for (const auto& taken : ended) {
    EXPECT_EQ(taken.completion.code(), taken.position < 2 ? FaultCode::none : FaultCode::abandoned);
  }
  EXPECT_EQ(running.fake->taken[0], 2u);
}

TEST(CudaBackendFailure, CommandsBeforeTheStartAndAfterTheEndAreRefused) {
  Running running;
  ASSERT_TRUE(running.open());
  EXPECT_EQ(running.backend->allocate(1, 1).error().code, Errc::invalid_argument);
  ASSERT_TRUE(running.backend->start(running.listener));
  EXPECT_TRUE(running.backend->stop(Clock::now()));
  EXPECT_TRUE(running.backend->stop(Clock::now())) << "twice is once";
  EXPECT_EQ(running.backend->allocate(1, 1).error().code, Errc::closed);
}

TEST(CudaBackendFailure, ABackendThatIsDroppedStopsItsKernel) {
  Running running;
  running.start();
  for (int i = 0; i < 10; ++i) running.submit(0);
  running.backend.reset();
  EXPECT_FALSE(running.fake->open);
}

}  // namespace
}  // namespace vyre::cuda
