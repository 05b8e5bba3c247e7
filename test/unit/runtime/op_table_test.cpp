// The op table by itself, over a backend that runs nothing: names, signatures, what files need, and
// what is undone where the backend refuses.
#include "runtime/op_table.hpp"

#include <thread>

#include "fixtures.hpp"
#include "hand_backend.hpp"
#include "quiet_observer.hpp"
#include "vir/text/text.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::string_view kOnes =
    "workgroup 32, 1, 1;\n"
    "buffer y: u32[32] read_write output live_out;\n"
    "region \"ones\" { y[gid.x] = 1; }\n";
constexpr std::string_view kTwos =
    "workgroup 32, 1, 1;\n"
    "buffer y: u32[32] read_write output live_out;\n"
    "region \"twos\" { y[gid.x] = 2; }\n";
/// Copies out of x only; reads z.
constexpr std::string_view kCopies =
    "workgroup 32, 1, 1;\n"
    "buffer x: u32[] read_only;\n"
    "buffer z: u32[] read_only;\n"
    "buffer y: u32[32] read_write output live_out;\n"
    "buffer w: u32[32] workgroup;\n"
    "region \"copies\" {\n"
    "  if lid.x == 0 {\n"
    "    async_load(x, w, 0, 128, \"in\");\n"
    "    async_wait(\"in\");\n"
    "    for i in 0..32 { y[i] = w[i] + z[0]; }\n"
    "  }\n"
    "}\n";

class Programs final : public QuietObserver {
 public:
  void on_program(OpHandle op, std::string_view name, const vir::Program&) override {
    told.emplace_back(op.id, name);
  }
  std::vector<std::pair<std::uint32_t, std::string>> told;
};

class Ops : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kSession{7};
  Result<OpHandle> add(std::string_view name, std::string_view text) {
    const auto program = vir::assemble(text);
    EXPECT_OK(program);
    return table_.register_program(name, *program, {soon()});
  }
  static backend::Options small_rings() {
    backend::Options options;
    options.ring_slots = 32;
    options.completion_slots = 32;
    return options;
  }
  std::uint64_t reserved() {
    const OrderLock lock(order_);
    return budget_.reserved(lock);
  }

  HandBackend backend_{small_rings()};
  OrderMutex order_;
  MemoryBudget budget_{0};
  ObserverTap tap_;
  BackendMaker maker_{backend_};
  RuleTable rules_;
  OpTable table_{kSession, order_, maker_, budget_, tap_, rules_};
};

TEST_F(Ops, TheSameNameWithTheSameProgramIsTheSameOp) {
  const auto first = add("ones", kOnes);
  ASSERT_OK(first);
  const std::uint64_t bytes = reserved();
  const auto again = add("ones", kOnes);
  ASSERT_OK(again);
  EXPECT_EQ(*again, *first);
  EXPECT_EQ(reserved(), bytes) << "nothing more is kept";
  EXPECT_EQ(table_.find("ones")->id, first->id);
  EXPECT_EQ(table_.name(first->id), "ones");
}

TEST_F(Ops, TheSameNameWithAnotherProgramIsRefusedAndTheFirstStays) {
  const auto first = add("ones", kOnes);
  ASSERT_OK(first);
  const auto other = add("ones", kTwos);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::invalid_argument);
  EXPECT_NE(other.error().message.find("choose another name"), std::string::npos);
  EXPECT_EQ(*table_.find("ones"), *first);
  const auto renamed = add("twos", kTwos);
  ASSERT_OK(renamed);
  EXPECT_EQ(renamed->id, first->id + 1) << "the refused one took no number";
}

TEST_F(Ops, ABuiltInNameTakesNoProgram) {
  const auto fill = table_.find("mem.fill");
  ASSERT_OK(fill);
  EXPECT_TRUE(table_.info(*fill)->builtin);
  EXPECT_EQ(add("mem.fill", kOnes).error().code, Errc::invalid_argument);
}

TEST_F(Ops, AnOpOfAnotherSessionIsRefusedThoughTheNumberIsKnown) {
  const auto ours = add("ones", kOnes);
  ASSERT_OK(ours);
  EXPECT_TRUE(table_.known(ours->id));
  EXPECT_FALSE(table_.known(ours->id + 1));
  EXPECT_EQ(table_.info({ours->id, kSession + 1}).error().code, Errc::invalid_argument);
  EXPECT_EQ(table_.info({ours->id + 1, kSession}).error().code, Errc::not_found);
  EXPECT_EQ(table_.name(ours->id + 1), "unknown");
}

TEST_F(Ops, WhatAFileNeedsFollowsFromHowTheProgramReadsIt) {
  const auto op = add("copies", kCopies);
  ASSERT_OK(op);
  const OpRecord& record = table_.record(op->id);
  ASSERT_EQ(record.file_needs.size(), 2u);
  EXPECT_TRUE(record.file_needs[0].pump);
  EXPECT_FALSE(record.file_needs[0].resident);
  EXPECT_FALSE(record.file_needs[1].pump);
  EXPECT_TRUE(record.file_needs[1].resident);
  ASSERT_EQ(record.info.signature.inputs.size(), 2u);
  ASSERT_EQ(record.info.signature.outputs.size(), 1u);
  EXPECT_EQ(record.info.signature.outputs[0].min_bytes, 128u);
}

TEST_F(Ops, AProgramThatTheBackendRefusesLeavesNothingBehind) {
  auto programs = std::make_shared<Programs>();
  {
    const OrderLock lock(order_);
    tap_.attach(tap_.hold_to_attach(lock), programs);
  }
  backend_.fail_programs = true;
  EXPECT_EQ(add("ones", kOnes).error().code, Errc::device_lost);
  EXPECT_EQ(reserved(), 0u);
  EXPECT_EQ(table_.find("ones").error().code, Errc::not_found);
  EXPECT_TRUE(programs->told.empty());
  backend_.fail_programs = false;
  const auto op = add("ones", kOnes);
  ASSERT_OK(op);
  ASSERT_EQ(programs->told.size(), 1u);
  EXPECT_EQ(programs->told[0], std::pair(op->id, std::string("ones")));
}

TEST_F(Ops, AnObserverThatComesLateHearsOfAllInTheOrderOfTheirNumbers) {
  ASSERT_OK(add("twos", kTwos));
  ASSERT_OK(add("ones", kOnes));
  auto programs = std::make_shared<Programs>();
  const OrderLock lock(order_);
  const ObserverTap::Hold hold = tap_.hold_to_attach(lock);
  tap_.attach(hold, programs);
  table_.tell_all(lock, hold);
  ASSERT_EQ(programs->told.size(), 2u);
  EXPECT_EQ(programs->told[0].second, "twos");
  EXPECT_EQ(programs->told[1].second, "ones");
}

TEST_F(Ops, ManyThreadsThatRegisterOneProgramGetOneOp) {
  std::vector<OpHandle> got(4);
  std::vector<std::thread> threads;
  for (OpHandle& mine : got) {
    threads.emplace_back([&] {
      if (const auto op = add("ones", kOnes)) mine = *op;
    });
  }
  for (auto& thread : threads) thread.join();
  for (const OpHandle& one : got) EXPECT_EQ(one, *table_.find("ones"));
  EXPECT_FALSE(table_.known(got[0].id + 1));
}

TEST_F(Ops, APreparationThatComesTooLateRegistersNothing) {
  const auto program = vir::assemble(kOnes);
  ASSERT_OK(program);
  EXPECT_EQ(table_.register_program("ones", *program, {now()}).error().code,
            Errc::deadline_exceeded);
  EXPECT_EQ(table_.register_program("", *program, {soon()}).error().code, Errc::invalid_argument);
  EXPECT_EQ(table_.find("ones").error().code, Errc::not_found);
}

}  // namespace
}  // namespace vyre::runtime::test
