// Bytes of records: the worked example of docs/internals/trace.md, the check, positions and runs.
#include <gtest/gtest.h>

#include "trace/format.hpp"
#include "trace/scan.hpp"

namespace vyre::trace {
namespace {

TEST(TraceFormat, CheckIsTheCrc32OfZlib) {
  EXPECT_EQ(crc32(0, as_bytes("123456789")), 0xCBF4'3926u);
  EXPECT_EQ(crc32(0, {}), 0u);
  // In pieces as in one go.
  const std::string text(1'000, 'x');
  EXPECT_EQ(crc32(crc32(0, as_bytes(text).first(333)), as_bytes(text).subspan(333)),
            crc32(0, as_bytes(text)));
}

TEST(TraceFormat, CheckCoversOffsetAndEveryByteButItself) {
  Record r(Kind::final);
  r.set_word(77);
  r.set_half(2, 5);
  r.seal(4'096);
  Bytes bytes;
  append_le(bytes, std::uint64_t{4'096});
  bytes.insert(bytes.end(), r.bytes().begin(), r.bytes().end());
  std::fill_n(bytes.begin() + 12, 4, std::uint8_t{0});  // the check field itself
  EXPECT_EQ(r.check(), crc32(0, bytes));
  EXPECT_NE(r.expected_check(4'128), r.check());
}

TEST(TraceFormat, SubmitRecordHasTheBytesOfThePage) {
  Record r(Kind::submit);
  r.set_small(1, 2, 0);
  r.set_word(1'500);
  r.set_item({1'024, 3, 4, 64});
  r.seal(32);
  EXPECT_EQ(to_hex(r.bytes()), "06010200e27dac32dc0500000000000000040000030000000400000040000000");
  EXPECT_EQ(to_hex(header_cell()), "56595245545243450100000020000000" + std::string(32, '0'));
}

TEST(TraceFormat, WidthIsFixedByKind) {
  for (int kind = 0; kind < 256; ++kind) {
    const std::size_t cells = cells_of(static_cast<std::uint8_t>(kind));
    EXPECT_EQ(cells != 0, kind >= 1 && kind <= 10) << kind;
    EXPECT_LE(cells, kMaxRecordCells);
  }
}

TEST(TraceFormat, PositionIsRestoredFromItsLowHalf) {
  const std::uint64_t big = std::uint64_t{5} << 32;
  EXPECT_EQ(full_position(0, 1), 0u);
  EXPECT_EQ(full_position(7, big + 8), big + 7);
  EXPECT_EQ(full_position(0xFFFF'FFFFu, big + 8), big - 1);
  EXPECT_EQ(full_position(8, big + 8), big + 8 - (std::uint64_t{1} << 32)) << "of the lap before";
  EXPECT_EQ(full_position(9, 5), 9u);  // not submitted yet; refused later
}

TEST(PositionRuns, TakesEveryPositionOnce) {
  PositionRuns runs;
  EXPECT_TRUE(runs.add(10, 5));
  EXPECT_TRUE(runs.add(0, 5));
  EXPECT_FALSE(runs.add(4, 1));
  EXPECT_FALSE(runs.add(14, 2));
  EXPECT_FALSE(runs.add(8, 3));
  EXPECT_FALSE(runs.add(3, 20));
  EXPECT_FALSE(runs.add(5, 6)) << "behind one run, and into the next";
  EXPECT_TRUE(runs.add(5, 5));
  EXPECT_FALSE(runs.add(0, 1));
  EXPECT_TRUE(runs.contains(14));
  EXPECT_FALSE(runs.contains(15));
  EXPECT_TRUE(runs.add(15, 1));
  EXPECT_TRUE(runs.contains(15));
}

}  // namespace
}  // namespace vyre::trace
