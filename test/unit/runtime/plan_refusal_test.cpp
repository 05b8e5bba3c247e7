// Plans that are wrong, and submissions of plans that do not come to their end.
#include <atomic>
#include <thread>

#include "plan_fixture.hpp"

namespace vyre::runtime::test {
namespace {

TEST_F(Plans, AWrongPlanIsRefusedWithItsReasonAndNothingIsAccepted) {
  const auto refused = [&](const Result<Plan>& plan, Errc code, std::string_view text) {
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, code);
    EXPECT_NE(plan.error().message.find(text), std::string::npos) << plan.error().message;
  };
  const std::vector<MegakernelWorkItem> good{copy(0, 1)};
  refused(session_->plan(good, {.queue = 7}), Errc::invalid_argument, "queue 7 does not exist");
  // The number is refused before an item is looked at.
  refused(session_->plan({good.data(), std::size_t{1} << 32}, {}), Errc::limit_exceeded,
          "kMaxPlanItems");
  const std::uint8_t two[] = {0, 0};
  refused(session_->plan(good, {.flags = two}), Errc::invalid_argument, "2 queue flags");
  const std::uint8_t unknown[] = {8};
  refused(session_->plan(good, {.flags = unknown}), Errc::invalid_argument, "queue flags 8");
  const std::vector<MegakernelWorkItem> no_op{copy(0, 1), {900'000, 0, 0, 0}};
  refused(session_->plan(no_op, {}), Errc::invalid_argument, "item 1 of the plan names op 900000");
  const std::vector<MegakernelWorkItem> no_buffer{{kFill, 0, 4'444, 0}};
  refused(session_->plan(no_buffer, {}), Errc::invalid_argument, "output_handle 4444 of item 0");

  const auto expect_error = [&](const Plan& plan, Session& to, Errc code, std::string_view text) {
    const auto run = to.submit(plan, soon());
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().code, code);
    EXPECT_NE(run.error().message.find(text), std::string::npos) << run.error().message;
    EXPECT_EQ(to.totals().accepted, 0u);
  };
  const auto plan = session_->plan(good, {});
  ASSERT_OK(plan);
  auto other = Session::open(test_options(1));
  ASSERT_OK(other);
  expect_error(*plan, *other, Errc::invalid_argument, "belongs to session");
  const Handle gone = *session_->allocate(16);
  const std::vector<MegakernelWorkItem> names_it{copy(0, 1), {kFill, 0, gone.id, 1}};
  const auto stale = session_->plan(names_it, {});
  ASSERT_OK(stale);
  ASSERT_OK(session_->release(gone, soon()));
  expect_error(*stale, *session_, Errc::not_found,
               "handle " + std::to_string(gone.id) + " was released after the plan was made");
  ASSERT_OK(session_->close());
  expect_error(*plan, *session_, Errc::closed, "");
  refused(session_->plan(good, {}), Errc::closed, "");
}

TEST_F(Plans, OneThatIsStoppedSaysWhichItemsHaveATicket) {
  SessionOptions options = test_options(1);
  options.ring_slots = 32;
  std::atomic<bool> held{true};
  TestHooks hooks;
  hooks.worker_dies = [&](std::uint32_t, std::uint64_t) {
    while (held) std::this_thread::yield();
    return false;
  };
  ONLY_ON_CPU("its worker is held");
  open(hooks, options);
  std::vector<MegakernelWorkItem> items;
  for (std::uint32_t i = 0; i < 200; ++i) items.push_back({kFill, 0, on_.buffers[0].id, i});
  const auto plan = session_->plan(items, {.fuse = false});
  ASSERT_OK(plan);
  const auto run = session_->submit(*plan, after(std::chrono::milliseconds{20}));
  held = false;
  ASSERT_OK(run);
  ASSERT_TRUE(run->stopped_by);
  EXPECT_EQ(run->stopped_by->code, Errc::queue_full);
  std::uint64_t tickets = 0;
  for (const Ticket& ticket : run->tickets) tickets += ticket.session != 0 ? 1 : 0;
  EXPECT_EQ(tickets, run->accepted);
  EXPECT_GT(tickets, 0u);
  EXPECT_LT(tickets, 200u);
  for (std::uint64_t i = 0; i < tickets; ++i)
    EXPECT_EQ(ended(run->tickets[i]), "done none at 0/0/0");
}

}  // namespace
}  // namespace vyre::runtime::test
