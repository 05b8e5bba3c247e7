// Plans of a session: what another item stands for, what is looked at again, and what is refused.
#include "runtime/plan.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plan_fixture.hpp"
#include "quiet_observer.hpp"

namespace vyre::runtime::test {
namespace {

bool same(const Ticket& a, const Ticket& b) {
  return a.queue == b.queue && a.position == b.position && a.session == b.session;
}

TEST_F(Plans, AnItemThatDoesTheSameWorkHasTheTicketOfTheOneThatStandsForIt) {
  const auto run = submit({copy(0, 1), copy(0, 1), copy(2, 3), copy(0, 1)});
  ASSERT_FALSE(run.stopped_by);
  EXPECT_EQ(run.accepted, 4u);
  EXPECT_EQ(run.deduped, 2u);
  EXPECT_TRUE(same(run.tickets[1], run.tickets[0]));
  EXPECT_TRUE(same(run.tickets[3], run.tickets[0]));
  EXPECT_FALSE(same(run.tickets[2], run.tickets[0]));
  for (const Ticket& ticket : run.tickets) EXPECT_EQ(ended(ticket), "done none at 0/0/0");
  const Totals totals = session_->totals();
  EXPECT_EQ(totals.accepted, 4u);
  EXPECT_EQ(totals.done, 4u);
  const report::Document document = session_->report();
  EXPECT_EQ(document.report.published_items, 2u);
  EXPECT_EQ(document.report.deduped_items, 2u);
  EXPECT_EQ(document.report.items_processed, 4u);
  EXPECT_EQ(document.ops[0].name, "mem.copy");
  EXPECT_EQ(document.ops[0].items, 2u);
  EXPECT_EQ(document.ops[0].deduped, 2u);
  ASSERT_TRUE(document.planner);
  EXPECT_EQ(document.planner->plans, 1u);
  EXPECT_EQ(document.planner->members, 2u);
}

TEST_F(Plans, APlanThatIsOnlyMadeChangesNothing) {
  const std::vector<MegakernelWorkItem> items{copy(0, 1), copy(0, 1)};
  const auto plan = session_->plan(items, {});
  ASSERT_OK(plan);
  EXPECT_EQ(plan->items(), 2u);
  EXPECT_EQ(plan->removed(), 1u);
  EXPECT_NE(plan->describe().find("1 removed"), std::string::npos) << plan->describe();
  EXPECT_NE(plan->describe_json().find("\"removed_items\": 1"), std::string::npos);
  EXPECT_EQ(session_->totals().accepted, 0u);
  EXPECT_FALSE(session_->report().planner);
}

TEST_F(Plans, AnEarlierPlanStandsForAnItemUntilABufferIsWritten) {
  const std::vector<MegakernelWorkItem> items{copy(0, 1)};
  const auto first = submit(items);
  const auto again = submit(items);
  EXPECT_EQ(again.deduped, 1u);
  EXPECT_TRUE(same(again.tickets[0], first.tickets[0]));
  ASSERT_OK(session_->write(on_.buffers[0], 4, words({99}), soon()));
  const auto behind = submit(items);
  EXPECT_EQ(behind.deduped, 0u);
  EXPECT_EQ(ended(behind.tickets[0]), "done none at 0/0/0");
  EXPECT_EQ(*session_->download(on_.buffers[1], soon()), words({0, 99, 0, 0}));
}

TEST_F(Plans, WhatIsWrittenBetweenThePlanAndItsSubmissionIsSeen) {
  const std::vector<MegakernelWorkItem> items{copy(0, 1), copy(1, 2)};
  (void)submit(items);
  const auto plan = session_->plan(items, {});
  ASSERT_OK(plan);
  ASSERT_EQ(plan->removed(), 2u);
  const auto still = submit(*plan);
  EXPECT_EQ(still.deduped, 2u);

  enum class Change { write, lease, item, other_item };
  for (const Change change : {Change::write, Change::lease, Change::item, Change::other_item}) {
    SCOPED_TRACE(static_cast<int>(change));
    const auto now = session_->plan(items, {});
    ASSERT_OK(now);
    ASSERT_EQ(now->removed(), 2u);
    const Handle target = on_.buffers[1];
    switch (change) {
      case Change::write:
        ASSERT_OK(session_->write(target, 0, words({5, 5, 5, 5}), soon()));
        break;
      case Change::lease: {
        const auto bytes = session_->lease(target, LeaseAccess::read_write, soon());
        ASSERT_OK(bytes);
        (*bytes)[0] = 77;
        ASSERT_OK(session_->unlease(target, soon()));
        break;
      }
      case Change::item:
        ASSERT_EQ(run(*session_, {kFill, 0, target.id, 9}), "done none");
        break;
      case Change::other_item:
        ASSERT_EQ(run(*session_, {ops_.twice, target.id, 0, 0}), "done none");
        break;
    }
    const auto after_change = submit(*now);
    EXPECT_EQ(after_change.deduped, 0u) << "both use the buffer";
    for (const Ticket& ticket : after_change.tickets)
      EXPECT_EQ(ended(ticket), "done none at 0/0/0");
    EXPECT_EQ(*session_->download(target, soon()), *session_->download(on_.buffers[0], soon()));
  }
}

TEST_F(Plans, AThreadThatWritesMeanwhileNeverMakesAnItemStandForOldBytes) {
  // Each copy must see a value of its source that was there when it was submitted or later.
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> written{0};
  std::thread writer([&] {
    for (std::uint32_t value = 1; !stop && value < 100'000; ++value) {
      ASSERT_OK(session_->write(on_.buffers[0], 0, words({value, value, value, value}), soon()));
      written = value;
    }
  });
  const std::vector<MegakernelWorkItem> items{copy(0, 1), copy(0, 1), copy(1, 2)};
  std::uint64_t removed = 0;
  for (int round = 0; round < 200; ++round) {
    const std::uint32_t least = written;
    const auto run = submit(items);
    removed += run.deduped;
    EXPECT_EQ(run.accepted, 3u);
    const Bytes seen = *session_->download(on_.buffers[2], soon());
    EXPECT_GE(load_le<std::uint32_t>(seen, 0), least);
    EXPECT_EQ(load_le<std::uint32_t>(seen, 0), load_le<std::uint32_t>(seen, 12));
  }
  stop = true;
  writer.join();
  EXPECT_GE(removed, 200u) << "the second copy follows the first without a gap";
}

TEST_F(Plans, FilesFencesAndWorkInPlaceRunEachTime) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("vyre_plan_" + std::to_string(::getpid()));
  std::ofstream(path) << "some bytes of a file";
  const auto file = session_->map_file(path);
  ASSERT_OK(file);
  const MegakernelWorkItem of_file{kCopy, file->id, on_.buffers[1].id, 0};
  const MegakernelWorkItem in_place{ops_.twice, on_.buffers[2].id, 0, 0};
  const MegakernelWorkItem nothing{kNop, 0, 0, 0};
  EXPECT_EQ(submit({of_file, of_file, in_place, in_place, nothing, nothing}).deduped, 0u);
  std::filesystem::remove(path);

  const std::vector<MegakernelWorkItem> three(3, copy(0, 3));
  const std::uint8_t all[] = {0, kQueueFlagAfterAll, 0};
  EXPECT_EQ(submit(three, {.flags = all}).deduped, 1u) << "the last one";
  const std::uint8_t previous[] = {0, 0, kQueueFlagAfterPrevious};
  const std::vector<MegakernelWorkItem> others(3, copy(1, 3));
  EXPECT_EQ(submit(others, {.flags = previous}).deduped, 0u);
  EXPECT_EQ(submit({copy(2, 3), copy(2, 3)}, {.dedupe = false}).deduped, 0u);
}

TEST_F(Plans, SetsWithEqualMembersAreEqual) {
  const MegakernelWorkItem one{ops_.add, on_.pairs[0].id, on_.buffers[3].id, 0};
  const MegakernelWorkItem other{ops_.add, on_.pairs[1].id, on_.buffers[3].id, 0};
  EXPECT_EQ(submit({one, other}).deduped, 1u);
}

TEST_F(Plans, AFaultIsThatOfEveryItemThatItStandsFor) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({2, 4, 5, 6}), soon()));
  const MegakernelWorkItem odd{ops_.trap, on_.buffers[0].id, on_.buffers[1].id, 0};
  const auto run = submit({odd, odd, odd});
  ASSERT_EQ(run.deduped, 2u);
  for (const Ticket& ticket : run.tickets)
    EXPECT_EQ(ended(ticket).substr(0, 19), "faulted trap at 0/2");
  EXPECT_EQ(submit({odd}).deduped, 1u) << "it would fault again";
  const report::Document document = session_->report();
  EXPECT_EQ(document.faults_total, 4u);
  ASSERT_EQ(document.faults.size(), 1u);
  EXPECT_EQ(document.faults[0].stands_for, 3u);
  EXPECT_EQ(document.report.items_processed, 4u);
  const Totals totals = session_->totals();
  EXPECT_EQ(totals.faulted, 4u);
  EXPECT_EQ(totals.unasked, 0u);
}

TEST_F(Plans, AnItemThatWasCancelledStandsForThoseOfItsPlanAndForNoLaterOnes) {
  ONLY_ON_CPU("a device has an item as soon as it is accepted");
  std::atomic<bool> held{true};
  std::atomic<bool> has_one{false};
  TestHooks hooks;
  hooks.worker_dies = [&](std::uint32_t, std::uint64_t) {
    has_one = true;
    while (held) std::this_thread::yield();
    return false;
  };
  open(hooks, test_options(1));
  (void)session_->submit({kNop, 0, 0, 0}, soon());
  while (!has_one) std::this_thread::yield();  // it takes no other item with that one
  const std::uint8_t flags[] = {kQueueFlagAfterAll, 0, 0};
  const auto run = submit({{kNop, 0, 0, 0}, copy(0, 1), copy(0, 1)}, {.flags = flags});
  ASSERT_EQ(run.deduped, 1u);
  const Ticket cancelled[] = {run.tickets[1]};
  EXPECT_EQ(session_->cancel(cancelled).value(), 1u);
  held = false;
  EXPECT_EQ(ended(run.tickets[2]), "cancelled cancelled at 0/0/0");
  EXPECT_EQ(session_->totals().cancelled, 2u);
  const auto again = submit({copy(0, 1)});
  EXPECT_EQ(again.deduped, 0u);
  EXPECT_EQ(ended(again.tickets[0]), "done none at 0/0/0");
}

TEST_F(Plans, OneLargerThanTheRingGoesInPieces) {
  SessionOptions options = test_options();
  options.ring_slots = 32;
  open({}, options);
  std::vector<MegakernelWorkItem> items;
  for (int i = 0; i < 400; ++i)
    items.push_back({kFill, 0, on_.buffers[0].id, static_cast<std::uint32_t>(i / 2)});
  const auto run = submit(items);
  ASSERT_FALSE(run.stopped_by) << to_string(*run.stopped_by);
  EXPECT_EQ(run.accepted, 400u);
  EXPECT_EQ(run.deduped, 200u);
  for (const Ticket& ticket : run.tickets) EXPECT_EQ(ended(ticket), "done none at 0/0/0");
  EXPECT_EQ(*session_->download(on_.buffers[0], soon()), words({199, 199, 199, 199}));
}

TEST_F(Plans, BatchesGiveTheSameBytesAndResultsAsItemsOneByOne) {
  const std::uint64_t first = test_seed();
  std::uint64_t removed = 0;
  for (std::uint64_t seed = first; seed < first + 60u * test_scale(); ++seed) {
    SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
    Random random(seed);
    SessionOptions options = test_options(1 + random.below(3));
    options.fuel = 20;
    auto opened = Session::open(options);
    ASSERT_OK(opened);
    const auto ops = PlanOps::into(*opened);
    ASSERT_OK(ops);
    const PlanBuffers expected = PlanBuffers::into(*opened, 5);
    const PlanBuffers planned = PlanBuffers::into(*opened, 5);
    for (int round = 0; round < 4; ++round) {
      const PlanBatch batch = random_batch(random, *ops, expected, 2 + random.below(40));
      const PlanBatch other = twin_of(batch, expected, planned);
      const auto plan =
          opened->plan(other.items, {.fuse = random.below(2) == 0, .flags = other.flags});
      ASSERT_OK(plan);
      if (random.below(3) == 0) {  // the plan is older than what is there
        const std::uint32_t b = random.below(5);
        for (const PlanBuffers* on : {&expected, &planned})
          ASSERT_OK(opened->write(on->buffers[b], 0,
                                  words({static_cast<std::uint32_t>(seed & 6), 2}), soon()));
      }
      const auto run = opened->submit(*plan, soon());
      ASSERT_OK(run);
      ASSERT_FALSE(run->stopped_by);
      removed += run->deduped;
      const auto endings = one_by_one(*opened, batch);
      for (std::size_t i = 0; i < endings.size(); ++i)
        ASSERT_EQ(ending(*opened->wait(run->tickets[i], soon())), endings[i]) << "item " << i;
      ASSERT_TRUE(expected.bytes(*opened) == planned.bytes(*opened));
    }
    const report::Document document = opened->report();
    ASSERT_EQ(document.report.items_processed + document.report.items_remaining,
              document.report.published_items + document.report.deduped_items);
    ASSERT_EQ(document.report.items_remaining, 0u);
  }
  EXPECT_GT(removed, 20u);
}

/// Hears of items as a recorder does: numbered from 0, each ended once and after it was submitted.
class Hears final : public QuietObserver {
 public:
  void on_submit(const Ticket& ticket, const MegakernelWorkItem& item, std::uint8_t,
                 std::chrono::nanoseconds) override {
    EXPECT_EQ(ticket.position, items.size());
    items.push_back(item);
    ends.emplace_back();
  }
  void on_completion(const ItemResult& result, std::chrono::nanoseconds) override {
    ASSERT_LT(result.ticket.position, ends.size());
    EXPECT_TRUE(ends[result.ticket.position].empty());
    ends[result.ticket.position] = outcome(result);
  }
  std::vector<MegakernelWorkItem> items;
  std::vector<std::string> ends;
};

TEST_F(Plans, AnObserverHearsOfEveryItemAndOfItsEnd) {
  const auto hears = std::make_shared<Hears>();
  ASSERT_OK(session_->observe(hears));
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 0, 0, 0}), soon()));
  const MegakernelWorkItem odd{ops_.trap, on_.buffers[0].id, on_.buffers[1].id, 0};
  (void)submit({copy(2, 3), odd, copy(2, 3), odd});
  ASSERT_OK(session_->wait_all(soon()));
  (void)submit({odd, {kNop, 0, 0, 0}});
  ASSERT_OK(session_->submit(copy(0, 3), soon()));
  ASSERT_OK(session_->wait_all(soon()));
  ASSERT_OK(session_->observe(nullptr));
  ASSERT_EQ(hears->items.size(), 7u);
  std::uint32_t traps = 0;
  for (std::size_t i = 0; i < 7; ++i) {
    const bool trap = hears->items[i].op_handle == ops_.trap;
    EXPECT_EQ(hears->ends[i], trap ? "faulted trap" : "done none") << i;
    traps += trap ? 1 : 0;
  }
  EXPECT_EQ(traps, 3u);
}

}  // namespace
}  // namespace vyre::runtime::test
