#include <gtest/gtest.h>

#include <set>

#include "protocol/completion.hpp"
#include "protocol/limits.hpp"
#include "protocol/limits_table.hpp"
#include "protocol/work_item.hpp"

namespace vyre {
namespace {

TEST(Completion, FieldsComeBackAndThePhaseBitStaysFree) {
  const Completion c =
      Completion::make(CompletionStatus::faulted, FaultCode::abandoned, 1, 2, 3, 0xFFFFF);
  EXPECT_EQ(c.status(), CompletionStatus::faulted);
  EXPECT_EQ(c.code(), FaultCode::abandoned);
  EXPECT_EQ(c.statement(), 0xFFFFFu);
  EXPECT_EQ(c.head & kCompletionPhaseBit, 0u);
}

TEST(Completion, StatementTooLargeForItsFieldCannotChangeTheCode) {
  const Completion c = Completion::make(CompletionStatus::done, FaultCode::none, 0, 0, 0, ~0u);
  EXPECT_EQ(c.status(), CompletionStatus::done);
  EXPECT_EQ(c.code(), FaultCode::none);
}

TEST(WorkItem, PhaseFlagsAndOpShareTheWordWithoutOverlap) {
  EXPECT_EQ(kSlotPhaseBit ^ (kSlotFlagsMask << kSlotFlagsShift) ^ kSlotOpMask, ~std::uint32_t{0});
  EXPECT_EQ(kQueueFlagsOfCallers & kQueueFlagAbandoned, 0u);
  EXPECT_EQ(kQueueFlagAbandoned & ~kSlotFlagsMask, 0u);
  EXPECT_LE(kMaxOps - 1, kSlotOpMask);
}

TEST(Limits, EveryRowHasANameAUnitAndAReason) {
  std::set<std::string_view> names;
  for (const Limit& limit : limits()) {
    EXPECT_TRUE(names.insert(limit.name).second) << limit.name;
    EXPECT_EQ(limit.identifier.substr(0, 1), "k");
    EXPECT_FALSE(limit.unit.empty()) << limit.name;
    EXPECT_GT(limit.reason.size(), 10u) << limit.name;
    EXPECT_NE(limit.value, 0u) << limit.name;
  }
  EXPECT_GT(names.size(), 20u);
}

TEST(Limits, TableAndConstantsAreTheSameNumbers) {
  bool found = false;
  for (const Limit& limit : limits()) {
    if (limit.name != "max_ring_slots") continue;
    found = true;
    EXPECT_EQ(limit.identifier, "kMaxRingSlots");
    EXPECT_EQ(limit.value, kMaxRingSlots);
    EXPECT_EQ(limit.unit, "slots");
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace vyre
