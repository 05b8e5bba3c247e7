// The host's half of every hand-over, against bytes written by hand from docs/internals/protocol.md
// and not by our own encoder: what the host publishes must be these bytes, and these bytes must be
// what the host reads. A kernel's half checks the same bytes from the other side.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "queue/queue.hpp"

namespace vyre::queue {
namespace {

using SlotBytes = std::array<std::uint8_t, 16>;

// docs/internals/protocol.md, worked examples: op 1024 with after_previous, input 7, output 9,
// param 4096.
constexpr SlotBytes kItemInEvenLap{0x00, 0x04, 0x00, 0x81, 7,    0,    0, 0,
                                   9,    0,    0,    0,    0x00, 0x10, 0, 0};
constexpr SlotBytes kItemInOddLap{0x00, 0x04, 0x00, 0x01, 7, 0, 0, 0, 9, 0, 0, 0, 0x00, 0x10, 0, 0};
// Position 2^32 + 5 faulted with i32_division_by_zero at statement 3, workgroup 2, lane 17.
constexpr SlotBytes kFaultInEvenLap{0x03, 0x00, 0x30, 0x90, 5, 0, 0, 0, 2, 0, 0, 0, 17, 0, 0, 0};
constexpr MegakernelWorkItem kItem{1024, 7, 9, 4096};

struct Handoff : testing::Test {
  static constexpr QueueOptions kOptions{32, 32};
  const SharedLayout layout = SharedLayout::of(kOptions);
  std::unique_ptr<void, decltype(&std::free)> memory{std::aligned_alloc(64, layout.bytes),
                                                     &std::free};
  std::uint8_t* bytes = static_cast<std::uint8_t*>(memory.get());
  Queue queue = std::move(*Queue::adopt(kOptions, {bytes, layout.bytes}));

  SlotBytes slot(std::uint64_t ring_offset, std::uint32_t index) const {
    SlotBytes out;
    std::memcpy(out.data(), bytes + ring_offset + index * 16, 16);
    return out;
  }
  void put(std::uint64_t ring_offset, std::uint32_t index, const SlotBytes& value) {
    std::memcpy(bytes + ring_offset + index * 16, value.data(), 16);
  }
  std::uint64_t word64(std::uint64_t offset) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes + offset, 8);
    return value;
  }
};

TEST_F(Handoff, SharedLayoutIsTheDocumentedOne) {
  EXPECT_EQ(layout.taken_offset, 0u);
  EXPECT_EQ(layout.collected_offset, 64u);
  EXPECT_EQ(layout.submission_slots_offset, 128u);
  EXPECT_EQ(layout.completion_slots_offset, 128u + 32 * 16);
  EXPECT_EQ(layout.bytes, 128u + 2 * 32 * 16);
  EXPECT_EQ(SharedLayout::of({4096, 0}).bytes, 131'200u);
}

TEST_F(Handoff, HostPublishesTheDocumentedBytesInBothPhases) {
  const Producer producer = queue.producer();
  ASSERT_EQ(producer.try_reserve(32).count, 32u);
  ASSERT_TRUE(producer.try_publish(5, kItem, kQueueFlagAfterPrevious));
  EXPECT_EQ(slot(layout.submission_slots_offset, 5), kItemInEvenLap);
  EXPECT_EQ(slot(layout.submission_slots_offset, 6), SlotBytes{}) << "a slot that is taken only";

  // The other side says that it has read a lap and that the completions came: 8 bytes each,
  // little-endian.
  const std::uint64_t lap = 32;
  std::memcpy(bytes + layout.taken_offset, &lap, 8);
  std::memcpy(bytes + layout.collected_offset, &lap, 8);
  ASSERT_EQ(producer.try_reserve(32).first, 32u);
  ASSERT_TRUE(producer.try_publish(37, kItem, kQueueFlagAfterPrevious));
  EXPECT_EQ(slot(layout.submission_slots_offset, 5), kItemInOddLap);
}

TEST_F(Handoff, HostPollerReadsTheDocumentedBytes) {
  Consumer consumer = queue.consumer();
  consumer.position = 5;
  put(layout.submission_slots_offset, 5, kItemInOddLap);
  TakenItem got{};
  EXPECT_EQ(consumer.take(&got, 1), 0u) << "the phase of another lap";
  put(layout.submission_slots_offset, 5, kItemInEvenLap);
  ASSERT_EQ(consumer.take(&got, 1), 1u);
  EXPECT_EQ(std::memcmp(&got.item, &kItem, sizeof kItem), 0);
  EXPECT_EQ(got.flags, std::uint32_t{kQueueFlagAfterPrevious});
  consumer.release();
  EXPECT_EQ(word64(layout.taken_offset), 6u);
}

TEST_F(Handoff, HostCollectorReadsTheDocumentedBytes) {
  Reader reader = queue.reader();
  reader.position = 5;
  put(layout.completion_slots_offset, 5, kFaultInEvenLap);
  TakenCompletion taken{};
  ASSERT_EQ(reader.take(&taken, 1, 6), 1u);
  EXPECT_EQ(taken.position, 5u);
  const Completion& got = taken.completion;
  EXPECT_EQ(got.status(), CompletionStatus::faulted);
  EXPECT_EQ(got.code(), FaultCode::i32_division_by_zero);
  EXPECT_EQ(got.statement(), 3u);
  EXPECT_EQ(got.workgroup, 2u);
  EXPECT_EQ(got.lane, 17u);
  EXPECT_EQ(got.position_low, 5u);
  reader.release();
  EXPECT_EQ(word64(layout.collected_offset), 6u);
}

TEST_F(Handoff, HostWorkerPostsTheDocumentedBytes) {
  const std::uint64_t position = (std::uint64_t{1} << 32) + 5;  // slot 5 of 32, an even lap
  queue.writer().post(position,
                      Completion::make(CompletionStatus::faulted, FaultCode::i32_division_by_zero,
                                       static_cast<std::uint32_t>(position), 2, 17, 3));
  EXPECT_EQ(slot(layout.completion_slots_offset, 5), kFaultInEvenLap);
}

TEST_F(Handoff, AbandonedSlotIsBit30AndAfterAllAndNothingElse) {
  ASSERT_EQ(queue.producer().try_reserve(1).count, 1u);
  ASSERT_EQ(queue.producer().reap(0), ReapOutcome::reaped);
  EXPECT_EQ(slot(layout.submission_slots_offset, 0), (SlotBytes{0, 0, 0, 0xC2}));
}

}  // namespace
}  // namespace vyre::queue
