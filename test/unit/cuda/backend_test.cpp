// The backend's host half at work, over a kernel that is a host thread: items, bytes, handles,
// programs, parking.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "backend/handle.hpp"
#include "core/image.hpp"
#include "fixture.hpp"

namespace vyre::cuda {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint32_t kNoop{0};

backend::ProgramOp tiny_program(std::string name) {
  core::Image image;
  image.code.resize(3);
  image.statements.resize(3);
  backend::ProgramOp op;
  op.name = std::move(name);
  op.image = std::make_shared<const core::Image>(std::move(image));
  return op;
}

TEST(CudaBackend, EveryItemEndsOnceOverManyLaps) {
  Running running;
  running.options.queues = 3;
  running.start();
  for (int lap = 0; lap < 40; ++lap) {
    for (std::uint32_t q = 0; q < 3; ++q) {
      for (int i = 0; i < 50; ++i) running.submit(kNoop, 0, q);
    }
    for (std::uint32_t q = 0; q < 3; ++q) {
      const auto ended = running.collect(50, q);
      ASSERT_EQ(ended.size(), 50u);
      for (const auto& taken : ended) EXPECT_EQ(taken.completion.status(), CompletionStatus::done);
    }
  }
  EXPECT_TRUE(running.backend->stop(Clock::now()));
  EXPECT_EQ(running.backend->device_facts().launches, 1u);
}

TEST(CudaBackend, BytesOfEverySizeComeBackAsTheyWere) {
  Running running;
  running.device.staging_bytes = 128 << 10;  // many rounds through few chunks
  running.start();
  std::uint32_t handle = 0;
  for (const std::size_t bytes :
       {0u, 1u, 15u, 16u, 4'095u, 16'384u, 16'385u, 65'537u, 131'072u, 3'000'001u, 17'000'003u}) {
    SCOPED_TRACE(bytes);
    ++handle;
    ASSERT_TRUE(running.backend->allocate(handle, bytes + 7));
    Bytes before(bytes + 7, 0xEE);
    ASSERT_TRUE(running.backend->read(handle, 0, before));
    EXPECT_EQ(before, Bytes(bytes + 7, 0)) << "a new buffer is zero";
    const Bytes given = pattern(bytes, handle);
    ASSERT_TRUE(running.backend->write(handle, 3, given));
    Bytes back(bytes);
    ASSERT_TRUE(running.backend->read(handle, 3, back));
    EXPECT_EQ(back, given);
    Bytes around(3);
    ASSERT_TRUE(running.backend->read(handle, bytes + 3, around));
    EXPECT_EQ(around, Bytes(3, 0)) << "written past the end";
  }
}

TEST(CudaBackend, BytesCanBeReadWhenTheKernelHasEnded) {
  Running running;
  running.start();
  ASSERT_TRUE(running.backend->allocate(1, 200'000));
  const Bytes given = pattern(200'000, 5);
  ASSERT_TRUE(running.backend->write(1, 0, given));
  ASSERT_TRUE(running.backend->stop(Clock::now()));
  Bytes back(199'000);
  ASSERT_TRUE(running.backend->read(1, 1'000, back));
  EXPECT_EQ(back, Bytes(given.begin() + 1'000, given.end()));
  EXPECT_FALSE(running.backend->read(1, 200'000, back)) << "past the end";
  EXPECT_FALSE(running.backend->read(2, 0, back)) << "no such buffer";
  EXPECT_FALSE(running.backend->write(1, 0, given)) << "nothing runs any more";
}

TEST(CudaBackend, ManyThreadsMoveBytesThroughOneQueue) {
  Running running;
  running.device.staging_bytes = 256 << 10;
  running.start();
  constexpr std::uint32_t kThreads{4};
  for (std::uint32_t t = 1; t <= kThreads; ++t) ASSERT_TRUE(running.backend->allocate(t, 700'000));
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (std::uint32_t t = 1; t <= kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 3; ++i) {
        const Bytes given = pattern(700'000 - t, t * 10 + i);
        Bytes back(given.size());
        if (!running.backend->write(t, t, given)) return;
        if (!running.backend->read(t, t, back)) return;
        right += back == given ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 12);
}

TEST(CudaBackend, AFullArenaSaysWhatWasRequestedAndWhatIsAvailable) {
  Running running;
  running.device.arena_bytes = 1 << 20;
  running.start();
  ASSERT_TRUE(running.backend->allocate(1, 900'000));
  const Status refused = running.backend->allocate(2, 900'000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::out_of_memory);
  EXPECT_NE(refused.error().message.find("900000"), std::string::npos);
  EXPECT_NE(refused.error().message.find("148480 of 1048576 are available"), std::string::npos)
      << refused.error().message;
  running.backend->release(1);
  EXPECT_TRUE(running.backend->allocate(2, 900'000)) << "released memory is free again";
  EXPECT_EQ(running.backend->device_facts().arena_used, 900'096u);
}

TEST(CudaBackend, StaleAndForeignHandlesAreRefused) {
  Running running;
  running.start();
  ASSERT_TRUE(running.backend->allocate(5, 10));
  running.backend->release(5);
  Bytes out(1);
  EXPECT_EQ(running.backend->read(5, 0, out).error().code, Errc::not_found);
  const std::uint32_t again = backend::make_handle(5, 1);
  ASSERT_TRUE(running.backend->allocate(again, 10));
  EXPECT_EQ(running.backend->read(5, 0, out).error().code, Errc::not_found);
  running.backend->release(5);  // of an earlier generation: nothing happens
  EXPECT_TRUE(running.backend->read(again, 9, out));
  EXPECT_EQ(running.backend->read(again, 10, out).error().code, Errc::invalid_argument);
  const std::array<std::uint32_t, 2> members{again, again};
  ASSERT_TRUE(running.backend->bind(6, members));
  EXPECT_EQ(running.backend->read(6, 0, out).error().code, Errc::not_found) << "a set has no bytes";
  const Status above = running.backend->allocate(megakernel::kMaxDeviceHandles, 10);
  ASSERT_FALSE(above);
  EXPECT_NE(above.error().message.find("kMaxDeviceHandles"), std::string::npos);
}

TEST(CudaBackend, ProgramsReachTheDeviceAndCountTheirSteps) {
  Running running;
  running.start();
  ASSERT_TRUE(running.backend->add_program(kFirstUserOp + 2, tiny_program("third")));
  running.submit(kFirstUserOp + 2, 40);
  running.submit(kFirstUserOp + 2, 2);
  running.submit(kFirstUserOp + 1);
  const auto ended = running.collect(3);
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended[2].completion.code(), FaultCode::unknown_op);
  EXPECT_EQ(running.backend->steps(kFirstUserOp + 2), 42u);
  EXPECT_EQ(running.backend->steps(kFirstUserOp + 1), 0u);
  EXPECT_TRUE(running.backend->stop(Clock::now()));
  EXPECT_EQ(running.backend->steps(kFirstUserOp + 2), 42u) << "kept after the end";
}

TEST(CudaBackend, AProgramThatNeedsMoreScratchThanAWarpHasIsRefusedByName) {
  Running running;
  running.start();
  running.fake->scratch_needed = 4'096;
  EXPECT_TRUE(running.backend->add_program(kFirstUserOp, tiny_program("fits")));
  running.fake->scratch_needed = 4'097;
  const Status refused = running.backend->add_program(kFirstUserOp + 1, tiny_program("large"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("'large' needs 4097 bytes of scratch"), std::string::npos);
  const Status above =
      running.backend->add_program(kFirstUserOp + megakernel::kMaxDeviceOps, tiny_program("late"));
  ASSERT_FALSE(above);
  EXPECT_NE(above.error().message.find("kMaxDeviceOps"), std::string::npos);
}

TEST(CudaBackend, NoItemIsLostBetweenParkingAndTheBell) {
  Running running;
  running.device.park_after = microseconds{50};
  running.start();
  // On a busy machine the kernel's thread may come to park in few rounds only.
  const auto launches = [&running] { return running.backend->device_facts().launches; };
  for (int i = 0; i < 400 || (launches() <= 10 && i < 20'000); ++i) {
    running.submit(kNoop);
    ASSERT_EQ(running.collect(1).size(), 1u) << "round " << i;
    // Around the time of parking, from before it to after it.
    std::this_thread::sleep_for(microseconds{i % 100});
  }
  EXPECT_TRUE(running.backend->stop(Clock::now()));
  EXPECT_GT(launches(), 10u);
  EXPECT_FALSE(running.backend->lost().has_value());
}

TEST(CudaBackend, NoItemIsLostWhereTheKernelStaysAfterItToldThatItParks) {
  Running running;
  running.fake->wavers = true;
  running.device.park_after = microseconds{1};
  running.start();
  for (int i = 0; i < 2'000; ++i) {
    running.submit(kNoop);
    ASSERT_EQ(running.collect(1).size(), 1u) << i;
    if (i % 16 == 0) std::this_thread::sleep_for(microseconds{i % 7 * 20});
  }
  EXPECT_TRUE(running.backend->stop(Clock::now()));
  EXPECT_FALSE(running.backend->lost().has_value());
}

TEST(CudaBackend, ALaunchRightBehindALookDoesNotMakeHousekeepingThinkThatTheKernelIsParked) {
  // Housekeeping looks every 50 ms while a kernel is resident, every second while none is. A
  // machine may be late once, but not each time.
  milliseconds shortest{10'000};
  for (int round = 0; round < 4 && shortest >= milliseconds{700}; ++round) {
    Running running;
    running.device.park_after = microseconds{100};
    std::atomic<bool> rang{false};
    std::atomic<bool> collected{false};
    std::atomic<std::int64_t> told_at{0};
    std::atomic<std::int64_t> next_at{0};
    const auto now_ns = [] { return Clock::now().time_since_epoch().count(); };
    const auto until = Clock::now() + std::chrono::seconds{20};
    const auto await = [&](const auto& ready) {
      while (!ready() && Clock::now() < until) std::this_thread::sleep_for(milliseconds{1});
      return ready();
    };
    running.fake->after_look = [&](KernelState state) {
      if (rang && next_at == 0) next_at = now_ns();
      if (rang || state == KernelState::running) return;
      // Before this look is told, a bell starts a kernel, which ends its item and stays.
      running.fake->stays = true;
      running.submit(kNoop);
      rang = true;
      (void)await([&] { return collected.load(); });
      told_at = now_ns();
    };
    running.start();
    ASSERT_TRUE(await([&] { return rang.load(); }));
    ASSERT_EQ(running.collect(1).size(), 1u);
    collected = true;
    ASSERT_TRUE(await([&] { return next_at != 0; }));
    const std::chrono::nanoseconds took{next_at - told_at};
    running.backend.reset();
    shortest = std::min(shortest, std::chrono::ceil<milliseconds>(took));
  }
  EXPECT_LT(shortest, milliseconds{700});
}

TEST(CudaBackend, TheLastOneThatClosesFreesBeforeTheNextOneLaunches) {
  const auto driver = std::make_shared<FakeDriver>();
  driver->free_takes = milliseconds{500};
  std::thread closes([&driver] {
    Running running;
    running.fake->driver = driver;
    running.device.park_after = {};
    running.start();
  });
  const auto until = Clock::now() + std::chrono::seconds{20};
  while (!driver->freeing && Clock::now() < until) std::this_thread::yield();
  ASSERT_TRUE(driver->freeing);
  {
    Running running;
    running.fake->driver = driver;
    running.device.park_after = {};
    running.start();
    closes.join();
    EXPECT_EQ(driver->frees, 1u);
    EXPECT_EQ(driver->frees_hung, 0u)
        << "freeing waits for the kernel of the next one, which never parks";
    driver->free_takes = microseconds{0};
  }
  EXPECT_EQ(driver->frees, 2u);
}

TEST(CudaBackend, ALaunchThatDrainsIsFollowedByTheNext) {
  Running running;
  running.device.drain_after = 10;
  running.start();
  for (int i = 0; i < 60; ++i) running.submit(kNoop);
  EXPECT_EQ(running.collect(60).size(), 60u);
  EXPECT_GE(running.backend->device_facts().launches, 3u);
}

TEST(CudaBackend, AbandonedSlotsEndAsCancelledAlsoWhileParked) {
  Running running;
  running.device.park_after = microseconds{100};
  running.start();
  const auto hole = running.ports[0].submissions.try_reserve(1);
  ASSERT_EQ(hole.count, 1u);
  running.submit(kNoop);
  const auto ended = running.collect(2);
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[0].completion.code(), FaultCode::abandoned);
  EXPECT_EQ(ended[1].completion.status(), CompletionStatus::done);
  EXPECT_FALSE(running.ports[0].submissions.try_publish(hole.first, {0, 0, 0, 0}, kQueueFlagNone));
}

TEST(CudaBackend, NobodyCollectsAndTheListenerHearsOfIt) {
  Running running;
  running.start();
  running.submit(kNoop);
  for (int i = 0; i < 500 && running.listener.idles == 0; ++i)
    std::this_thread::sleep_for(milliseconds{2});
  EXPECT_GT(running.listener.idles, 0);
}

TEST(CudaBackend, AfterTheStartDeadlineItemsAreCancelledAndBytesStillMove) {
  Running running;
  running.options.start_until = Clock::now() + milliseconds{1};
  running.start();
  ASSERT_TRUE(running.backend->allocate(1, 4));
  std::this_thread::sleep_for(milliseconds{5});
  running.backend->tend();
  std::this_thread::sleep_for(milliseconds{5});
  running.backend->tend();
  running.submit(kNoop);
  const auto ended = running.collect(1);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].completion.code(), FaultCode::wall_time);
  Bytes out(4);
  EXPECT_TRUE(running.backend->read(1, 0, out));
}

TEST(CudaBackend, TheShareOfBusyWarpsIsTheMeanOfTheKernelsSamples) {
  Running running;
  running.start();
  running.submit(kNoop);
  ASSERT_EQ(running.collect(1).size(), 1u);
  EXPECT_FALSE(running.backend->sampled_busy_bps()) << "no sample was taken";
  const std::uint64_t warps = running.backend->device_facts().workers;
  running.fake->busy_warps = warps * 3;
  running.fake->samples = 4;
  const Deadline until = soon();
  while (running.backend->sampled_busy_bps() != 7'500 && Clock::now() < until) {
    running.submit(kNoop);
    ASSERT_EQ(running.collect(1).size(), 1u);
  }
  EXPECT_EQ(running.backend->sampled_busy_bps(), 7'500) << "three of four";
}

TEST(CudaBackend, ImpossibleOptionsAreRefusedBeforeAnythingIsReserved) {
  Running running;
  running.options.queues = kMaxQueues + 1;
  EXPECT_EQ(running.open().error().code, Errc::invalid_argument);
  running.options.queues = 1;
  running.device.staging_bytes = 10;
  EXPECT_EQ(running.open().error().code, Errc::invalid_argument);
  running.device.staging_bytes = 1 << 20;
  running.options.ring_slots = 63;
  EXPECT_EQ(running.open().error().code, Errc::invalid_argument);
  running.options.ring_slots = 64;
  running.fake->free_bytes = 1 << 20;
  const Status small = running.open();
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, Errc::out_of_memory);
  EXPECT_NE(small.error().message.find("1048576 are available"), std::string::npos);
  EXPECT_FALSE(running.fake->open) << "a refused backend keeps nothing";
}

}  // namespace
}  // namespace vyre::cuda
