// Orders of publishing, parking, giving up and closing that the model finds in the kernel's
// decisions (test/model/resident_model_test.cpp, run_queue_model_test.cpp), provoked on the device.
// Items wait here for what later items write, so a kernel that stops taking under running work
// stands still. The process ends itself after kAlarmSeconds. Skips without a device
// (VYRE_REQUIRE_GPU=1: fails).
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fixture.hpp"
#include "queue/queue.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::cuda {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kNop{0};
constexpr std::uint32_t kFill{1};
constexpr std::uint32_t kWords{1};  // a buffer of two words: a flag, and a count
constexpr std::uint32_t kSet{2};
constexpr std::uint32_t kPatient{kFirstUserOp};       // ends when the flag is set
constexpr std::uint32_t kCount{kFirstUserOp + 1};     // adds one to the count
constexpr std::uint32_t kRunsLong{kFirstUserOp + 2};  // about a second

class DepartureOnDevice : public OnDevice {
 protected:
  static backend::Options options() {
    backend::Options options;
    options.queues = 2;
    options.ring_slots = 64;
    options.completion_slots = 64;
    options.fuel = ~std::uint64_t{0};
    options.producer_timeout = milliseconds{50};
    return options;
  }
  static DeviceOptions device() {
    DeviceOptions device;
    device.arena_bytes = std::uint64_t{64} << 20;
    device.max_blocks = 16;
    return device;
  }

  void add(std::uint32_t op, const std::string& body) {
    const auto program = vir::assemble(
        "workgroup 1, 1, 1;\nbuffer words: u32[] read_write;\nregion \"r\" {\n" + body + "\n}\n");
    ASSERT_TRUE(program) << to_string(program.error());
    auto prepared = vir::prepare(*program);
    ASSERT_TRUE(prepared);
    ASSERT_TRUE(vir::validate(*prepared));
    auto image = vir::lower(*prepared);
    ASSERT_TRUE(image) << image.error().message;
    auto grid = vir::grid_rule(*prepared);
    ASSERT_TRUE(grid);
    backend::ProgramOp made;
    made.name = "op";
    made.image = std::make_shared<const core::Image>(std::move(*image));
    made.buffers = {{backend::BufferRole::read_write, false, 8}};
    made.grid_rule = grid->rule;
    made.grid_buffers = std::move(grid->buffers);
    const Status added = backend_->add_program(op, std::move(made));
    ASSERT_TRUE(added) << added.error().message;
  }
  void open(const DeviceOptions& how) {
    auto made = make_backend(options(), how);
    ASSERT_TRUE(made) << made.error().message;
    backend_ = std::move(*made);
    ASSERT_TRUE(backend_->start(listener_));
    for (std::uint32_t q = 0; q < 2; ++q) ports_[q] = backend_->port(q);
    ASSERT_TRUE(backend_->allocate(kWords, 8));
    const std::uint32_t members[]{kWords};
    ASSERT_TRUE(backend_->bind(kSet, members));
    ASSERT_NO_FATAL_FAILURE(add(kPatient,
                                "for i in 0..4294967295 { let seen = atomic_add(words[0], 0);\n"
                                "if seen != 0 { return; } }"));
    ASSERT_NO_FATAL_FAILURE(add(kCount, "let before = atomic_add(words[1], 1);"));
    ASSERT_NO_FATAL_FAILURE(
        add(kRunsLong, "for i in 0..200000 { let seen = atomic_add(words[0], 0); }"));
  }
  void submit(std::uint32_t queue, std::uint32_t op, std::uint32_t flags = 0,
              std::uint32_t param = 1) {
    const auto until = Clock::now() + seconds{5};
    queue::Reservation got;
    while ((got = ports_[queue].submissions.try_reserve(1)).count == 0 && Clock::now() < until)
      take(queue);
    ASSERT_EQ(got.count, 1u) << "no room in the ring";
    const MegakernelWorkItem item = op == kFill ? MegakernelWorkItem{op, 0, kWords, param}
                                                : MegakernelWorkItem{op, kSet, 0, param};
    ASSERT_TRUE(ports_[queue].submissions.try_publish(got.first, item, flags));
    backend_->doorbell();
  }
  void take(std::uint32_t queue) {
    queue::TakenCompletion taken[16];
    auto& reader = ports_[queue].completions;
    const std::uint32_t count = reader.take(taken, 16, ports_[queue].submissions.tail());
    for (std::uint32_t i = 0; i < count; ++i) {
      if (taken[i].completion.status() != CompletionStatus::done) ++not_done_;
    }
    reader.release();
    ended_[queue] += count;
  }
  /// Until everything that was published has ended.
  void drain(std::uint32_t queue) {
    const auto until = Clock::now() + seconds{5};
    while (ended_[queue] < ports_[queue].submissions.tail()) {
      take(queue);
      if (Clock::now() < until) continue;
      backend_->tend();
      const auto why = backend_->lost();
      FAIL() << ended_[queue] << " of " << ports_[queue].submissions.tail() << " items of queue "
             << queue << " ended; heartbeat " << backend_->heartbeat()
             << (why ? "; " + why->message : std::string{});
    }
  }
  std::uint32_t word(std::size_t index) {
    Bytes bytes(8);
    EXPECT_TRUE(backend_->read(kWords, 0, bytes));
    return load_le<std::uint32_t>(bytes, index * 4);
  }
  static void spin(microseconds time) {
    const auto until = Clock::now() + time;
    while (Clock::now() < until) {
    }
  }

  backend::QueuePort ports_[2];
  std::uint64_t ended_[2]{};
  std::uint64_t not_done_{0};
};

TEST_F(DepartureOnDevice, WhatComesWhileAnItemRunsIsTakenHoweverTheItemMetTheParkingKernel) {
  DeviceOptions how = device();
  how.park_after = microseconds{40};
  ASSERT_NO_FATAL_FAILURE(open(how));
  for (int round = 0; round < 500; ++round) {
    spin(microseconds{round % 100});  // around the time of parking
    submit(0, kPatient);
    spin(microseconds{round % 7 * 20});
    submit(1, kFill, 0, 1);
    ASSERT_NO_FATAL_FAILURE(drain(1)) << "round " << round;
    ASSERT_NO_FATAL_FAILURE(drain(0)) << "round " << round;
    submit(1, kFill, 0, 0);
    ASSERT_NO_FATAL_FAILURE(drain(1));
  }
  EXPECT_EQ(not_done_, 0u);
  EXPECT_GT(backend_->device_facts().launches, 3u) << "it hardly ever parked";
  EXPECT_TRUE(backend_->stop(Clock::now()));
}

TEST_F(DepartureOnDevice, TheKernelDoesNotParkUnderAnItemThatAnEndedOneStandsFor) {
  DeviceOptions how = device();
  how.park_after = microseconds{100};
  ASSERT_NO_FATAL_FAILURE(open(how));
  for (int round = 0; round < 50; ++round) {
    submit(0, kPatient);
    spin(microseconds{50});  // taken, and it runs
    const queue::Reservation got = ports_[0].submissions.try_reserve(2);
    ASSERT_EQ(got.count, 2u);
    // One group: a no-op that ends, and an item that waits for all before it.
    ASSERT_TRUE(
        ports_[0].submissions.try_publish(got.first + 1, {kNop, 0, 0, 0}, kQueueFlagAfterAll));
    ASSERT_TRUE(ports_[0].submissions.try_publish(got.first, {kNop, 0, 0, 0}, kQueueFlagNone));
    backend_->doorbell();
    spin(microseconds{500});  // longer than it takes to park
    submit(1, kFill, 0, 1);
    ASSERT_NO_FATAL_FAILURE(drain(1)) << "round " << round;
    ASSERT_NO_FATAL_FAILURE(drain(0)) << "round " << round;
    submit(1, kFill, 0, 0);
    ASSERT_NO_FATAL_FAILURE(drain(1));
  }
  EXPECT_EQ(not_done_, 0u);
  EXPECT_TRUE(backend_->stop(Clock::now()));
}

TEST_F(DepartureOnDevice, NumbersThatAreGivenBackWhileAllWorkersAreBusyCostNoEntry) {
  DeviceOptions how = device();
  how.max_blocks = 2;  // one of them takes items, the other one has 16 workers
  how.ingress_blocks = 1;
  how.park_after = {};
  ASSERT_NO_FATAL_FAILURE(open(how));
  const std::uint32_t workers = backend_->device_facts().workers;
  ASSERT_EQ(workers, 16u);
  for (std::uint32_t w = 0; w < workers; ++w) submit(0, kRunsLong);
  // Each of these makes the queue's poller give a number back that no worker is free to take: more
  // of them than the run queue has entries, if the long items last.
  std::uint64_t flagged = 0;
  for (; flagged < 40'000 && ended_[0] == 0; ++flagged) {
    submit(1, kNop, kQueueFlagAfterAll);
    ASSERT_NO_FATAL_FAILURE(drain(1));
    if (flagged % 64 == 0) take(0);
  }
  for (int i = 0; i < 40; ++i) submit(0, kCount);
  ASSERT_NO_FATAL_FAILURE(drain(0)) << "after " << flagged << " flagged items";
  EXPECT_EQ(word(1), 40u) << "an item was lost or ran twice, after " << flagged;
  EXPECT_EQ(not_done_, 0u);
  EXPECT_FALSE(backend_->lost().has_value());
  EXPECT_TRUE(backend_->stop(Clock::now()));
}

TEST_F(DepartureOnDevice, AProducerThatComesAfterItsQueueWasGivenUpRunsNothing) {
  for (const bool parks : {false, true}) {
    DeviceOptions how = device();
    how.park_after = parks ? microseconds{200} : microseconds{0};
    ended_[0] = ended_[1] = not_done_ = 0;
    ASSERT_NO_FATAL_FAILURE(open(how));
    const queue::Producer& late = ports_[0].submissions;
    ASSERT_EQ(late.try_reserve(3).count, 3u);
    for (int i = 0; i < 3; ++i) late.claims[i] += 64;
    const auto until = Clock::now() + seconds{5};
    while (ended_[0] < 3 && Clock::now() < until) {
      backend_->tend();
      take(0);
    }
    ASSERT_EQ(ended_[0], 3u);
    EXPECT_EQ(not_done_, 3u);
    for (std::uint64_t p = 0; p < 3; ++p)
      late.publish_owned(p, {kCount, kSet, 0, 1}, kQueueFlagNone);
    for (int i = 0; i < 200; ++i) {
      submit(1, kNop);
      ASSERT_NO_FATAL_FAILURE(drain(1));
    }
    EXPECT_EQ(word(1), 0u) << "its items had been ended, and their memory released";
    EXPECT_TRUE(backend_->stop(Clock::now()));
    backend_.reset();
  }
}

TEST_F(DepartureOnDevice, TheLastOneThatClosesFreesBeforeTheNextOneLaunches) {
  std::atomic<int> failed{0};
  const auto open_and_close = [&failed] {
    Listening listener;
    for (int i = 0; i < 6; ++i) {
      DeviceOptions how = device();
      how.max_blocks = 8;
      how.park_after = {};
      auto made = make_backend(options(), how);
      if (!made || !(*made)->start(listener)) {
        ++failed;
        return;
      }
      (*made)->doorbell();
      if (!(*made)->stop(Clock::now())) ++failed;
    }
  };
  std::thread other(open_and_close);
  open_and_close();
  other.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace vyre::cuda
