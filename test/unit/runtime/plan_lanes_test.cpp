// Regions in one image: what a session makes of them, what is not stored, and what is void.
#include "plan_fixture.hpp"

namespace vyre::runtime::test {
namespace {

/// y = a * 2 + 1 at the lane's own element.
std::string step_text(std::uint32_t elements, const std::string& more = "") {
  return "workgroup 64, 1, 1;\nbuffer a: u32[] read_only;\nbuffer y: u32[" +
         std::to_string(elements) + "] read_write output live_out;\nregion \"step\" {\n" + more +
         "y[gid.x] = a[gid.x] * 2 + 1; }\n";
}

class Lanes : public PlansOnASession {
 protected:
  void SetUp() override { open(test_options(1)); }
  void open(const SessionOptions& options, const TestHooks& hooks = {}) {
    PlansOnASession::open(hooks, options, 8);
    step_ = add_op("step", step_text(4));
  }
  [[nodiscard]] MegakernelWorkItem step(std::size_t from, std::size_t to) const {
    return {step_, on_.buffers[from].id, on_.buffers[to].id, 0};
  }
  [[nodiscard]] Bytes bytes(std::size_t buffer) {
    return *session_->download(on_.buffers[buffer], soon());
  }
  std::uint32_t step_{0};
};

TEST_F(Lanes, AChainOfFlatProgramsRunsAsOneImage) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 2, 3, 4}), soon()));
  const std::vector<MegakernelWorkItem> items{step(0, 1), step(1, 2), step(2, 3)};
  const auto plan = session_->plan(items, {});
  ASSERT_OK(plan);
  EXPECT_NE(plan->describe().find("1 lanes"), std::string::npos) << plan->describe();
  const auto run = submit(*plan);
  for (std::uint32_t m = 0; m < 3; ++m) {
    EXPECT_EQ(run.tickets[m].member, m);
    EXPECT_EQ(ended(run.tickets[m]), "done none at 0/0/0");
  }
  EXPECT_EQ(bytes(1), words({3, 5, 7, 9}));
  EXPECT_EQ(bytes(2), words({7, 11, 15, 19}));
  EXPECT_EQ(bytes(3), words({15, 23, 31, 39}));
  EXPECT_EQ(lanes(), 1u);
  const report::Document document = session_->report();
  EXPECT_EQ(document.planner->members, 3u);
  EXPECT_EQ(document.report.published_items, 3u);
}

TEST_F(Lanes, StepsOfMembersCountForTheirOps) {
  const std::uint32_t loop =
      add_op("loop", step_text(4, "let s = 0; for i in 0..10 { s = s + i * 3; }\n"));
  (void)submit({step(0, 1), {loop, on_.buffers[1].id, on_.buffers[2].id, 0}, step(2, 3)});
  ASSERT_OK(session_->wait_all(soon()));
  ASSERT_EQ(lanes(), 1u);
  EXPECT_GT(steps("step"), 0u);
  EXPECT_GT(steps("loop"), steps("step")) << "its turns are its own";
}

TEST_F(Lanes, WhatIsScratchIsNotStoredAndAllElseIs) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 2, 3, 4}), soon()));
  ASSERT_OK(session_->write(on_.buffers[1], 0, words({9, 9, 9, 9}), soon()));
  const Handle scratch[] = {on_.buffers[1]};
  const auto run = submit({step(0, 1), step(1, 2)}, {.scratch = scratch});
  EXPECT_EQ(ended(run.tickets[1]), "done none at 0/0/0");
  EXPECT_EQ(bytes(1), words({9, 9, 9, 9})) << "nothing was stored there";
  EXPECT_EQ(bytes(2), words({7, 11, 15, 19}));
}

TEST_F(Lanes, ScratchThatAnItemOutsideReadsIsStored) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 2, 3, 4}), soon()));
  const Handle scratch[] = {on_.buffers[1]};
  (void)submit({step(0, 1), step(1, 2), {kCopy, on_.buffers[1].id, on_.buffers[4].id, 0}},
               {.scratch = scratch});
  EXPECT_EQ(bytes(4), words({3, 5, 7, 9}));
}

TEST_F(Lanes, AnItemWhoseStoresWereLeftOutStandsForNoLaterOne) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 2, 3, 4}), soon()));
  const Handle scratch[] = {on_.buffers[1]};
  (void)submit({step(0, 1), step(1, 2)}, {.scratch = scratch});
  const auto again = submit({step(0, 1)});
  EXPECT_EQ(again.deduped, 0u);
  EXPECT_EQ(bytes(1), words({3, 5, 7, 9}));
}

TEST_F(Lanes, AStoreIsLeftOutBeforeAWholeOverwriteAndNotBeforeAPartOfOne) {
  const std::uint32_t part = add_op("part", step_text(3));
  const auto elided = [&](const std::vector<MegakernelWorkItem>& items) {
    const auto plan = session_->plan(items, {});
    EXPECT_TRUE(plan);
    (void)submit(*plan);
    const std::string text = plan->describe_json();
    const bool elides = plan->describe().find("\nnot stored: buffer ") != std::string::npos;
    EXPECT_EQ(text.substr(text.find("\"elided\"")).find("handle") != std::string::npos, elides);
    return elides;
  };
  EXPECT_TRUE(elided({step(0, 1), step(1, 2), step(4, 1)}));
  EXPECT_EQ(bytes(1), words({8 * 2 + 1, 16 * 2 + 1, 24 * 2 + 1, 32 * 2 + 1}));
  EXPECT_FALSE(elided({step(0, 5), step(5, 6), {part, on_.buffers[4].id, on_.buffers[5].id, 0}}));
}

TEST_F(Lanes, ARunWithAFaultIsVoidAndEachMemberEndsAsAlone) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({4, 8, 10, 12}), soon()));
  const auto trap = [&](std::size_t from, std::size_t to) {
    return MegakernelWorkItem{ops_.trap, on_.buffers[from].id, on_.buffers[to].id, 0};
  };
  // 4, 8, 10, 12 -> 2, 4, 5, 6 -> the third lane traps; what it had stored is what a fourth reads.
  const std::vector<MegakernelWorkItem> items{trap(0, 1), trap(1, 2), trap(2, 3)};
  const auto plan = session_->plan(items, {});
  ASSERT_OK(plan);
  ASSERT_NE(plan->describe().find("1 lanes"), std::string::npos) << plan->describe();
  const auto run = submit(*plan);
  EXPECT_EQ(ended(run.tickets[0]), "done none at 0/0/0");
  EXPECT_EQ(ended(run.tickets[1]).substr(0, 19), "faulted trap at 0/2");
  const Bytes second = bytes(2);
  const Bytes third = bytes(3);
  const std::string last = ended(run.tickets[2]);
  ASSERT_OK(session_->wait_all(soon()));
  EXPECT_EQ(outcome(*session_->wait(*session_->submit(items[1], soon()), soon())), "faulted trap");
  EXPECT_EQ(ended(*session_->submit(items[2], soon())), last);
  EXPECT_EQ(bytes(2), second);
  EXPECT_EQ(bytes(3), third);
}

TEST_F(Lanes, LargeGridsAreSharedByWorkers) {
  open(test_options(2));
  constexpr std::uint32_t kElements{200'000};
  const std::uint32_t large = add_op("large", step_text(kElements));
  Bytes from;
  for (std::uint32_t i = 0; i < kElements; ++i) append_le(from, i * 7);
  const Handle in = *session_->upload(from, soon());
  const Handle middle = *session_->allocate(from.size(), soon());
  const Handle out = *session_->allocate(from.size(), soon());
  const auto run = submit({{large, in.id, middle.id, 0}, {large, middle.id, out.id, 0}});
  EXPECT_EQ(ended(run.tickets[1]), "done none at 0/0/0");
  EXPECT_EQ(lanes(), 1u);
  const Bytes have = *session_->download(out, soon());
  Bytes want;
  for (std::uint32_t i = 0; i < kElements; ++i) append_le(want, (i * 7 * 2 + 1) * 2 + 1);
  EXPECT_TRUE(have == want);
}

TEST_F(Lanes, AWorkerThatDiesLosesAllMembersOfTheImage) {
  ONLY_ON_CPU("no worker of a device dies alone");
  TestHooks hooks;
  hooks.worker_dies = [](std::uint32_t, std::uint64_t items_run) { return items_run == 1; };
  open(test_options(1), hooks);
  const auto run = submit({step(0, 1), step(1, 2), step(2, 3)});
  for (const Ticket& ticket : run.tickets)
    EXPECT_EQ(ended(ticket), "cancelled worker_lost at 0/0/0");
}

TEST_F(Lanes, LanesBehindTheLastElementHaveAnImageOfTheirOwn) {
  ASSERT_OK(session_->write(on_.buffers[0], 0, words({1, 2, 3, 4}), soon()));
  // A lane that read a value which no element has would leave the run void, and fault in the end.
  const std::uint32_t picky =
      add_op("picky",
             step_text(4, "if a[gid.x] % 2 == 1 { if gid.x > 3 { trap(1, \"no element\"); } }\n"));
  for (const std::uint32_t lanes : {0u, 1'000u, 4u}) {
    std::vector<MegakernelWorkItem> items{step(0, 1), step(1, 2), step(2, 3)};
    items[1].op_handle = picky;
    for (MegakernelWorkItem& item : items) item.param = lanes;
    const auto run = submit(items, {.dedupe = false});
    EXPECT_EQ(ended(run.tickets[1]), "done none at 0/0/0") << lanes;
    EXPECT_EQ(bytes(3), words({15, 23, 31, 39}));
  }
  EXPECT_EQ(lanes(), 3u);
}

TEST_F(Lanes, ProgramsThatAreTooMuchForOneImageAreAChain) {
  // Each has constants of its own, of which one image has at most 32,767.
  std::vector<MegakernelWorkItem> items;
  for (std::size_t m = 0; m < 4; ++m) {
    std::string many;
    for (std::size_t i = 0; i < 9'000; ++i)
      many += "y[gid.x] = a[gid.x] ^ " + std::to_string(1'000'000 * (m + 1) + i) + ";\n";
    const std::uint32_t op = add_op("many" + std::to_string(m), step_text(4, many));
    items.push_back({op, on_.buffers[m].id, on_.buffers[m + 1].id, 0});
  }
  const auto plan = session_->plan(items, {});
  ASSERT_OK(plan);
  EXPECT_NE(plan->describe().find("1 chain 0 lanes"), std::string::npos) << plan->describe();
  EXPECT_NE(plan->describe().find("no lanes: registers"), std::string::npos);
  const auto run = submit(*plan);
  EXPECT_EQ(ended(run.tickets[3]), "done none at 0/0/0");
  EXPECT_EQ(lanes(), 0u);
}

TEST_F(Lanes, MistakesAboutScratchAreRefused) {
  const Handle nothing[] = {Handle{77'777}};
  const std::vector<MegakernelWorkItem> items{step(0, 1)};
  const auto plan = session_->plan(items, {.scratch = nothing});
  ASSERT_FALSE(plan);
}

}  // namespace
}  // namespace vyre::runtime::test
