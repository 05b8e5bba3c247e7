// Regions on a device with what CPU workers do not have: members that many warps share, more
// regions than there are blocks, members that write memory of the host, closing and cancelling
// while members run. Ends and bytes are compared with those of the same items one by one.
#include <atomic>
#include <set>
#include <thread>

#include "unit/runtime/plan_fixture.hpp"

namespace vyre::runtime::test {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kLargeWords{1u << 20};
constexpr std::uint32_t kReduce{3};  // reduce.sum_u32

/// y = x + 1, word by word; traps where x is 7,777,777.
constexpr std::string_view kNextText{
    "workgroup 64, 1, 1;\n"
    "buffer x: u32[] read_only;\n"
    "buffer y: u32[] read_write;\n"
    "region \"next\" { if gid.x < len(y) {\n"
    "  if x[gid.x] == 7777777 { trap(x[gid.x], \"found\"); }\n"
    "  y[gid.x] = x[gid.x] + 1; } }\n"};

class DeviceRegions : public PlansOnASession {
 protected:
  void SetUp() override { open(test_options()); }
  void open(SessionOptions options) {
    options.device_memory_bytes = std::uint64_t{512} << 20;
    PlansOnASession::open({}, options, 8);
    const auto program = vir::assemble(kNextText);
    ASSERT_OK(program);
    const auto op = session_->register_program("next", *program);
    ASSERT_OK(op);
    next_ = op->id;
  }
  Handle counting(std::uint32_t words, std::uint32_t first = 0) {
    Bytes bytes;
    for (std::uint32_t i = 0; i < words; ++i) append_le(bytes, first + i);
    return *session_->upload(bytes);
  }
  MegakernelWorkItem next(Handle from, Handle to) {
    const Handle both[] = {from, to};
    return {next_, session_->bind(both)->id, 0, 0};
  }
  static std::size_t positions(const SubmittedPlan& run) {
    std::set<std::uint64_t> all;
    for (const Ticket& ticket : run.tickets) all.insert(ticket.position);
    return all.size();
  }
  std::uint32_t word(Handle buffer, std::uint32_t index) {
    return load_le<std::uint32_t>(*session_->download(buffer, soon()), std::size_t{4} * index);
  }
  std::uint32_t next_{0};
};

TEST_F(DeviceRegions, LargeMembersOfAChainAreSharedAndRunInTheirOrder) {
  for (int round = 0; round < 3; ++round) {
    std::vector<Handle> large{counting(kLargeWords)};
    std::vector<MegakernelWorkItem> items;
    for (std::uint32_t i = 0; i < 6; ++i) {
      large.push_back(*session_->allocate(std::size_t{4} * kLargeWords));
      // Large and small in turns.
      items.push_back(i % 2 == 0 ? next(large[i], large[i + 1])
                                 : MegakernelWorkItem{kCopy, large[i].id, large[i + 1].id, 0});
    }
    const Handle sum = *session_->allocate(4);
    items.push_back({kReduce, large.back().id, sum.id, 0});
    items.push_back({kCopy, sum.id, on_.buffers[0].id, 0});
    const auto run = submit(items);
    ASSERT_EQ(positions(run), 1u);
    for (const Ticket& ticket : run.tickets) ASSERT_EQ(ended(ticket), "done none at 0/0/0");
    std::uint32_t expected = 0;
    for (std::uint32_t i = 0; i < kLargeWords; ++i) expected += i + 3;
    EXPECT_EQ(word(sum, 0), expected);
    EXPECT_EQ(word(on_.buffers[0], 0), expected);
    const Bytes last = *session_->download(large.back(), soon());
    for (std::uint32_t i = 0; i < kLargeWords; ++i)
      ASSERT_EQ(load_le<std::uint32_t>(last, std::size_t{4} * i), i + 3) << i;
  }
}

TEST_F(DeviceRegions, AFaultInASharedMemberIsThatOfTheItemAloneAndTheNextRuns) {
  const Handle from = counting(kLargeWords, 7'777'777 - 123'456);  // traps at word 123,456
  const Handle to = *session_->allocate(std::size_t{4} * kLargeWords);
  const MegakernelWorkItem bad = next(from, to);
  const std::string alone = ended(*session_->submit(bad, soon()));
  ASSERT_EQ(alone.substr(0, 17), "faulted trap at 1");
  const auto chain = submit({{kCopy, on_.buffers[0].id, on_.buffers[1].id, 0},
                             bad,
                             next(on_.buffers[1], on_.buffers[2]),
                             {kCopy, to.id, from.id, 0},
                             bad});
  EXPECT_EQ(ended(chain.tickets[1]), alone);
  EXPECT_EQ(ended(chain.tickets[2]), "done none at 0/0/0");
  EXPECT_EQ(ended(chain.tickets[3]), "done none at 0/0/0");
  EXPECT_EQ(word(on_.buffers[2], 1), word(on_.buffers[0], 1) + 1);
}

TEST_F(DeviceRegions, ABundleOfLargeAndSmallMembersEndsOnceWhenAllHaveEnded) {
  const Handle large = counting(kLargeWords, 5);
  const Handle bad = counting(8, 7'777'770);
  std::vector<MegakernelWorkItem> items;
  std::vector<Handle> outputs;
  for (std::uint32_t i = 0; i < 64; ++i) {
    const bool is_large = i % 16 == 3;
    outputs.push_back(*session_->allocate(is_large ? std::size_t{4} * kLargeWords : 32));
    items.push_back(next(is_large ? large : i % 16 == 9 ? bad : on_.buffers[i % 8], outputs[i]));
  }
  const auto plan = session_->plan(items, {.dedupe = false});
  ASSERT_OK(plan);
  for (int round = 0; round < 30; ++round) {
    for (const Handle output : outputs)
      ASSERT_OK(session_->write(output, 0, words({0, 0, 0, 0}), soon()));
    const auto run = submit(*plan);
    ASSERT_EQ(positions(run), 1u);
    for (std::uint32_t i = 0; i < 64; ++i) {
      ASSERT_EQ(ended(run.tickets[i]).substr(0, 12), i % 16 == 9 ? "faulted trap" : "done none at")
          << i;
      if (i % 16 == 3) {
        ASSERT_EQ(word(outputs[i], kLargeWords - 1), kLargeWords + 5);
      } else if (i % 16 != 9) {
        ASSERT_EQ(word(outputs[i], 3), 8 * (i % 8) + 1) << i;
      }
    }
  }
}

TEST_F(DeviceRegions, MoreOfThemThanThereAreBlocksAllRun) {
  std::vector<MegakernelWorkItem> items;
  std::vector<Handle> last;
  for (std::uint32_t c = 0; c < 1'000; ++c) {
    Handle before = on_.buffers[c % 8];
    for (std::uint32_t i = 0; i < 3; ++i) {
      const Handle to = *session_->allocate(16);
      items.push_back(next(before, to));
      before = to;
    }
    last.push_back(before);
  }
  const auto plan = session_->plan(items, {.dedupe = false});
  ASSERT_OK(plan);
  for (int round = 0; round < 20; ++round) {
    const auto run = session_->submit(*plan, soon());
    ASSERT_OK(run);
    ASSERT_EQ(run->accepted, items.size());
    const auto drained = session_->wait_all(soon());
    ASSERT_OK(drained);
    ASSERT_EQ(drained->not_done, 0u);
  }
  EXPECT_GT(session_->report().planner->members, 20'000u);
  for (std::uint32_t c = 0; c < 1'000; ++c) ASSERT_EQ(word(last[c], 3), 8 * (c % 8) + 3);
}

TEST_F(DeviceRegions, WhatMembersWriteIntoMemoryOfTheHostIsThereWithTheirEnd) {
  constexpr std::size_t kBytes{1u << 16};
  void* const page = std::aligned_alloc(4096, 2 * kBytes);
  ASSERT_NE(page, nullptr);
  const MutableByteSpan first(static_cast<std::uint8_t*>(page), kBytes);
  const MutableByteSpan second(first.data() + kBytes, kBytes);
  const auto one = session_->import(first);
  const auto two = session_->import(second);
  ASSERT_OK(one);
  ASSERT_OK(two);
  const Handle large = *session_->allocate(std::size_t{4} * kLargeWords);
  for (std::uint32_t round = 1; round <= 50; ++round) {
    const Handle from = counting(kBytes / 4, round);
    // The first member is one warp's, the others are shared: another warp goes on.
    const auto run = submit({{kCopy, from.id, one->id, 0}, next(*one, large), next(large, *two)});
    ASSERT_EQ(positions(run), 1u);
    ASSERT_EQ(ended(run.tickets[2]), "done none at 0/0/0");
    for (std::uint32_t i = 0; i < kBytes / 4; i += 511) {
      ASSERT_EQ(load_le<std::uint32_t>(first, std::size_t{4} * i), round + i);
      ASSERT_EQ(load_le<std::uint32_t>(second, std::size_t{4} * i), round + i + 2);
    }
  }
  ASSERT_OK(session_->close());
  session_.reset();
  std::free(page);
}

TEST_F(DeviceRegions, CancelledMembersEndAsCancelledOrHaveRun) {
  std::vector<MegakernelWorkItem> items;
  for (std::uint32_t i = 0; i < 64; ++i)
    items.push_back({kCopy, on_.buffers[i % 2].id, on_.buffers[2 + i % 3].id, 0});
  std::uint64_t cancelled = 0;
  for (int round = 0; round < 300; ++round) {
    const auto run = submit(items, {.dedupe = false});
    std::vector<Ticket> some;
    for (std::size_t i = static_cast<std::size_t>(round % 5); i < run.tickets.size(); i += 3)
      some.push_back(run.tickets[i]);
    ASSERT_OK(session_->cancel(some));
    std::set<std::pair<std::uint64_t, std::uint32_t>> asked;
    for (const Ticket& ticket : some) asked.insert({ticket.position, ticket.member});
    for (const Ticket& ticket : run.tickets) {
      const std::string how = ended(ticket);
      if (how == "done none at 0/0/0") continue;
      ASSERT_EQ(how, "cancelled cancelled at 0/0/0");
      ASSERT_TRUE(asked.contains({ticket.position, ticket.member}));
      ++cancelled;
    }
  }
  EXPECT_EQ(session_->totals().cancelled, cancelled);
}

TEST_F(DeviceRegions, ClosedUnderLoadEveryMemberHasItsEnd) {
  for (int round = 0; round < 5; ++round) {
    SessionOptions options = test_options();
    options.fuel = ~std::uint64_t{0};
    options.close_timeout = milliseconds{20};
    open(options);
    ASSERT_OK(session_->write(on_.buffers[0], 0, words({~0u, 0, 0, 0}), soon()));
    const auto chain = submit({{kCopy, on_.buffers[0].id, on_.buffers[2].id, 0},
                               {ops_.spin, on_.buffers[2].id, on_.buffers[1].id, 0},
                               {kCopy, on_.buffers[1].id, on_.buffers[4].id, 0}});
    std::atomic<std::uint64_t> accepted{3};
    std::vector<std::thread> producers;
    for (std::uint32_t t = 0; t < 3; ++t) {
      producers.emplace_back([&, t] {
        Random random(test_seed() + t);
        for (;;) {
          const PlanBatch batch = random_batch(random, ops_, on_, 2 + random.below(40));
          const auto plan = session_->plan(batch.items, {.flags = batch.flags});
          if (!plan) return;
          const auto run = session_->submit(*plan, soon());
          if (!run) return;
          accepted += run->accepted;
          if (run->stopped_by) return;
        }
      });
    }
    std::this_thread::sleep_for(milliseconds{20});
    (void)session_->close();
    for (std::thread& producer : producers) producer.join();
    const Totals totals = session_->totals();
    EXPECT_EQ(totals.accepted, accepted);
    EXPECT_EQ(totals.accepted, totals.done + totals.faulted + totals.cancelled);
    EXPECT_EQ(ended(chain.tickets[2]), "cancelled shutdown at 0/0/0");
  }
}

}  // namespace
}  // namespace vyre::runtime::test
