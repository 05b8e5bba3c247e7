// Cancelling items that have not started, and batches, which count their own items.
#include <atomic>
#include <thread>

#include "hand_backend.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

std::vector<Ticket> tickets_of(const Session::SubmitMany& many) {
  std::vector<Ticket> tickets;
  for (std::uint64_t i = 0; i < many.accepted; ++i)
    tickets.push_back({many.first.queue, many.first.position + i, many.first.session});
  return tickets;
}

/// One worker, which stands before its first item until it may go on: whatever comes behind has not
/// started.
class Cancel : public ::testing::Test {
 protected:
  void SetUp() override {
    ONLY_ON_CPU("the hook is of its workers");
    TestHooks hooks;
    hooks.worker_dies = [this](std::uint32_t, std::uint64_t items_run) {
      began_ = true;
      while (items_run == 0 && held_) std::this_thread::yield();
      return false;
    };
    auto opened = open_for_tests(test_options(1), hooks);
    ASSERT_OK(opened);
    session_.emplace(std::move(*opened));
    first_ = session_->submit({kNop, 0, 0, 0}, soon()).value();
    const Deadline until = soon();
    while (!began_ && Clock::now() < until) std::this_thread::yield();
    ASSERT_TRUE(began_);
  }
  void TearDown() override { held_ = false; }
  std::vector<Ticket> submit(std::size_t count, std::uint8_t flags = kQueueFlagNone) {
    const std::vector<MegakernelWorkItem> items(count, MegakernelWorkItem{kNop, 0, 0, 0});
    return tickets_of(session_->submit_many(items, soon(), 0, flags));
  }
  std::atomic<bool> began_{false};
  std::atomic<bool> held_{true};
  std::optional<Session> session_;
  Ticket first_;
};

TEST_F(Cancel, CountsEachItemOnceHoweverOftenItIsNamed) {
  const auto tickets = submit(10);
  std::vector<Ticket> some(tickets.begin() + 2, tickets.begin() + 5);
  some.push_back(some[0]);
  EXPECT_EQ(session_->cancel(some).value(), 3u);
  EXPECT_EQ(session_->cancel(some).value(), 0u) << "another call keeps them from running";
  EXPECT_EQ(session_->cancel(tickets).value(), 7u);
  EXPECT_EQ(session_->cancel({}).value(), 0u);
}

TEST_F(Cancel, AnItemThatRunsIsNotTouched) {
  EXPECT_EQ(session_->cancel({&first_, 1}).value(), 0u);
  held_ = false;
  EXPECT_EQ(outcome(*session_->wait(first_, soon())), "done none");
  EXPECT_EQ(session_->cancel({&first_, 1}).value(), 0u) << "nor one that has ended";
}

TEST_F(Cancel, ItemsEndAsCancelledInTheirTurnAndTheOthersRun) {
  const auto buffer = session_->allocate(64);
  ASSERT_OK(buffer);
  std::vector<Ticket> fills;
  std::vector<Ticket> unwanted;
  for (std::uint32_t i = 1; i <= 100; ++i) {
    fills.push_back(session_->submit({kFill, 0, buffer->id, i}, soon()).value());
    if (i % 2 == 1) unwanted.push_back(fills.back());
  }
  EXPECT_EQ(session_->cancel(unwanted).value(), 50u);
  EXPECT_EQ(session_->wait(unwanted[0], now()).error().code, Errc::deadline_exceeded)
      << "its turn has not come";
  held_ = false;
  std::vector<std::optional<ItemResult>> results(fills.size());
  EXPECT_FALSE(session_->wait_many(fills, fills.size(), soon(), results).stopped_by);
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i]);
    EXPECT_EQ(outcome(*results[i]), i % 2 == 0 ? "cancelled cancelled" : "done none");
  }
  EXPECT_EQ(session_->download(*buffer, soon()).value()[0], 100u) << "the last one ran";
  const Totals totals = session_->totals();
  EXPECT_EQ(totals.cancelled, 50u);
  EXPECT_EQ(totals.done, 51u);
}

TEST(CancelItems, WhatWaitsBehindARunningItemEndsAsCancelledOnEveryBackend) {
  SessionOptions options = test_options(2);
  options.fuel = 5'000'000;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto spin = session->register_program(
      "spin", *vir::assemble("workgroup 1, 1, 1;\n"
                             "buffer y: u32[1] read_write output live_out;\n"
                             "region \"spin\" { for i in 0..4294967295 { y[0] = y[0] + i; } }\n"));
  ASSERT_OK(spin);
  const auto y = session->allocate(4);
  const auto running = session->submit({spin->id, 0, y->id, 0}, soon());
  ASSERT_OK(running);
  const std::vector<MegakernelWorkItem> items(3, MegakernelWorkItem{kNop, 0, 0, 0});
  const auto behind = tickets_of(session->submit_many(items, soon(), 0, kQueueFlagAfterPrevious));
  EXPECT_EQ(session->cancel(behind).value(), 3u);
  EXPECT_EQ(outcome(*session->wait(*running, soon())), "faulted fuel_exhausted");
  for (const Ticket& ticket : behind)
    EXPECT_EQ(outcome(*session->wait(ticket, soon())), "cancelled cancelled");
}

TEST(CancelItems, EveryItemEndsExactlyOnceWhileThreadsSubmitAndCancel) {
  SessionOptions options = test_options(2, 2);
  options.ring_slots = 64;
  auto session = Session::open(options);
  ASSERT_OK(session);
  std::atomic<std::uint64_t> promised{0};
  std::atomic<std::uint64_t> accepted{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Random random(test_seed() + t);
      for (int round = 0; round < 200 * test_scale(); ++round) {
        const std::vector<MegakernelWorkItem> items(1 + random.below(50),
                                                    MegakernelWorkItem{kNop, 0, 0, 0});
        const std::uint8_t flags = random.below(3) == 0 ? kQueueFlagAfterAll : kQueueFlagNone;
        const auto tickets = tickets_of(session->submit_many(items, soon(), t % 2, flags));
        accepted += tickets.size();
        promised += session->cancel(tickets).value();
        std::vector<std::optional<ItemResult>> results(tickets.size());
        EXPECT_FALSE(session->wait_many(tickets, tickets.size(), soon(), results).stopped_by);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const Totals totals = session->totals();
  EXPECT_EQ(totals.accepted, accepted);
  if (kBackendName == "cpu") {
    EXPECT_EQ(totals.cancelled, promised) << "as many as cancel() said, no more and no fewer";
  } else {
    EXPECT_LE(totals.cancelled, promised) << "some of them had started";
  }
  EXPECT_EQ(totals.done + totals.cancelled, accepted);
}

TEST(CancelItems, TheBackendIsAskedOnceAQueueAndItsCountsAreAddedUp) {
  ByHand hand(2);
  ASSERT_TRUE(hand.session);
  const std::vector<MegakernelWorkItem> items(3, MegakernelWorkItem{kNop, 0, 0, 0});
  auto tickets = tickets_of(hand->submit_many(items, soon(), 1));
  const auto other = hand->submit({kNop, 0, 0, 0}, soon());
  ASSERT_OK(other);
  tickets.insert(tickets.begin() + 1, *other);
  EXPECT_EQ(hand->cancel(tickets).value(), 4u);
  using Asked = decltype(hand.backend->cancels);
  EXPECT_EQ(hand.backend->cancels, (Asked{{0, {0}}, {1, {0, 1, 2}}}));
  hand.backend->end_all(0);
  hand.backend->end_all(1);
}

// ---- batches ----

TEST(Batches, CountTheirOwnItemsWhateverElseTheSessionDoes) {
  ByHand hand(2);
  ASSERT_TRUE(hand.session);
  const auto one = hand->open_batch().value();
  const auto two = hand->open_batch().value();
  const std::vector<MegakernelWorkItem> items(10, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(hand->submit_many(items, soon(), 0, 0, one.get()).accepted, 10u);
  ASSERT_EQ(hand->submit_many(items, soon(), 1, 0, two.get()).accepted, 10u);
  ASSERT_EQ(hand->submit_many(items, soon(), 1, 0, one.get()).accepted, 10u);
  ASSERT_EQ(hand->submit_many(items, soon(), 0, 0).accepted, 10u);
  hand.backend->end(0, 3, CompletionStatus::faulted, FaultCode::trap);
  hand.backend->end(0, 4, CompletionStatus::cancelled, FaultCode::out_of_memory);
  hand.backend->end(0, 5);
  hand.backend->end(0, 15, CompletionStatus::faulted, FaultCode::trap);  // of no batch
  hand.backend->end(1, 7, CompletionStatus::faulted, FaultCode::trap);
  hand.backend->end(1, 19);
  Totals totals = hand->batch_totals(*one).value();
  EXPECT_EQ(totals.accepted, 20u);
  EXPECT_EQ(totals.done, 2u);
  EXPECT_EQ(totals.faulted, 1u);
  EXPECT_EQ(totals.cancelled, 1u);
  EXPECT_EQ(totals.unasked, 2u);
  EXPECT_EQ(hand->wait_batch(*one, now()).error().code, Errc::deadline_exceeded);
  const auto failures = hand->batch_failures(*one).value();
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].ticket.position, 3u);
  EXPECT_EQ(hand->batch_totals(*one)->unasked, 0u) << "the caller has them now";
  EXPECT_OK(hand->wait({1, 7, hand->number()}, soon()));
  totals = hand->batch_totals(*two).value();
  EXPECT_EQ(totals.faulted, 1u);
  EXPECT_EQ(totals.unasked, 0u) << "a wait for the item asks for it, too";
  std::thread ender([&] {
    hand.backend->end_all(0);
    hand.backend->end_all(1);
  });
  EXPECT_OK(hand->wait_batch(*one, soon()));
  ender.join();
  EXPECT_EQ(hand->batch_totals(*one)->done, 18u);
  EXPECT_EQ(hand->totals().unasked, 1u) << "the one of no batch";
}

TEST(Batches, AFaultAmongMoreItemsThanTheHistoryHoldsIsNotForgotten) {
  SessionOptions options = test_options(2);
  options.ring_slots = 64;
  TestHooks hooks;
  hooks.history = 128;
  auto session = open_for_tests(options, hooks);
  ASSERT_OK(session);
  const auto batch = session->open_batch().value();
  const std::vector<MegakernelWorkItem> bad(3, MegakernelWorkItem{kCopy, 0, 0, 0});
  const std::vector<MegakernelWorkItem> nops(50'000, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(session->submit_many(bad, soon(), 0, 0, batch.get()).accepted, 3u);
  ASSERT_EQ(session->submit_many(nops, soon(), 0, 0, batch.get()).accepted, nops.size());
  EXPECT_OK(session->wait_batch(*batch, soon()));
  const Totals totals = session->batch_totals(*batch).value();
  EXPECT_EQ(totals.done, nops.size());
  EXPECT_EQ(totals.faulted, 3u);
  EXPECT_OK(session->close());
  EXPECT_EQ(session->totals().unasked, 3u) << "close() counts what no caller asked for";
  const auto failures = session->batch_failures(*batch).value();
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(outcome(failures[2]), "faulted bad_binding");
  EXPECT_EQ(session->totals().unasked, 0u);
}

TEST(Batches, ThreadsThatShareABatchAreCountedTogether) {
  SessionOptions options = test_options(2, 2);
  options.ring_slots = 64;
  auto session = Session::open(options);
  ASSERT_OK(session);
  const auto shared = session->open_batch().value();
  std::atomic<std::uint64_t> accepted{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Random random(test_seed() + t);
      const auto own = session->open_batch().value();
      std::uint64_t mine = 0;
      for (int round = 0; round < 100 * test_scale(); ++round) {
        const std::vector<MegakernelWorkItem> items(1 + random.below(40),
                                                    MegakernelWorkItem{kNop, 0, 0, 0});
        accepted += session->submit_many(items, soon(), t % 2, 0, shared.get()).accepted;
        mine += session->submit_many(items, soon(), 0, 0, own.get()).accepted;
        const Totals seen = session->batch_totals(*own).value();
        EXPECT_EQ(seen.accepted, mine);
        EXPECT_LE(seen.done, mine);
      }
      EXPECT_OK(session->wait_batch(*own, soon()));
      EXPECT_EQ(session->batch_totals(*own)->done, mine);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_OK(session->wait_batch(*shared, soon()));
  EXPECT_EQ(session->batch_totals(*shared)->done, accepted);
}

TEST(Batches, OfAnotherSessionAreRefusedAndMayOutliveTheirs) {
  auto mine = Session::open(test_options(1));
  auto other = Session::open(test_options(1));
  ASSERT_OK(mine);
  ASSERT_OK(other);
  const auto batch = other->open_batch().value();
  const MegakernelWorkItem item{kNop, 0, 0, 0};
  EXPECT_EQ(mine->submit_many({&item, 1}, soon(), 0, 0, batch.get()).stopped_by->code,
            Errc::invalid_argument);
  EXPECT_EQ(mine->batch_totals(*batch).error().code, Errc::invalid_argument);
  EXPECT_EQ(mine->batch_failures(*batch).error().code, Errc::invalid_argument);
  EXPECT_EQ(mine->wait_batch(*batch, soon()).error().code, Errc::invalid_argument);
  other = Session::open(test_options(1));
}

}  // namespace
}  // namespace vyre::runtime::test
