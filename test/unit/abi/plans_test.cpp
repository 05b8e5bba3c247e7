// Plans: tickets of items that stand for each other, what is looked at again, and mistakes.
#include "fixture.hpp"

namespace vyre::test {
namespace {

class Plans : public OnASession {
 protected:
  void SetUp() override {
    OnASession::SetUp();
    copy_ = session_.find("mem.copy").value();
  }
  Op copy_;
};

TEST_F(Plans, ItemsThatStandForEachOtherHaveEqualTicketsAndOneResult) {
  auto from = up<std::uint32_t>({1, 2});
  auto middle = up<std::uint32_t>({0, 0});
  auto to = up<std::uint32_t>({0, 0});
  const std::array items{Item{copy_, from, middle}, Item{copy_, middle, to},
                         Item{copy_, from, middle}};
  const auto plan = session_.main().plan(items);
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(plan->items(), 3u);
  std::array<Ticket, 3> tickets;
  const Submitted submitted = session_.main().submit(*plan, tickets);
  ASSERT_FALSE(submitted.stopped_by) << submitted.stopped_by->text;
  EXPECT_EQ(submitted.accepted, 3u);
  EXPECT_EQ(tickets[0], tickets[2]);
  EXPECT_NE(tickets[0], tickets[1]);
  const auto results = session_.wait(tickets, 3).value();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(results[i].done());
    EXPECT_EQ(results[i].ticket, tickets[i]);
  }
  EXPECT_EQ(to.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(session_.report().value().deduped_items, 1u);
}

TEST_F(Plans, APlanSaysWhatItFoundAndIsSubmittedAgain) {
  auto from = up<std::uint32_t>({1});
  auto to = up<std::uint32_t>({0});
  const std::array items{Item{copy_, from, to}, Item{copy_, from, to}};
  const Plan plan = session_.main().plan(items).value();
  EXPECT_TRUE(contains(plan.describe().value(), "plan of 2 items: 1 removed"));
  EXPECT_TRUE(contains(plan.json().value(), "\"removed_items\": 1"));
  EXPECT_EQ(session_.main().submit(plan).accepted, 2u);
  const std::array<std::uint32_t, 1> nine{9};
  ASSERT_TRUE(from.write(std::span<const std::uint32_t>(nine)));
  std::array<Ticket, 2> tickets;
  EXPECT_EQ(session_.main().submit(plan, tickets).accepted, 2u);
  EXPECT_TRUE(session_.wait(tickets[1]).value().done());
  EXPECT_EQ(to.read<std::uint32_t>().value()[0], 9u);
  const Plan without = session_.main().plan(items, {.dedupe = false, .fuse = false}).value();
  EXPECT_TRUE(contains(without.describe().value(), "plan of 2 items: 0 removed"));
}

TEST_F(Plans, AMemberOfARegionIsCancelledAndAskedByItsTicket) {
  auto zero = up<std::int32_t>({0});
  auto out = up<std::int32_t>({0});
  auto kept = up<std::int32_t>({7});
  const Op divide = op("divide", kDivide);
  const std::array items{Item{copy_, kept, out}, Item{divide, zero, out}, Item{copy_, out, kept}};
  const Plan plan = session_.main().plan(items).value();
  std::array<Ticket, 3> tickets;
  ASSERT_EQ(session_.main().submit(plan, tickets).accepted, 3u);
  EXPECT_EQ(tickets[0].position, tickets[2].position) << "one chain";
  const auto results = session_.wait(tickets, 3).value();
  EXPECT_TRUE(results[0].done());
  EXPECT_EQ(results[1].status, ItemStatus::faulted);
  EXPECT_EQ(results[1].ticket, tickets[1]);
  EXPECT_TRUE(results[2].done());
  EXPECT_EQ(session_.cancel(tickets).value(), 0u);
}

constexpr std::string_view kTwice{
    "workgroup 64, 1, 1;\nbuffer a: u32[] read_only;\n"
    "buffer y: u32[2] read_write output live_out;\nregion \"t\" { y[gid.x] = a[gid.x] * 2; }\n"};

TEST_F(Plans, WhatIsScratchNeedNotBeStored) {
  auto from = up<std::uint32_t>({1, 2});
  auto middle = up<std::uint32_t>({7, 7});
  auto to = up<std::uint32_t>({0, 0});
  const Op twice = op("twice", kTwice);
  const std::array items{Item{twice, from, middle}, Item{twice, middle, to}};
  const std::array<BufferRef, 1> scratch{middle};
  const Plan plan = session_.main().plan(items, {.scratch = scratch}).value();
  EXPECT_TRUE(contains(plan.describe().value(), "1 lanes")) << plan.describe().value();
  EXPECT_EQ(session_.main().submit(plan).accepted, 2u);
  EXPECT_EQ(to.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{4, 8}));
  EXPECT_EQ(middle.read<std::uint32_t>().value(), (std::vector<std::uint32_t>{7, 7}));
}

TEST_F(Plans, MistakesAreRefusedWithTheirReasonAndNothingIsAccepted) {
  const auto refused = [](const auto& result, Code code, std::string_view text) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    EXPECT_TRUE(contains(result.error().text, text)) << result.error().text;
  };
  auto from = up<std::uint32_t>({1});
  auto to = up<std::uint32_t>({0});
  const std::array items{Item{copy_, from, to}, Item{copy_, from, to}};
  auto other = Session::open(on_cpu()).value();
  refused(other.main().plan(items), Code::invalid_argument, "item 0");
  auto gone = up<std::uint32_t>({0});
  const std::array names_it{Item{copy_, from, to}, Item{copy_, from, gone}};
  const Plan stale = session_.main().plan(names_it).value();
  ASSERT_TRUE(gone.retire());
  const Submitted late = session_.main().submit(stale);
  ASSERT_TRUE(late.stopped_by);
  EXPECT_EQ(late.stopped_by->code, Code::not_found);
  EXPECT_TRUE(contains(late.stopped_by->text, "released after the plan was made"))
      << late.stopped_by->text;
  EXPECT_EQ(late.accepted, 0u);
  refused(session_.main().plan(names_it), Code::not_found, "item 1");

  const Plan ours = session_.main().plan(items).value();
  const Submitted theirs = other.main().submit(ours);
  ASSERT_TRUE(theirs.stopped_by);
  EXPECT_EQ(theirs.stopped_by->code, Code::invalid_argument);
  EXPECT_TRUE(contains(theirs.stopped_by->text, "submit it to the one that made it"));
  std::array<Ticket, 1> too_few;
  EXPECT_EQ(session_.main().submit(ours, too_few).stopped_by->code, Code::invalid_argument);

  vyre_plan* made = nullptr;
  const auto* raw = reinterpret_cast<const vyre_item*>(items.data());
  vyre_plan_options options = VYRE_INIT(vyre_plan_options);
  const auto answer = [&](size_t count) {
    return detail::Failed{vyre_plan_new(session_.main().get(), raw, count, 0, &options, &made)}
        .error();
  };
  EXPECT_EQ(answer(std::size_t{1} << 32).code, Code::limit_exceeded);
  options.flags = 8;
  EXPECT_TRUE(contains(answer(2).text, "plan flags 8"));
  options.flags = 0;
  options.scratch_count = 1;
  EXPECT_TRUE(contains(answer(2).text, "scratch")) << answer(2).text;
  const vyre_buffer nothing = 1;
  options.scratch = &nothing;
  EXPECT_FALSE(answer(2).text.empty());
  EXPECT_EQ(made, nullptr);
  EXPECT_EQ(session_.report().value().published_items, 0u);
}

TEST_F(Plans, OneMayOutliveEveryOtherReferenceOfItsSession) {
  std::optional<Plan> plan;
  {
    auto session = Session::open(on_cpu()).value();
    auto buffer = session.main().allocate(4).value();
    const std::array own{Item{session.find("nop").value(), buffer, buffer}};
    plan.emplace(session.main().plan(own).value());
  }
  EXPECT_TRUE(contains(plan->describe().value(), "plan of 1 items"));
}

}  // namespace
}  // namespace vyre::test
