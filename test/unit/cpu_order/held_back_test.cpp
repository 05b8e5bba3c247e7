// Items that a taker held back because they wait for others: a worker that ends those others and
// goes on with long work wakes an idle worker, and no such wake is lost.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include "cpu/backend/worker.hpp"

namespace vyre::cpu {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kSecond{2};  // the bit of worker 1

class HeldBack : public ::testing::Test {
 protected:
  HeldBack() : state_(options()) {
    for (int q = 0; q < 2; ++q) {
      auto rings = queue::Queue::create({kSlots, kSlots});
      if (!rings) std::abort();
      state_.queues.push_back(std::make_unique<WorkerQueue>(std::move(*rings), seconds{60}));
    }
    for (int w = 0; w < 2; ++w) state_.waiters.push_back(std::make_unique<queue::Waiter>());
  }
  static constexpr std::uint32_t kSlots{64};
  static backend::Options options() {
    backend::Options options;
    options.queues = 2;
    options.ring_slots = kSlots;
    options.completion_slots = kSlots;
    options.workers = 2;
    options.producer_timeout = seconds{60};
    return options;
  }
  std::uint64_t publish(std::uint32_t flags, std::uint32_t queue = 0,
                        const MegakernelWorkItem& item = {0, 0, 0, 0}) {
    const queue::Producer& producer = state_.queues[queue]->producer;
    const queue::Reservation got = producer.try_reserve(1);
    EXPECT_EQ(got.count, 1u);
    EXPECT_TRUE(producer.try_publish(got.first, item, flags));
    return got.first;
  }
  std::uint32_t take(Batch& batch) {
    const std::lock_guard lock(state_.taking);
    (void)state_.take(batch);
    return batch.count;
  }
  void end(const Batch& batch) {
    for (std::uint32_t i = 0; i < batch.count; ++i) {
      const std::uint64_t position = batch.items[i].position;
      const Completion done = Completion::make(CompletionStatus::done, FaultCode::none,
                                               static_cast<std::uint32_t>(position), 0, 0, 0);
      state_.post(0, &done, &position, 1);
    }
  }
  void collect() {
    queue::Reader reader = state_.queues[0]->rings.reader();
    reader.position = collected_;
    std::array<queue::TakenCompletion, kSlots> taken;
    (void)reader.take(taken.data(), kSlots, state_.queues[0]->producer.tail());
    reader.release();
    collected_ = reader.position;
  }

  State state_;
  std::uint64_t collected_{0};
};

TEST_F(HeldBack, AnIdleWorkerIsWokenWhenWhatItWaitsForHasEnded) {
  for (const std::uint32_t flag : {kQueueFlagAfterPrevious, kQueueFlagAfterAll}) {
    Batch first;
    Batch second;
    (void)publish(0);
    ASSERT_EQ(take(first), 1u);
    (void)publish(flag);
    ASSERT_EQ(take(second), 0u) << "it waits for an item that runs";
    ASSERT_FALSE(state_.may_have_work()) << "an idle worker may sleep";

    const std::uint32_t epoch = state_.waiters[1]->prepare();
    state_.idle_mask.fetch_or(kSecond);
    end(first);
    state_.wake_for_held_back();
    EXPECT_EQ(state_.idle_mask.load(), 0u);
    EXPECT_TRUE(state_.waiters[1]->sleep(epoch, Clock::now() + seconds{30}));
    EXPECT_TRUE(state_.may_have_work());
    EXPECT_EQ(take(second), 1u);
    EXPECT_FALSE(state_.may_have_work());
    end(second);
  }
}

TEST_F(HeldBack, NobodyIsWokenWhereNothingIsHeldBack) {
  Batch batch;
  (void)publish(0);
  ASSERT_EQ(take(batch), 1u);
  state_.idle_mask.fetch_or(kSecond);
  end(batch);
  state_.wake_for_held_back();
  EXPECT_EQ(state_.idle_mask.load(), kSecond);
  EXPECT_FALSE(state_.may_have_work());
}

TEST_F(HeldBack, ARestOfADeadWorkerDoesNotMakeItForgotten) {
  Batch first;
  Batch orphan;
  (void)publish(0);
  ASSERT_EQ(take(first), 1u);
  (void)publish(kQueueFlagAfterPrevious);
  Batch second;
  ASSERT_EQ(take(second), 0u);
  state_.orphans.push_back(orphan);
  (void)take(second);  // the rest, and nothing else
  state_.idle_mask.fetch_or(kSecond);
  end(first);
  state_.wake_for_held_back();
  EXPECT_EQ(state_.idle_mask.load(), 0u);
}

TEST_F(HeldBack, NoWakeIsLostBetweenATakerAndAWorkerThatEndsItems) {
  for (int round = 0; round < 3'000; ++round) {
    Batch first;
    (void)publish(0);
    ASSERT_EQ(take(first), 1u);
    (void)publish(kQueueFlagAfterPrevious);
    // As Worker::step() and sleep(): the taker looks, and sleeps if there is nothing.
    bool woken = true;
    Batch second;
    std::thread taker([&] {
      while (take(second) == 0 && woken) {
        const std::uint32_t epoch = state_.waiters[1]->prepare();
        state_.idle_mask.fetch_or(kSecond, std::memory_order_acq_rel);
        if (state_.may_have_work()) {
          state_.waiters[1]->cancel();
        } else {
          woken = state_.waiters[1]->sleep(epoch, Clock::now() + seconds{20});
        }
        state_.idle_mask.fetch_and(~kSecond, std::memory_order_acq_rel);
      }
    });
    end(first);
    state_.wake_for_held_back();
    taker.join();
    ASSERT_TRUE(woken) << "round " << round;
    end(second);
    collect();
  }
}

TEST_F(HeldBack, ARingWhoseProducerDiedBetweenTwoStoresEndsAllItsItems) {
  auto rings = queue::Queue::create({kSlots, kSlots});
  ASSERT_TRUE(rings);
  state_.queues.push_back(
      std::make_unique<WorkerQueue>(std::move(*rings), std::chrono::nanoseconds{1}));  // timeout
  WorkerQueue& queue = *state_.queues.back();
  ASSERT_EQ(queue.producer.try_reserve(3).count, 3u);
  queue.producer.claims[0] = kSlots;  // what try_publish does first; the rest never comes
  ASSERT_TRUE(queue.producer.try_publish(2, {0, 0, 0, 0}, 0));
  Batch batch;
  for (int look = 0; look < 5; ++look) EXPECT_EQ(take(batch), 0u);
  queue::Reader reader = queue.rings.reader();
  std::array<queue::TakenCompletion, kSlots> ended;
  ASSERT_EQ(reader.take(ended.data(), kSlots, 3), 3u);
  for (std::uint64_t position = 0; position < 3; ++position) {
    EXPECT_EQ(ended[position].position, position);
    EXPECT_EQ(ended[position].completion.status(), CompletionStatus::cancelled);
    EXPECT_EQ(ended[position].completion.code(), FaultCode::abandoned);
  }
  EXPECT_EQ(queue.producer.try_reserve(1).outcome, queue::TakeOutcome::closed);
}

TEST_F(HeldBack, AWedgedRingWhoseLimitStaysBelowItsTailIsGivenUpWithTheValues) {
  auto rings = queue::Queue::create({kSlots, kSlots});
  ASSERT_TRUE(rings);
  state_.queues.push_back(
      std::make_unique<WorkerQueue>(std::move(*rings), std::chrono::nanoseconds{1}));  // timeout
  WorkerQueue& queue = *state_.queues.back();
  ASSERT_EQ(queue.producer.try_reserve(3).count, 3u);
  queue.producer.claims[0] = kSlots;
  queue.producer.words->tail = kSlots + 5;  // accepted beyond the limit: a broken promise
  Batch batch;
  const Deadline begun = Clock::now();
  for (int look = 0; look < 5; ++look) EXPECT_EQ(take(batch), 0u);
  EXPECT_LT(Clock::now() - begun, seconds{30}) << "the wait has a bound, and is done once";
  ASSERT_TRUE(state_.broken.has_value());
  EXPECT_EQ(state_.broken->code, Errc::internal);
  EXPECT_EQ(state_.broken->message,
            "queue 2 accepted items up to position 69, but its limit stayed at 64; open a new "
            "session");
  EXPECT_EQ(state_.cancel_reason(), FaultCode::worker_lost);
  queue::Reader reader = queue.rings.reader();
  std::array<queue::TakenCompletion, kSlots> ended;
  EXPECT_EQ(reader.take(ended.data(), kSlots, 69), 0u) << "no completion slot is written over";
}

class Quiet final : public backend::Listener {
 public:
  void posted() noexcept override {}
  void idle() noexcept override {}
};

TEST_F(HeldBack, AWorkerWakesAnotherBeforeItRunsABuiltInOpThatMayBeLong) {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t stopped_before = 0;  // items that the worker had run when it stopped last, plus one
  std::uint64_t may_run = 0;
  state_.options.worker_dies = [&](std::uint32_t, std::uint64_t run) {
    std::unique_lock lock(mutex);
    stopped_before = run + 1;
    changed.notify_all();
    (void)changed.wait_for(lock, seconds{30}, [&] { return may_run > run; });
    return false;
  };
  const auto let_run = [&](std::uint64_t items) {
    std::unique_lock lock(mutex);
    may_run = items;
    changed.notify_all();
    return changed.wait_for(lock, seconds{30}, [&] { return stopped_before > items; });
  };
  Quiet listener;
  state_.listener = &listener;
  // As the backend does: both fit into one batch.
  state_.ops.at(0).estimate_ns = 15;
  state_.ops.at(1).estimate_ns = 1'000;
  state_.alive = 1;
  constexpr std::uint32_t kBuffer{1};
  ASSERT_TRUE(state_.memory.allocate(kBuffer, 100'000));
  Worker worker(state_, 0);
  (void)publish(0);
  std::thread thread([&worker] { worker.run(); });
  struct AtEnd {
    std::function<void()> act;
    ~AtEnd() { act(); }
  } const at_end{[&] {
    state_.exit = true;
    {
      const std::lock_guard lock(mutex);
      may_run = ~std::uint64_t{0};
      changed.notify_all();
    }
    thread.join();
  }};
  ASSERT_TRUE(let_run(0));
  // The next batch: a short item of queue 0, then a large one and a short one of queue 1.
  state_.first_queue = 0;
  (void)publish(0);
  (void)publish(0, 1, {1, 0, kBuffer, 7});
  (void)publish(0, 1);
  ASSERT_TRUE(let_run(1));
  const std::uint64_t behind = publish(kQueueFlagAfterPrevious);
  Batch batch;
  ASSERT_EQ(take(batch), 0u) << "it waits for the first item of the worker's batch";
  const std::uint32_t epoch = state_.waiters[1]->prepare();
  state_.idle_mask.fetch_or(kSecond);
  ASSERT_TRUE(let_run(2));
  EXPECT_EQ(state_.idle_mask.load() & kSecond, kSecond) << "the large item has not begun";
  ASSERT_TRUE(let_run(3));
  EXPECT_EQ(state_.idle_mask.load() & kSecond, 0u) << "nobody was woken";
  EXPECT_TRUE(state_.waiters[1]->sleep(epoch, Clock::now() + seconds{30}));
  EXPECT_EQ(take(batch), 1u);
  EXPECT_EQ(batch.items[0].position, behind);
}

}  // namespace
}  // namespace vyre::cpu
