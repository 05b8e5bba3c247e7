// What the launch policy sets on CPU workers: how many look for work, and how many items of a queue
// are with workers. Whatever the limits are, every item ends.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>

#include "cpu/backend/backend.hpp"
#include "cpu/backend/worker.hpp"

namespace vyre::cpu {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t kWorkers{4};
constexpr std::uint32_t kSlots{256};
constexpr std::uint32_t kItems{8};
/// An op that no worker knows: the item faults, and a batch has one of them.
constexpr MegakernelWorkItem kUnknown{5'000, 0, 0, 0};

backend::Options options_of(std::uint32_t workers) {
  backend::Options options;
  options.ring_slots = kSlots;
  options.completion_slots = kSlots;
  options.workers = workers;
  options.producer_timeout = seconds{60};
  return options;
}

class Unheard final : public backend::Listener {
 public:
  void posted() noexcept override {}
  void idle() noexcept override {}
};

/// Four workers, each of which stops before every item while the gate is shut.
class AwakeWorkers : public ::testing::Test {
 protected:
  void open(bool first_dies = false) {
    backend::Options options = options_of(kWorkers);
    options.worker_dies = [this, first_dies](std::uint32_t worker, std::uint64_t) {
      std::unique_lock lock(mutex_);
      seen_.insert(worker);
      changed_.notify_all();
      (void)changed_.wait_for(lock, seconds{30}, [this] { return !shut_; });
      return first_dies && worker == 0;
    };
    auto made = make_backend(options);
    ASSERT_TRUE(made) << to_string(made.error());
    backend_ = std::move(*made);
    ASSERT_TRUE(backend_->start(listener_));
    port_ = backend_->port(0);
  }
  void TearDown() override {
    let_run();
    EXPECT_TRUE(backend_ == nullptr || backend_->stop(Clock::now() + seconds{30}));
  }
  void publish(std::uint32_t items) {
    for (std::uint32_t i = 0; i < items; ++i) {
      const queue::Reservation got = port_.submissions.try_reserve(1);
      ASSERT_EQ(got.count, 1u);
      ASSERT_TRUE(port_.submissions.try_publish(got.first, kUnknown, 0));
    }
    backend_->doorbell();
  }
  bool await_workers(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds{30}, [&] { return seen_.size() >= count; });
  }
  void let_run() {
    const std::lock_guard lock(mutex_);
    shut_ = false;
    changed_.notify_all();
  }
  void shut() {
    const std::lock_guard lock(mutex_);
    shut_ = true;
    seen_.clear();
  }
  std::set<std::uint32_t> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  bool all_end(std::uint32_t items) {
    const Deadline until = Clock::now() + seconds{30};
    while (items != 0 && Clock::now() < until) {
      std::array<queue::TakenCompletion, kSlots> taken;
      items -= port_.completions.take(taken.data(), kSlots, port_.submissions.tail());
      port_.completions.release();
      std::this_thread::yield();
    }
    return items == 0;
  }

  Unheard listener_;
  std::unique_ptr<backend::Backend> backend_;
  backend::QueuePort port_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_{true};
  std::set<std::uint32_t> seen_;
};

TEST_F(AwakeWorkers, OnlySoManyLookForWorkAndAllWhenThatIsLifted) {
  open();
  backend_->keep_awake({2, ~std::uint64_t{0}, 2});
  publish(kItems);
  EXPECT_TRUE(await_workers(2));
  EXPECT_EQ(backend_->busy_groups(), 2u);
  let_run();
  ASSERT_TRUE(all_end(kItems));
  EXPECT_EQ(seen(), (std::set<std::uint32_t>{0, 1}));

  shut();
  publish(kItems);
  EXPECT_TRUE(await_workers(2));
  backend_->keep_awake({kWorkers, ~std::uint64_t{0}, kWorkers});
  // A worker that was not to look is awake now, and the next doorbell finds it.
  backend_->doorbell();
  backend_->doorbell();
  EXPECT_TRUE(await_workers(kWorkers));
  let_run();
  ASSERT_TRUE(all_end(kItems));
}

TEST_F(AwakeWorkers, MoreThanTheDecisionSawWakesTheOthers) {
  open();
  backend_->keep_awake({1, kItems, 3});
  publish(kItems);
  EXPECT_TRUE(await_workers(1));
  publish(1);
  backend_->doorbell();
  EXPECT_TRUE(await_workers(3));
  let_run();
  ASSERT_TRUE(all_end(kItems + 1));
  EXPECT_EQ(seen(), (std::set<std::uint32_t>{0, 1, 2}));
}

TEST_F(AwakeWorkers, ADecisionThatComesTooLateLimitsNothing) {
  open();
  publish(kItems);
  backend_->keep_awake({1, kItems - 1, kWorkers});
  backend_->doorbell();
  EXPECT_TRUE(await_workers(kWorkers));
  let_run();
  ASSERT_TRUE(all_end(kItems));
}

TEST_F(AwakeWorkers, WhereTheOnlyAwakeOneDiesAnotherTakesItsPlace) {
  open(true);
  backend_->keep_awake({1, ~std::uint64_t{0}, 1});
  publish(kItems);
  EXPECT_TRUE(await_workers(1));
  let_run();
  ASSERT_TRUE(all_end(kItems));
  EXPECT_GT(seen().size(), 1u);
}

TEST_F(AwakeWorkers, LimitsThatChangeAllTheTimeLoseNoItem) {
  open();
  let_run();
  for (std::uint32_t round = 0; round < 400; ++round) {
    backend_->keep_awake(
        {1 + round % kWorkers, round % 3 == 0 ? 0 : ~std::uint64_t{0}, 1 + (round / 3) % kWorkers});
    backend_->set_window(0, 1 + round % 7, round % 2 == 0 ? ~std::uint64_t{0} : 0);
    publish(1 + round % 9);
    ASSERT_TRUE(all_end(1 + round % 9)) << "round " << round;
  }
}

/// Taking alone, without workers.
class Window : public ::testing::Test {
 protected:
  Window() : state_(options_of(2)) {
    auto rings = queue::Queue::create({kSlots, kSlots});
    if (!rings) std::abort();
    state_.queues.push_back(std::make_unique<WorkerQueue>(std::move(*rings), seconds{60}));
    for (int w = 0; w < 2; ++w) state_.waiters.push_back(std::make_unique<queue::Waiter>());
    state_.alive = 2;
    state_.ops.at(0).estimate_ns = 15;
  }
  void publish(std::uint32_t items) {
    const queue::Producer& producer = state_.queues[0]->producer;
    for (std::uint32_t i = 0; i < items; ++i) {
      const queue::Reservation got = producer.try_reserve(1);
      ASSERT_EQ(got.count, 1u);
      ASSERT_TRUE(producer.try_publish(got.first, {0, 0, 0, 0}, 0));
    }
  }
  Batch take() {
    Batch batch;
    const std::lock_guard lock(state_.taking);
    (void)state_.take(batch);
    return batch;
  }
  void end(const Batch& batch) {
    for (std::uint32_t i = 0; i < batch.count; ++i) {
      const std::uint64_t position = batch.items[i].position;
      const Completion done = Completion::make(CompletionStatus::done, FaultCode::none,
                                               static_cast<std::uint32_t>(position), 0, 0, 0);
      state_.post(0, &done, &position, 1);
    }
  }
  State state_;
};

TEST_F(Window, BoundsTheItemsThatWorkersHave) {
  publish(10);
  state_.set_window(0, 4, 8);
  const Batch first = take();
  EXPECT_EQ(first.count, 4u);
  EXPECT_EQ(take().count, 0u);
  end(first);
  const Batch second = take();
  EXPECT_EQ(second.count, 6u) << "four, and two that lie beyond the window's end";
  end(second);
}

TEST_F(Window, AWiderOneWakesAWorkerForWhatWasHeldBack) {
  publish(10);
  state_.set_window(0, 1, 10);
  const Batch first = take();
  EXPECT_EQ(first.count, 1u);
  EXPECT_EQ(take().count, 0u);
  EXPECT_FALSE(state_.may_have_work());
  state_.idle_mask.fetch_or(2);
  state_.set_window(0, 3, 10);
  EXPECT_EQ(state_.idle_mask.load(), 0u);
  EXPECT_TRUE(state_.may_have_work());
  EXPECT_EQ(take().count, 2u);
}

TEST_F(Window, DoesNotHoldBackWhatIsCancelled) {
  publish(10);
  state_.set_window(0, 1, 10);
  state_.cancel(FaultCode::shutdown);
  EXPECT_EQ(take().count, 10u);
}

}  // namespace
}  // namespace vyre::cpu
