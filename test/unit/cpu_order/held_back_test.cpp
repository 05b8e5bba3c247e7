// Items that a taker held back because they wait for others: a worker that ends those others and
// goes on with long work wakes an idle worker, and no such wake is lost.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "backend_state.hpp"

namespace vyre::cpu {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kSecond{2};  // the bit of worker 1

class HeldBack : public ::testing::Test {
 protected:
  HeldBack() : state_(options()) {
    auto rings = queue::Queue::create({kSlots, kSlots});
    if (!rings) std::abort();
    state_.lanes.push_back(std::make_unique<Lane>(std::move(*rings), seconds{60}));
    for (int w = 0; w < 2; ++w) state_.waiters.push_back(std::make_unique<queue::Waiter>());
  }
  static constexpr std::uint32_t kSlots{64};
  static backend::Options options() {
    backend::Options options;
    options.ring_slots = kSlots;
    options.completion_slots = kSlots;
    options.workers = 2;
    options.producer_timeout = seconds{60};
    return options;
  }
  std::uint64_t publish(std::uint32_t flags) {
    const queue::Producer& producer = state_.lanes[0]->producer;
    const queue::Reservation got = producer.try_reserve(1);
    EXPECT_EQ(got.count, 1u);
    EXPECT_TRUE(producer.try_publish(got.first, {0, 0, 0, 0}, flags));
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
    queue::Reader reader = state_.lanes[0]->rings.reader();
    reader.position = collected_;
    std::array<queue::TakenCompletion, kSlots> taken;
    (void)reader.take(taken.data(), kSlots, state_.lanes[0]->producer.tail());
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
    EXPECT_TRUE(state_.waiters[1]->sleep(epoch, queue::Clock::now() + seconds{30}));
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
          woken = state_.waiters[1]->sleep(epoch, queue::Clock::now() + seconds{20});
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

}  // namespace
}  // namespace vyre::cpu
