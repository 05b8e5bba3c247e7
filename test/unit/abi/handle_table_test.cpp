// The table of 64-bit handles alone: generations, indices that are used up, leases of retired ones.
#include "abi/handle_table.hpp"

#include <gtest/gtest.h>

namespace vyre::abi {
namespace {

constexpr std::uint32_t kTag{7};
constexpr std::uint32_t kEngine{3};

TEST(AbiHandles, AnIndexIsUsedAgainWithAnotherGeneration) {
  HandleTable table(kTag, kEngine);
  const std::uint64_t first = table.add({100, kEngine, 1}).value();
  ASSERT_TRUE(table.take(first));
  const std::uint64_t second = table.add({101, kEngine, 2}).value();
  EXPECT_EQ(Number::of(first).index, Number::of(second).index);
  EXPECT_NE(first, second);
  EXPECT_EQ(table.find(first).error().code, Errc::not_found);
  EXPECT_EQ(table.item_number(first), 0u);
  EXPECT_EQ(table.find(second).value(), (runtime::Handle{101, kEngine, 2}));
  EXPECT_EQ(table.item_number(second), 101u);
}

TEST(AbiHandles, AnIndexWhoseGenerationsAreUsedUpIsNeverUsedAgain) {
  HandleTable table(kTag, kEngine, kMaxGeneration);
  const std::uint64_t last = table.add({100, kEngine, 1}).value();
  EXPECT_EQ(Number::of(last).generation, kMaxGeneration);
  ASSERT_TRUE(table.take(last));
  const std::uint64_t next = table.add({100, kEngine, 2}).value();
  EXPECT_NE(Number::of(next).index, Number::of(last).index);
  EXPECT_EQ(table.find(last).error().code, Errc::not_found);
}

TEST(AbiHandles, AHandleEndsOnce) {
  HandleTable table(kTag, kEngine);
  const std::uint64_t number = table.add({100, kEngine, 1}).value();
  EXPECT_TRUE(table.take(number));
  EXPECT_EQ(table.take(number).error().code, Errc::not_found);
}

TEST(AbiHandles, NumbersThatWereNeverGivenOutAreRefused) {
  HandleTable table(kTag, kEngine);
  EXPECT_EQ(table.find(0).error().code, Errc::invalid_argument);
  EXPECT_EQ(table.find(Number{kTag, Kind::buffer, 1, 1}.bits()).error().code, Errc::not_found);
  EXPECT_EQ(table.find(Number{kTag, Kind::buffer, 0, 1}.bits()).error().code, Errc::not_found);
  EXPECT_EQ(table.find(Number{kTag, Kind::buffer, 1, kMaxIndex}.bits()).error().code,
            Errc::not_found);
  const auto foreign = table.find(Number{kTag + 1, Kind::buffer, 1, 1}.bits());
  EXPECT_EQ(foreign.error().code, Errc::invalid_argument);
  EXPECT_NE(foreign.error().message.find("session 8"), std::string::npos);
  EXPECT_NE(foreign.error().message.find("session 7"), std::string::npos);
}

TEST(AbiHandles, ANumberIsOfOneKindAndKeepsItsParts) {
  for (const Kind kind : {Kind::op, Kind::buffer, Kind::queue}) {
    const std::uint64_t bits = Number{kMaxTag, kind, kMaxGeneration, kMaxIndex}.bits();
    const Number parts = Number::of(bits);
    EXPECT_EQ(parts.tag, kMaxTag);
    EXPECT_EQ(parts.kind, kind);
    EXPECT_EQ(parts.generation, kMaxGeneration);
    EXPECT_EQ(parts.index, kMaxIndex);
    for (const Kind other : {Kind::op, Kind::buffer, Kind::queue}) {
      EXPECT_EQ(names(bits, other, kMaxTag), other == kind);
      EXPECT_FALSE(names(bits, other, kMaxTag - 1));
    }
  }
}

TEST(AbiHandles, AnOpWithTheNumbersOfALiveBufferIsNoBuffer) {
  HandleTable table(kTag, kEngine);
  const Number live = Number::of(table.add({100, kEngine, 1}).value());
  for (const Kind kind : {Kind::none, Kind::op, Kind::queue}) {
    const std::uint64_t number = Number{kTag, kind, live.generation, live.index}.bits();
    EXPECT_EQ(table.item_number(number), 0u);
    EXPECT_EQ(table.find(number).error().code, Errc::invalid_argument);
    EXPECT_EQ(table.take(number).error().code, Errc::invalid_argument);
    EXPECT_EQ(table.find_leased(number).error().code, Errc::invalid_argument);
  }
  EXPECT_TRUE(table.find(live.bits()));
}

TEST(AbiHandles, ALeaseOutlivesItsHandle) {
  HandleTable table(kTag, kEngine);
  const runtime::Handle handle{100, kEngine, 1};
  const std::uint64_t number = table.add(handle).value();
  table.begin_lease(number, handle);
  table.begin_lease(number, handle);
  ASSERT_TRUE(table.take(number));
  EXPECT_EQ(table.find_leased(number).value(), handle);
  table.end_lease(number);
  EXPECT_EQ(table.find_leased(number).value(), handle);
  table.end_lease(number);
  EXPECT_EQ(table.find_leased(number).error().code, Errc::not_found);
}

}  // namespace
}  // namespace vyre::abi
