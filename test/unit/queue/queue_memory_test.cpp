// Who may make a queue, over which memory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "queue/queue.hpp"

namespace vyre::queue {
namespace {

TEST(QueueMemory, SlotCountsThatAreNoRingAreRefusedWithTheValue) {
  for (const std::uint32_t slots : {0u, 1u, 16u, 33u, 4095u, 2'097'152u, 0x8000'0000u, ~0u}) {
    const auto queue = Queue::create({slots, 0});
    ASSERT_FALSE(queue) << slots;
    EXPECT_EQ(queue.error().code, Errc::invalid_argument);
    EXPECT_NE(queue.error().message.find(std::to_string(slots)), std::string::npos)
        << queue.error().message;
  }
  EXPECT_FALSE(Queue::create({64, 32})) << "fewer completion slots than items";
  EXPECT_FALSE(Queue::create({64, 96}));
  EXPECT_TRUE(Queue::create({kMinRingSlots, kMinRingSlots}));
}

TEST(QueueMemory, AdoptedMemoryHoldsAllThatBothSidesSee) {
  const QueueOptions options{64, 128};
  const SharedLayout layout = SharedLayout::of(options);
  const std::unique_ptr<void, decltype(&std::free)> memory{
      std::aligned_alloc(64, layout.bytes + 64), &std::free};
  auto* bytes = static_cast<std::uint8_t*>(memory.get());
  std::memset(bytes, 0xAB, layout.bytes + 64);
  auto queue = Queue::adopt(options, {bytes, layout.bytes});
  ASSERT_TRUE(queue);
  const auto lies_inside = [&](const void* p, std::uint64_t size) {
    const auto* at = static_cast<const std::uint8_t*>(p);
    return at >= bytes && at + size <= bytes + layout.bytes;
  };
  EXPECT_TRUE(lies_inside(queue->producer().slots, 64 * sizeof(RingSlot)));
  EXPECT_TRUE(lies_inside(queue->producer().taken, sizeof(RingPosition)));
  EXPECT_TRUE(lies_inside(queue->writer().slots, 128 * sizeof(RingSlot)));
  EXPECT_TRUE(lies_inside(queue->reader().collected, sizeof(RingPosition)));
  EXPECT_FALSE(lies_inside(queue->producer().words, sizeof(ProducerWords)))
      << "producer_words stay on the host";
  EXPECT_FALSE(lies_inside(queue->producer().claims, 64 * 8));
  EXPECT_FALSE(lies_inside(queue->reader().seen, 128 / 8)) << "the reader's bits too";
  EXPECT_EQ(bytes[layout.bytes], 0xAB) << "not a byte behind it";
  Consumer consumer = queue->consumer();
  TakenItem none{};
  EXPECT_EQ(consumer.take(&none, 1), 0u) << "stale bytes are not items";
}

TEST(QueueMemory, MemoryTooSmallOrMisalignedIsRefused) {
  const QueueOptions options{32, 0};
  const std::uint64_t bytes = SharedLayout::of(options).bytes;
  const std::unique_ptr<void, decltype(&std::free)> memory{std::aligned_alloc(64, bytes + 64),
                                                           &std::free};
  auto* at = static_cast<std::uint8_t*>(memory.get());
  EXPECT_FALSE(Queue::adopt(options, {at, bytes - 1}));
  EXPECT_FALSE(Queue::adopt(options, {at + 16, bytes}));
  EXPECT_TRUE(Queue::adopt(options, {at, bytes}));
}

TEST(QueueMemory, WordsOfDifferentWritersShareNoCacheLine) {
  auto queue = Queue::create({32, 0});
  ASSERT_TRUE(queue);
  const auto line = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) / 64; };
  const Producer producer = queue->producer();
  EXPECT_NE(line(producer.taken), line(producer.collected));
  EXPECT_NE(line(producer.taken), line(producer.slots));
  EXPECT_NE(line(&producer.words->tail), line(&producer.words->limit_cache));
  EXPECT_NE(line(&producer.words->limit_cache), line(queue->reader().seen));
  EXPECT_NE(line(queue->reader().seen), line(producer.claims));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(producer.slots) % 64, 0u);
}

}  // namespace
}  // namespace vyre::queue
