// Regions: several items of a plan that run in one slot, and end as if they had been submitted one
// by one.
#include <atomic>
#include <set>
#include <thread>

#include "plan_fixture.hpp"
#include "quiet_observer.hpp"

namespace vyre::runtime::test {
namespace {

class Regions : public PlansOnASession {
 protected:
  void SetUp() override { open({}, test_options(1)); }
  void open(const TestHooks& hooks, SessionOptions options) {
    options.fuel = 100;
    PlansOnASession::open(hooks, options, 8);
  }
  [[nodiscard]] MegakernelWorkItem trap(std::size_t from, std::size_t to) const {
    return {ops_.trap, on_.buffers[from].id, on_.buffers[to].id, 0};
  }
  [[nodiscard]] static std::size_t positions(const SubmittedPlan& run) {
    std::set<std::uint64_t> all;
    for (const Ticket& ticket : run.tickets) all.insert(ticket.position);
    return all.size();
  }
};

TEST_F(Regions, AChainRunsInOneSlotAndEachMemberHasItsResult) {
  const auto run = submit({copy(1, 2), copy(2, 3), copy(3, 4)});
  ASSERT_FALSE(run.stopped_by);
  EXPECT_EQ(positions(run), 1u);
  for (std::uint32_t m = 0; m < 3; ++m) {
    EXPECT_EQ(run.tickets[m].member, m);
    EXPECT_EQ(ended(run.tickets[m]), "done none at 0/0/0");
    EXPECT_EQ(session_->wait(run.tickets[m], soon())->ticket.member, m);
  }
  EXPECT_EQ(*session_->download(on_.buffers[4], soon()),
            *session_->download(on_.buffers[1], soon()));
  const report::Document document = session_->report();
  EXPECT_EQ(document.report.published_items, 3u);
  EXPECT_EQ(document.report.items_processed, 3u);
  EXPECT_EQ(document.queues[0].published, 3u);
  EXPECT_EQ(document.ops[0].items, 3u);
  ASSERT_TRUE(document.planner);
  EXPECT_EQ(document.planner->regions.chain, 1u);
  EXPECT_EQ(document.planner->members, 3u);
  EXPECT_EQ(document.report.telemetry.bytes_read_back, 2 * 16u + 16u) << "one completion";
}

TEST_F(Regions, ItemsWithoutConflictsAreABundle) {
  const auto run = submit({copy(0, 4), copy(1, 5), copy(2, 6)});
  EXPECT_EQ(positions(run), 1u);
  for (const Ticket& ticket : run.tickets) EXPECT_EQ(ended(ticket), "done none at 0/0/0");
  EXPECT_EQ(session_->report().planner->regions.bundle, 1u);
  EXPECT_EQ(submit({copy(0, 4), copy(1, 5)}, {.dedupe = false, .fuse = false}).tickets[1].member,
            0u);
}

TEST_F(Regions, AMemberThatFaultsDoesSoAloneAndAtItsOwnPlace) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({2, 4, 5, 6}), soon()));
  const auto run = submit({copy(0, 1), trap(1, 2), copy(2, 3), trap(1, 3), copy(3, 5)});
  ASSERT_EQ(positions(run), 1u);
  EXPECT_EQ(ended(run.tickets[0]), "done none at 0/0/0");
  const std::string fault = ended(run.tickets[1]);
  EXPECT_EQ(fault.substr(0, 19), "faulted trap at 0/2");
  EXPECT_EQ(ended(run.tickets[2]), "done none at 0/0/0") << "as behind an item that faulted";
  EXPECT_EQ(ended(run.tickets[3]), fault);
  EXPECT_EQ(ended(run.tickets[4]), "done none at 0/0/0");
  EXPECT_EQ(*session_->download(on_.buffers[1], soon()), words({2, 4, 5, 6}));
  EXPECT_EQ(session_->totals().unasked, 0u);
  const report::Document document = session_->report();
  EXPECT_EQ(document.faults_total, 2u);
  ASSERT_EQ(document.faults.size(), 2u);
  EXPECT_EQ(document.faults[0].member, 1u);
  EXPECT_EQ(document.faults[1].member, 3u);
  EXPECT_EQ(document.faults[0].op, "trap");
}

TEST_F(Regions, EachMemberHasItsOwnFuel) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({20, 0, 0, 0}), soon()));
  ASSERT_OK(session_->write(on_.buffers[1], 0, words({30, 0, 0, 0}), soon()));
  const auto spin = [&](std::size_t from, std::size_t to) {
    return MegakernelWorkItem{ops_.spin, on_.buffers[from].id, on_.buffers[to].id, 0};
  };
  const auto run = submit({spin(0, 3), copy(3, 4), spin(0, 3), spin(1, 3), spin(0, 3)});
  ASSERT_EQ(positions(run), 1u);
  EXPECT_EQ(ended(run.tickets[0]), "done none at 0/0/0");
  EXPECT_EQ(ended(run.tickets[2]), "done none at 0/0/0");
  EXPECT_EQ(ended(run.tickets[3]).substr(0, 22), "faulted fuel_exhausted");
  EXPECT_EQ(ended(run.tickets[4]), "done none at 0/0/0");
}

/// One worker, which stands before its first item until it may go on.
class HeldRegions : public Regions {
 protected:
  void SetUp() override {
    ONLY_ON_CPU("its worker is held");
    TestHooks hooks;
    hooks.worker_dies = [this](std::uint32_t, std::uint64_t items_run) {
      while (items_run == 0 && held_) std::this_thread::yield();
      return items_run == die_at_;
    };
    open(hooks, test_options(workers_));
    (void)session_->submit({kNop, 0, 0, 0}, soon());
  }
  void TearDown() override { held_ = false; }
  std::uint32_t workers_{1};
  std::atomic<bool> held_{true};
  std::atomic<std::uint64_t> die_at_{~std::uint64_t{0}};
};

TEST_F(HeldRegions, OnlyTheMembersThatACallerNamesAreCancelled) {
  const std::uint8_t flags[] = {kQueueFlagAfterAll, 0, 0, 0};
  const auto run = submit({{kNop, 0, 0, 0}, copy(0, 1), copy(1, 2), copy(2, 3)}, {.flags = flags});
  ASSERT_EQ(run.tickets[3].member, 2u);
  const Ticket one[] = {run.tickets[2]};
  EXPECT_EQ(session_->cancel(one).value(), 1u);
  EXPECT_EQ(session_->cancel(one).value(), 0u);
  held_ = false;
  EXPECT_EQ(ended(run.tickets[1]), "done none at 0/0/0");
  EXPECT_EQ(ended(run.tickets[2]), "cancelled cancelled at 0/0/0");
  EXPECT_EQ(ended(run.tickets[3]), "done none at 0/0/0");
  EXPECT_EQ(session_->cancel(one).value(), 0u) << "it has ended";
  EXPECT_EQ(session_->totals().cancelled, 1u);
}

TEST_F(HeldRegions, OneThatNeverStartedIsCancelledAsAWhole) {
  const std::uint8_t flags[] = {kQueueFlagAfterAll, 0, 0, 0};
  die_at_ = 0;
  const auto run = submit({{kNop, 0, 0, 0}, copy(0, 1), copy(1, 2), copy(0, 1)}, {.flags = flags});
  ASSERT_EQ(run.tickets[2].member, 1u);
  held_ = false;
  for (const Ticket& ticket : run.tickets)
    EXPECT_EQ(ended(ticket), "cancelled worker_lost at 0/0/0");
  const Totals totals = session_->totals();
  EXPECT_EQ(totals.accepted, 5u);
  EXPECT_EQ(totals.cancelled, 5u);
  EXPECT_EQ(session_->report().report.deduped_items, 1u);
}

TEST_F(HeldRegions, AWorkerThatDiesInTheMiddleLeavesWhatEndedAsItEnded) {
  const std::uint8_t flags[] = {kQueueFlagAfterAll, 0, 0, 0};
  die_at_ = 3;  // the first item, the flagged one, one member
  const auto run = submit({{kNop, 0, 0, 0}, copy(0, 1), copy(1, 2), copy(2, 3)}, {.flags = flags});
  held_ = false;
  EXPECT_EQ(ended(run.tickets[1]), "done none at 0/0/0");
  EXPECT_EQ(ended(run.tickets[2]), "cancelled worker_lost at 0/0/0");
  EXPECT_EQ(ended(run.tickets[3]), "cancelled worker_lost at 0/0/0");
  EXPECT_EQ(*session_->download(on_.buffers[1], soon()),
            *session_->download(on_.buffers[0], soon()));
}

TEST_F(Regions, AMemberIsRememberedWithWhatItLeftAndNotWithWhatItsRegionLeft) {
  // The second member overwrites what the first one wrote.
  (void)submit({copy(0, 2), copy(1, 2)});
  const auto again = submit({copy(0, 2)});
  EXPECT_EQ(again.deduped, 0u);
  EXPECT_EQ(submit({copy(0, 2)}).deduped, 1u);
  EXPECT_EQ(*session_->download(on_.buffers[2], soon()),
            *session_->download(on_.buffers[0], soon()));
}

TEST_F(Regions, ItemsStandForMembersAndMembersForItems) {
  const auto run = submit({copy(0, 1), copy(1, 2), copy(0, 1), copy(1, 2)});
  EXPECT_EQ(run.deduped, 2u);
  EXPECT_EQ(run.tickets[3].member, run.tickets[1].member);
  EXPECT_EQ(run.tickets[3].position, run.tickets[1].position);
  const auto later = submit({copy(1, 2)});
  EXPECT_EQ(later.deduped, 1u);
  EXPECT_EQ(later.tickets[0].member, run.tickets[1].member);
}

TEST_F(Regions, RandomBatchesGiveTheSameBytesAndResultsAsItemsOneByOne) {
  const std::uint64_t first = test_seed();
  std::uint64_t members = 0;
  std::uint64_t slots = 0;
  std::uint64_t failures = 0;
  for (std::uint64_t seed = first; seed < first + 40u * test_scale(); ++seed) {
    SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
    Random random(seed);
    open({}, test_options(1 + random.below(3)));
    const PlanBuffers planned = PlanBuffers::into(*session_, 8);
    for (int round = 0; round < 3; ++round) {
      for (std::size_t b = 0; b < 8; ++b) {
        const Bytes bytes = words({random.below(200), random.below(9), 2 * random.below(9), 4});
        for (const PlanBuffers* on : {&std::as_const(on_), &planned})
          ASSERT_OK(session_->write(on->buffers[b], 0, bytes, soon()));
      }
      const PlanBatch batch = random_batch(random, ops_, on_, 2 + random.below(60));
      const PlanBatch other = twin_of(batch, on_, planned);
      const auto run = submit(other.items, {.dedupe = random.below(2) == 0, .flags = other.flags});
      ASSERT_FALSE(run.stopped_by) << to_string(*run.stopped_by);
      members += run.tickets.size() - run.deduped;
      slots += positions(run);
      const auto endings = one_by_one(*session_, batch);
      for (std::size_t i = 0; i < endings.size(); ++i) {
        ASSERT_EQ(ended(run.tickets[i]), endings[i]) << "item " << i;
        failures += endings[i].substr(0, 4) != "done" ? 1 : 0;
      }
      ASSERT_TRUE(on_.bytes(*session_) == planned.bytes(*session_));
    }
    const report::Document document = session_->report();
    ASSERT_EQ(document.report.items_processed,
              document.report.published_items + document.report.deduped_items);
    ASSERT_EQ(session_->totals().unasked, 0u);
  }
  EXPECT_GT(2 * members, 3 * slots) << "items share slots";
  EXPECT_GT(failures, 100u);
}

TEST_F(Regions, ChainsOfOneOpGiveEachMemberItsOwnBuffersFuelAndFault) {
  const PlanBuffers planned = PlanBuffers::into(*session_, 8);
  const Handle longer = *session_->upload(words({1, 2, 3, 4, 5, 6, 7, 8}));
  const std::uint32_t ops[] = {ops_.add, ops_.trap, ops_.spin, ops_.twice};
  std::uint64_t faults = 0;
  std::uint64_t done = 0;
  std::uint64_t slots = 0;
  for (std::uint64_t seed = test_seed(); seed < test_seed() + 60u * test_scale(); ++seed) {
    SCOPED_TRACE("VYRE_SEED=" + std::to_string(seed));
    Random random(seed);
    for (std::size_t b = 0; b < 8; ++b) {
      const Bytes bytes = words({random.below(20), 8 * random.below(9), 16, 2 * random.below(99)});
      for (const PlanBuffers* on : {&std::as_const(on_), &planned})
        ASSERT_OK(session_->write(on->buffers[b], 0, bytes, soon()));
    }
    const std::uint32_t op = ops[seed % 4];
    PlanBatch batch;
    PlanBatch other;  // the same on other buffers
    std::size_t from = random.below(7);
    while (batch.items.size() < 12) {
      const std::size_t to = (from + 1 + random.below(6)) % 7;
      // Now and then another param, another length, another op.
      const std::uint32_t way = random.below(12);
      const auto item = [&](const PlanBuffers& on) {
        MegakernelWorkItem made{op, on.buffers[from].id, on.buffers[to].id, way == 0 ? 64u : 0u};
        if (op == ops_.add) made.input_handle = on.pairs[2 * from].id;
        if (op == ops_.twice) made.output_handle = 0;
        if (way == 1 && (op == ops_.trap || op == ops_.spin)) made.input_handle = longer.id;
        if (way == 2) made = {kCopy, on.buffers[from].id, on.buffers[to].id, 0};
        return made;
      };
      batch.items.push_back(item(on_));
      batch.flags.push_back(0);
      other.items.push_back(item(planned));
      if (op != ops_.twice || way == 2) from = to;
    }
    const auto run = submit(other.items, {.dedupe = false});
    ASSERT_FALSE(run.stopped_by) << to_string(*run.stopped_by);
    slots += positions(run);
    const auto endings = one_by_one(*session_, batch);
    for (std::size_t i = 0; i < endings.size(); ++i) {
      ASSERT_EQ(ended(run.tickets[i]), endings[i]) << "item " << i;
      ++(endings[i].substr(0, 4) == "done" ? done : faults);
    }
    ASSERT_TRUE(on_.bytes(*session_) == planned.bytes(*session_));
  }
  EXPECT_GT(faults, 20u);
  EXPECT_GT(done, 200u);
  EXPECT_LT(slots, faults + done) << "items share slots";
}

TEST_F(Regions, ThreadsThatPlanAndSubmitAtOnceGiveEveryItemItsEnd) {
  open({}, test_options(2, 2));
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(test_seed() + t);
      for (int round = 0; round < 15; ++round) {
        const PlanBatch batch = random_batch(random, ops_, on_, 2 + random.below(20));
        const auto plan = session_->plan(batch.items, {.queue = t % 2, .flags = batch.flags});
        ASSERT_OK(plan);
        const auto run = session_->submit(*plan, soon());
        ASSERT_OK(run);
        ASSERT_EQ(run->accepted, batch.items.size());
        std::vector<std::optional<ItemResult>> results(run->tickets.size());
        const auto waited = session_->wait_many(run->tickets, run->tickets.size(), soon(), results);
        ASSERT_FALSE(waited.stopped_by);
        ASSERT_EQ(waited.ended, run->tickets.size());
        for (std::size_t i = 0; i < results.size(); ++i) {
          ASSERT_TRUE(results[i]);
          ASSERT_EQ(results[i]->ticket.member, run->tickets[i].member);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Totals totals = session_->totals();
  EXPECT_EQ(totals.accepted, totals.done + totals.faulted + totals.cancelled);
  EXPECT_EQ(totals.unasked, 0u);
}

TEST_F(Regions, FailuresOfMembersAreKeptBeyondTheHistory) {
  TestHooks hooks;
  hooks.history = 64;
  SessionOptions options = test_options(1);
  options.ring_slots = 32;
  open(hooks, options);
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 1, 1, 1}), soon()));
  const auto run = submit({copy(0, 1), trap(1, 2), copy(2, 3)});
  ASSERT_EQ(positions(run), 1u);
  ASSERT_OK(session_->wait_all(soon()));
  const std::vector<MegakernelWorkItem> many(200, MegakernelWorkItem{kNop, 0, 0, 0});
  ASSERT_EQ(session_->submit_many(many, soon()).accepted, 200u);
  ASSERT_OK(session_->wait_all(soon()));
  EXPECT_EQ(session_->wait(run.tickets[0], soon()).error().code, Errc::not_found);
  EXPECT_EQ(ended(run.tickets[1]).substr(0, 12), "faulted trap");
  EXPECT_EQ(session_->totals().unasked, 0u);
}

TEST_F(Regions, AnObserverHearsOfTheMembersInTheirOrder) {
  class Order final : public QuietObserver {
   public:
    void on_submit(const Ticket& ticket, const MegakernelWorkItem& item, std::uint8_t,
                   std::chrono::nanoseconds) override {
      EXPECT_EQ(ticket.position, outputs.size());
      EXPECT_EQ(ticket.member, 0u);
      outputs.push_back(item.output_handle);
      ends.emplace_back();
    }
    void on_completion(const ItemResult& result, std::chrono::nanoseconds) override {
      EXPECT_TRUE(ends.at(result.ticket.position).empty());
      ends.at(result.ticket.position) = outcome(result);
    }
    std::vector<std::uint32_t> outputs;
    std::vector<std::string> ends;
  };
  const auto order = std::make_shared<Order>();
  ASSERT_OK(session_->observe(order));
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 1, 1, 1}), soon()));
  (void)submit({copy(0, 1), trap(1, 2), copy(2, 3)});
  ASSERT_OK(session_->submit(copy(0, 4), soon()));
  ASSERT_OK(session_->wait_all(soon()));
  ASSERT_OK(session_->observe(nullptr));
  const auto& b = on_.buffers;
  EXPECT_EQ(order->outputs, (std::vector<std::uint32_t>{b[1].id, b[2].id, b[3].id, b[4].id}));
  EXPECT_EQ(order->ends,
            (std::vector<std::string>{"done none", "faulted trap", "done none", "done none"}));
}

TEST_F(Regions, ATicketWithAMemberThatNoRegionHasIsRefused) {
  const auto run = submit({copy(0, 1), copy(1, 2)});
  Ticket wrong = run.tickets[0];
  wrong.member = kMaxRegionMembers;
  EXPECT_EQ(session_->wait(wrong, soon()).error().code, Errc::invalid_argument);
  EXPECT_EQ(session_->cancel({&wrong, 1}).error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace vyre::runtime::test
