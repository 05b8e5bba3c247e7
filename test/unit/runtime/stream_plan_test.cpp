// The pure parts of streams: which chunks a file has, and who gets which memory.
#include "runtime/stream_plan.hpp"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "fixtures.hpp"
#include "runtime/stream_memory.hpp"

namespace vyre::runtime::test {
namespace {

TEST(ChunkPlan, CoversEveryByteOnceApartFromTheOverlap) {
  for (const std::uint64_t chunk : {16u, 48u, 4'096u}) {
    for (const std::uint64_t overlap : {0u, 1u, 16u, 24u}) {
      const auto plan = ChunkPlan::make(chunk, overlap);
      if (!plan) {
        EXPECT_GT((overlap + 15) / 16 * 16, chunk / 2);
        continue;
      }
      for (std::uint64_t bytes = 0; bytes<3 * chunk + 40; bytes += chunk> 100 ? 31 : 1) {
        std::uint64_t covered = 0;
        const std::uint64_t count = plan->chunks(bytes);
        for (std::uint64_t i = 0; i < count; ++i) {
          const StreamChunk piece = plan->chunk(bytes, i);
          EXPECT_EQ(piece.offset % 16, 0u);
          EXPECT_EQ(piece.offset + piece.seen_bytes, covered);
          EXPECT_TRUE(bytes == 0 || piece.bytes > piece.seen_bytes) << "nothing new";
          EXPECT_TRUE(i + 1 == count || piece.bytes == plan->chunk_bytes());
          EXPECT_EQ(piece.last, i + 1 == count);
          covered = piece.offset + piece.bytes;
        }
        EXPECT_EQ(covered, bytes);
      }
    }
  }
}

TEST(ChunkPlan, HoldsForFilesOfAnySize) {
  const auto plan = ChunkPlan::make(1 << 20, 1 << 10);
  ASSERT_OK(plan);
  const std::uint64_t bytes = (std::uint64_t{1} << 62) + 12'345;
  const std::uint64_t count = plan->chunks(bytes);
  const StreamChunk last = plan->chunk(bytes, count - 1);
  EXPECT_TRUE(last.last);
  EXPECT_GT(last.bytes, last.seen_bytes);
  EXPECT_LE(last.bytes, plan->chunk_bytes());
}

TEST(ChunkPlan, RefusesByNameWhatCannotBe) {
  EXPECT_FALSE(ChunkPlan::make(0, 0));
  EXPECT_FALSE(ChunkPlan::make(15, 0));
  EXPECT_FALSE(ChunkPlan::make(kMaxChunkBytes + 1, 0));
  EXPECT_FALSE(ChunkPlan::make(64, 33));
  EXPECT_FALSE(ChunkPlan::make(64, ~std::uint64_t{0}));
  const auto plan = ChunkPlan::make(79, 17);
  ASSERT_OK(plan);
  EXPECT_EQ(plan->chunk_bytes(), 64u);
  EXPECT_EQ(plan->overlap_bytes(), 32u);
}

TEST(StreamSpace, LeavesSomethingForTheNextAndTakesBackWhole) {
  StreamSpace space;
  space.give({kIoBlock, 16 * kIoBlock});
  const auto first = space.claim(kIoBlock, 100 * kIoBlock);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, (SpaceRange{kIoBlock, 12 * kIoBlock}));
  const auto second = space.claim(kIoBlock, 2 * kIoBlock);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->bytes, 2 * kIoBlock);
  EXPECT_FALSE(space.claim(3 * kIoBlock, 3 * kIoBlock));
  const auto all_that_is_left = space.claim(2 * kIoBlock, 2 * kIoBlock);
  ASSERT_TRUE(all_that_is_left);
  EXPECT_EQ(space.largest(), 0u);
  space.give(*first);
  space.give(*all_that_is_left);
  EXPECT_EQ(space.largest(), 12 * kIoBlock);
  space.give(*second);
  EXPECT_EQ(space.largest(), 16 * kIoBlock);
}

TEST(ChunkBuffers, PacksPiecesAndUsesABufferAgainWhenAllOfThemAreBack) {
  ChunkBuffers pool({kIoBlock, 2 * kIoBlock}, kIoBlock);
  ASSERT_EQ(pool.buffers(), 2u);
  const auto a = pool.take(1'000, 64);
  const auto b = pool.take(1'000, 64);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->offset, kIoBlock);
  EXPECT_EQ(b->offset, kIoBlock + 1'024);
  EXPECT_EQ(a->buffer, b->buffer);
  const auto c = pool.take(kIoBlock, kIoBlock);
  ASSERT_TRUE(c);
  EXPECT_NE(c->buffer, a->buffer);
  EXPECT_FALSE(pool.take(1, 1)) << "both buffers are in use and the open one is full";
  pool.give_back(a->buffer);
  EXPECT_FALSE(pool.take(1, 1));
  pool.give_back(b->buffer);
  const auto d = pool.take(kIoBlock, 64);
  ASSERT_TRUE(d);
  EXPECT_EQ(d->buffer, a->buffer);
  EXPECT_FALSE(pool.take(kIoBlock + 1, 1));
}

TEST(ChunkBuffers, NoTwoPiecesOverlapWhateverTheOrder) {
  Random random(test_seed());
  const SpaceRange range{8 * kIoBlock, 6 * 3 * kIoBlock};
  ChunkBuffers pool(range, 3 * kIoBlock);
  std::map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>> out;  // offset -> bytes, buffer
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t align = random.below(2) == 0 ? 64 : kIoBlock;
    const std::uint64_t bytes = 1 + random.below(random.below(4) == 0 ? 12'288 : 700);
    if (const auto piece = pool.take(bytes, align)) {
      EXPECT_EQ(piece->offset % align, 0u);
      EXPECT_GE(piece->offset, range.offset);
      EXPECT_LE(piece->offset + bytes, range.offset + range.bytes);
      const auto next = out.lower_bound(piece->offset);
      if (next != out.end()) {
        ASSERT_LE(piece->offset + bytes, next->first);
      }
      if (next != out.begin()) {
        ASSERT_LE(std::prev(next)->first + std::prev(next)->second.first, piece->offset);
      }
      out[piece->offset] = {bytes, piece->buffer};
    } else {
      ASSERT_FALSE(out.empty()) << "nothing is out, yet nothing is free";
    }
    if (!out.empty() && random.below(5) < 2) {
      auto gone = std::next(out.begin(), random.below(static_cast<std::uint32_t>(out.size())));
      pool.give_back(gone->second.second);
      out.erase(gone);
    }
  }
  for (const auto& [offset, piece] : out) pool.give_back(piece.second);
  EXPECT_LE(pool.buffers_in_use(), 1u) << "the open one";
}

}  // namespace
}  // namespace vyre::runtime::test
