// Regions in one image on a device with what small ones do not have: buffers for which a warp's own
// place is too small, images that many warps share, runs that become void in the middle, and images
// that come to lie where others lay. Bytes, ends and steps are those of the items one by one.
#include <array>
#include <set>

#include "unit/runtime/plan_fixture.hpp"

namespace vyre::runtime::test {
namespace {

class DeviceImages : public PlansOnASession {
 protected:
  void SetUp() override {
    SessionOptions options = test_options();
    options.device_memory_bytes = std::uint64_t{512} << 20;
    PlansOnASession::open({}, options, 8);
  }
  /// y = x * 3 + add over so many words; `more` comes first.
  static std::string text(std::uint32_t words, std::uint32_t add, const std::string& more = "") {
    return "workgroup 64, 1, 1;\nbuffer x: u32[] read_only;\nbuffer y: u32[" +
           std::to_string(words) + "] read_write output live_out;\nregion \"step\" {\n" + more +
           "y[gid.x] = x[gid.x] * 3 + " + std::to_string(add) + "; }\n";
  }
  Handle counting(std::uint32_t words, std::uint32_t first = 0) {
    Bytes bytes;
    for (std::uint32_t i = 0; i < words; ++i) append_le(bytes, first + i);
    return *session_->upload(bytes, soon());
  }
  Handle room(std::uint32_t words) { return *session_->allocate(std::size_t{4} * words, soon()); }
  std::vector<std::uint32_t> words_of(Handle buffer) {
    const Bytes bytes = *session_->download(buffer, soon());
    std::vector<std::uint32_t> all;
    for (std::size_t at = 0; at < bytes.size(); at += 4)
      all.push_back(load_le<std::uint32_t>(bytes, at));
    return all;
  }
  static std::size_t positions(const SubmittedPlan& run) {
    std::set<std::uint64_t> all;
    for (const Ticket& ticket : run.tickets) all.insert(ticket.position);
    return all.size();
  }
};

TEST_F(DeviceImages, ALongChainOfTinyProgramsIsOneRunOverItsManyBuffers) {
  for (const std::uint32_t members : {2u, 8u, 16u, 33u, 64u}) {
    constexpr std::uint32_t kWords{40};
    const std::uint32_t op = add_op("tiny" + std::to_string(members), text(kWords, members));
    std::vector<Handle> buffers{counting(kWords, 5)};
    std::vector<MegakernelWorkItem> items;
    for (std::uint32_t m = 0; m < members; ++m) {
      buffers.push_back(room(kWords));
      items.push_back({op, buffers[m].id, buffers[m + 1].id, 0});
    }
    const std::uint64_t before = lanes();
    const auto run = submit(items);
    ASSERT_EQ(positions(run), 1u) << members;
    for (const Ticket& ticket : run.tickets) ASSERT_EQ(ended(ticket), "done none at 0/0/0");
    ASSERT_EQ(lanes(), before + 1);
    std::vector<std::uint32_t> want = words_of(buffers[0]);
    for (std::uint32_t m = 0; m < members; ++m) {
      for (std::uint32_t& word : want) word = word * 3 + members;
      ASSERT_EQ(words_of(buffers[m + 1]), want) << "member " << m << " of " << members;
    }
  }
}

TEST_F(DeviceImages, AnImageThatManyWarpsShareLeavesWhatItsItemsLeave) {
  constexpr std::uint32_t kWords{(1u << 20) + 77};
  const std::uint32_t first = add_op("first", text(kWords, 7));
  // Another number of elements, and a loop.
  const std::uint32_t second =
      add_op("second", text(kWords - 5, 1, "let s = 0; for i in 0..x[gid.x] % 4 { s = s + i; }\n"));
  const Handle in = counting(kWords);
  std::array<Handle, 4> out{};
  for (Handle& one : out) one = room(kWords);
  for (int round = 0; round < 3; ++round) {
    const auto run = submit({{first, in.id, out[0].id, kWords},
                             {second, out[0].id, out[1].id, kWords},
                             {first, out[0].id, out[2].id, kWords},
                             {first, out[1].id, out[3].id, kWords}},
                            {.dedupe = false});
    for (const Ticket& ticket : run.tickets) ASSERT_EQ(ended(ticket), "done none at 0/0/0");
  }
  ASSERT_GE(lanes(), 3u);
  const auto third = words_of(out[3]);
  const auto side = words_of(out[2]);
  for (std::uint32_t i = 0; i < kWords; ++i) {
    const std::uint32_t a = i * 3 + 7;
    const std::uint32_t b = i < kWords - 5 ? a * 3 + 1 : 0;
    ASSERT_EQ(side[i], a * 3 + 7) << i;
    ASSERT_EQ(third[i], b * 3 + 7) << i;
  }
}

TEST_F(DeviceImages, StepsOfASharedImageAreThoseOfItsItemsAlone) {
  constexpr std::uint32_t kWords{300'000};
  const std::uint32_t light = add_op("light", text(kWords, 7));
  const std::uint32_t heavy =
      add_op("heavy", text(kWords, 1, "let s = 0; for i in 0..10 { s = s + i * 3; }\n"));
  const Handle in = counting(kWords);
  const Handle middle = room(kWords);
  const Handle out = room(kWords);
  const std::vector<MegakernelWorkItem> items{{light, in.id, middle.id, 0},
                                              {heavy, middle.id, out.id, 0}};
  for (const MegakernelWorkItem& item : items)
    ASSERT_EQ(ended(*session_->submit(item, soon())), "done none at 0/0/0");
  const std::uint64_t light_alone = steps("light");
  const std::uint64_t heavy_alone = steps("heavy");
  const auto run = submit(items, {.dedupe = false});
  ASSERT_EQ(ended(run.tickets[1]), "done none at 0/0/0");
  ASSERT_EQ(lanes(), 1u);
  // Instructions between members come on top, and what they hand over is not loaded.
  const auto near = [](std::uint64_t have, std::uint64_t alone) {
    EXPECT_GT(have, alone / 2);
    EXPECT_LT(have, alone * 3);
  };
  near(steps("light") - light_alone, light_alone);
  near(steps("heavy") - heavy_alone, heavy_alone);
  EXPECT_GT(steps("heavy") - heavy_alone, 2 * (steps("light") - light_alone));
}

TEST_F(DeviceImages, ARunThatIsVoidInTheMiddleEndsAsItsItemsDoOneByOne) {
  constexpr std::uint32_t kWords{1u << 18};
  const std::uint32_t step = add_op("step", text(kWords, 1));
  const std::uint32_t trap =
      add_op("finds", text(kWords, 1, "if x[gid.x] == 3700000 { trap(x[gid.x], \"found\"); }\n"));
  const Handle in = counting(kWords, 1'100'000);  // word 133,333 becomes 3,700,000
  const Handle middle = room(kWords);
  const Handle bad = room(kWords);
  const Handle out = room(kWords);
  const std::vector<MegakernelWorkItem> items{
      {step, in.id, middle.id, 0}, {trap, middle.id, bad.id, 0}, {step, in.id, out.id, 0}};
  std::vector<std::string> alone;
  for (const MegakernelWorkItem& item : items)
    alone.push_back(ended(*session_->submit(item, soon())));
  ASSERT_EQ(alone[1].substr(0, 20), "faulted trap at 2083");  // 64 lanes a workgroup
  const std::uint64_t steps_alone = steps("step");
  for (const Handle one : {middle, out})
    ASSERT_OK(session_->write(one, 0, Bytes(std::size_t{4} * kWords, 0xEE), soon()));
  const auto run = submit(items, {.dedupe = false});
  ASSERT_EQ(lanes(), 1u);
  ASSERT_EQ(positions(run), 1u);
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(ended(run.tickets[i]), alone[i]) << i;
  EXPECT_EQ(steps("step"), 2 * steps_alone) << "those of the void run count for none";
  const auto first = words_of(middle);
  const auto third = words_of(out);
  for (std::uint32_t i = 0; i < kWords; ++i) {
    ASSERT_EQ(first[i], (1'100'000 + i) * 3 + 1) << i;
    ASSERT_EQ(third[i], first[i]) << i;
  }
}

TEST_F(DeviceImages, WhatIsScratchAndTailsOfLongerBuffersStayAsTheyAre) {
  constexpr std::uint32_t kWords{5'000};
  const std::uint32_t step = add_op("step", text(kWords, 1));
  const Handle in = counting(kWords);
  const Handle scratch[] = {counting(kWords, 77)};
  const Handle out = counting(kWords + 9, 500);
  const auto run = submit({{step, in.id, scratch[0].id, 0}, {step, scratch[0].id, out.id, 0}},
                          {.scratch = scratch});
  ASSERT_EQ(ended(run.tickets[1]), "done none at 0/0/0");
  ASSERT_EQ(lanes(), 1u);
  const auto unstored = words_of(scratch[0]);
  const auto stored = words_of(out);
  for (std::uint32_t i = 0; i < kWords + 9; ++i) {
    ASSERT_EQ(stored[i], i < kWords ? (i * 3 + 1) * 3 + 1 : 500 + i) << i;
    if (i >= kWords) continue;
    ASSERT_EQ(unstored[i], 77 + i) << i;
  }
}

/// The session keeps 64 images, and the device has room for as many as plans and the session hold.
TEST_F(DeviceImages, ImagesThatComeToLieWhereOthersLayAreNotTakenForThem) {
  constexpr std::uint32_t kWords{96};
  std::vector<std::uint32_t> ops;
  for (std::uint32_t add = 0; add < 20; ++add)
    ops.push_back(add_op("step" + std::to_string(add), text(kWords, 11 * add + 1)));
  const Handle in = counting(kWords, 3);
  std::array<Handle, 3> out{};
  for (Handle& one : out) one = room(kWords);
  for (std::uint32_t round = 0; round < 600; ++round) {
    // 400 pairs in an order that forgets each before it comes again.
    const std::uint32_t a = round % 20;
    const std::uint32_t b = round / 20 % 20;
    const auto run = submit({{ops[a], in.id, out[0].id, 0},
                             {ops[b], out[0].id, out[1].id, 0},
                             {ops[a], out[1].id, out[2].id, 0}},
                            {.dedupe = false});
    ASSERT_EQ(ended(run.tickets[2]), "done none at 0/0/0");
    const std::uint32_t first = 3 * 3 + 11 * a + 1;
    const std::uint32_t second = first * 3 + 11 * b + 1;
    const std::uint32_t third = second * 3 + 11 * a + 1;
    const Bytes bytes = *session_->download(out[2], soon());
    ASSERT_EQ(load_le<std::uint32_t>(bytes, 0), third) << "round " << round;
  }
  EXPECT_EQ(lanes(), 600u);
}

TEST_F(DeviceImages, CancelledMembersEndAsCancelledAndTheOthersRun) {
  constexpr std::uint32_t kWords{64};
  const std::uint32_t step = add_op("step", text(kWords, 1));
  std::vector<Handle> buffers{counting(kWords)};
  std::vector<MegakernelWorkItem> items;
  for (std::uint32_t m = 0; m < 12; ++m) {
    buffers.push_back(room(kWords));
    items.push_back({step, buffers[m].id, buffers[m + 1].id, 0});
  }
  const auto plan = session_->plan(items, {.dedupe = false});
  ASSERT_OK(plan);
  std::uint64_t cancelled = 0;
  for (int round = 0; round < 200; ++round) {
    const auto run = submit(*plan);
    const Ticket one[] = {run.tickets[static_cast<std::size_t>(round) % 12]};
    ASSERT_OK(session_->cancel(one));
    for (const Ticket& ticket : run.tickets) {
      const std::string how = ended(ticket);
      if (how == "done none at 0/0/0") continue;
      ASSERT_EQ(how, "cancelled cancelled at 0/0/0");
      ASSERT_EQ(ticket.member, one[0].member);
      ++cancelled;
    }
  }
  EXPECT_EQ(session_->totals().cancelled, cancelled);
}

}  // namespace
}  // namespace vyre::runtime::test
