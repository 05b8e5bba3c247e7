// Upstream's eight words of an I/O slot, there and back; and that the request lines mean the same
// operations by the same numbers.
#include "protocol/io_slot.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "protocol/io_request.hpp"

namespace vyre {
namespace {

TEST(IoSlot, WordsAreInUpstreamsOrder) {
  const IoSlot slot{IoSlotOp::fence, 2, 3, 0x0000'0005'0000'0004, 6, IoSlotStatus::error, 8};
  EXPECT_EQ(encode_io_slot(slot), (IoSlotWords{3, 2, 3, 4, 5, 6, 0x11, 8}));
}

TEST(IoSlot, RandomSlotsComeBackAsTheyWere) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  constexpr IoSlotOp kOps[]{IoSlotOp::read, IoSlotOp::write, IoSlotOp::fence};
  constexpr IoSlotStatus kStates[]{IoSlotStatus::pending, IoSlotStatus::ok, IoSlotStatus::error};
  const auto word = [&random] { return static_cast<std::uint32_t>(random()); };
  for (int i = 0; i < 2000; ++i) {
    const IoSlot slot{kOps[random() % 3],    word(), word(), random(), word(),
                      kStates[random() % 3], word()};
    const auto back = decode_io_slot(encode_io_slot(slot));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, slot);
  }
}

TEST(IoSlot, RandomWordsAreEitherRefusedOrKeptExactly) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  const std::set<std::uint32_t> ops{1, 2, 3};
  const std::set<std::uint32_t> states{0, 0x10, 0x11};
  int kept = 0;
  for (int i = 0; i < 4000; ++i) {
    IoSlotWords words;
    for (std::uint32_t& w : words) w = static_cast<std::uint32_t>(random());
    if (i % 2 == 0) words[0] %= 5;
    if (i % 4 != 1) words[6] = 0x0F + words[6] % 4;
    const auto slot = decode_io_slot(words);
    ASSERT_EQ(slot.has_value(), ops.count(words[0]) == 1 && states.count(words[6]) == 1);
    if (!slot) {
      EXPECT_EQ(slot.error().code, Errc::malformed);
      continue;
    }
    ++kept;
    EXPECT_EQ(encode_io_slot(*slot), words);
  }
  EXPECT_GT(kept, 100);
}

TEST(IoSlot, RefusalsNameTheWordAndItsValue) {
  const auto op = decode_io_slot({4, 0, 0, 0, 0, 0, 0x10, 0});
  ASSERT_FALSE(op);
  EXPECT_NE(op.error().message.find("word 0 (op)"), std::string::npos) << op.error().message;
  EXPECT_NE(op.error().message.find("is 4"), std::string::npos) << op.error().message;
  EXPECT_EQ(op.error().offset, 0u);
  const auto status = decode_io_slot({1, 0, 0, 0, 0, 0, 18, 0});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("word 6 (status)"), std::string::npos);
  EXPECT_NE(status.error().message.find("is 18"), std::string::npos) << status.error().message;
  EXPECT_EQ(status.error().offset, 24u);
}

TEST(IoSlot, RequestLinesUseUpstreamsNumbers) {
  EXPECT_EQ(static_cast<std::uint32_t>(IoRequestOp::read),
            static_cast<std::uint32_t>(IoSlotOp::read));
  EXPECT_EQ(static_cast<std::uint32_t>(IoRequestOp::fence),
            static_cast<std::uint32_t>(IoSlotOp::fence));
  EXPECT_EQ(kIoLines, kIoSlots);
}

}  // namespace
}  // namespace vyre
