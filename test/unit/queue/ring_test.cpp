// One thread over both rings: what a slot says, when a ring is full, where positions wrap.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "vyre/queue/queue.hpp"

namespace vyre::queue {
namespace {

Queue make(std::uint32_t slots = 32, std::uint32_t completion_slots = 0) {
  auto queue = Queue::create({slots, completion_slots});
  EXPECT_TRUE(queue) << to_string(queue.error());
  return std::move(*queue);
}

MegakernelWorkItem item(std::uint32_t n) {
  return {n & kSlotOpMask, n + 1, n + 2, n + 3};
}

/// Takes, completes and collects everything published so far.
std::uint32_t turn(Consumer& consumer, const Writer& writer, Reader& reader) {
  std::vector<TakenItem> taken(64);
  std::uint32_t total = 0;
  while (const std::uint32_t n = consumer.take(taken.data(), 64)) {
    std::vector<Completion> done(
        n, Completion::make(CompletionStatus::done, FaultCode::none, 0, 0, 0, 0));
    EXPECT_EQ(writer.try_post(done.data(), n), n);
    Completion out[64];
    EXPECT_EQ(reader.take(out, 64), n);
    total += n;
  }
  consumer.release();
  reader.release();
  return total;
}

TEST(Ring, ItemArrivesWithItsFlagsAndWithoutPhase) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  const MegakernelWorkItem sent{kSlotOpMask, 0xFFFF'FFFF, 0, 0x8000'0001};
  ASSERT_EQ(queue.producer().try_reserve(1).first, 0u);
  ASSERT_TRUE(queue.producer().try_publish(0, sent, kQueueFlagAfterAll));
  TakenItem got{};
  ASSERT_EQ(consumer.take(&got, 1), 1u);
  EXPECT_EQ(got.item.op_handle, sent.op_handle);
  EXPECT_EQ(got.item.input_handle, sent.input_handle);
  EXPECT_EQ(got.item.output_handle, sent.output_handle);
  EXPECT_EQ(got.item.param, sent.param);
  EXPECT_EQ(got.flags, std::uint32_t{kQueueFlagAfterAll});
}

TEST(Ring, EmptyRingGivesNothing) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  Reader reader = queue.reader();
  TakenItem item_out{};
  Completion completion_out{};
  EXPECT_EQ(consumer.take(&item_out, 1), 0u);
  EXPECT_EQ(reader.take(&completion_out, 1), 0u);
}

TEST(Ring, LastSlotOfLapIsNotReadTwice) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  const Writer writer = queue.writer();
  Reader reader = queue.reader();
  for (std::uint32_t lap = 0; lap < 5; ++lap) {
    const Reservation got = queue.producer().try_reserve(32);
    ASSERT_EQ(got.count, 32u) << "lap " << lap;
    for (std::uint32_t i = 0; i < 32; ++i) {
      ASSERT_TRUE(queue.producer().try_publish(got.first + i, item(lap * 32 + i), 0));
    }
    EXPECT_EQ(turn(consumer, writer, reader), 32u);
    TakenItem extra{};
    EXPECT_EQ(consumer.take(&extra, 1), 0u) << "lap " << lap;
  }
}

TEST(Ring, SlotTakenButNotPublishedHoldsBackLaterOnes) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  ASSERT_EQ(queue.producer().try_reserve(2).count, 2u);
  ASSERT_TRUE(queue.producer().try_publish(1, item(1), 0));
  TakenItem got[2];
  EXPECT_EQ(consumer.take(got, 2), 0u);
  ASSERT_TRUE(queue.producer().try_publish(0, item(0), 0));
  ASSERT_EQ(consumer.take(got, 2), 2u);
  EXPECT_EQ(got[0].item.input_handle, item(0).input_handle);
  EXPECT_EQ(got[1].item.input_handle, item(1).input_handle);
}

TEST(Ring, FullRingIsAnAnswerAndOverwritesNothing) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  for (std::uint32_t i = 0; i < 32; ++i) {
    const Reservation got = queue.producer().try_reserve(1);
    ASSERT_EQ(got.outcome, TakeOutcome::ok);
    ASSERT_TRUE(queue.producer().try_publish(got.first, item(i), 0));
  }
  const Reservation full = queue.producer().try_reserve(1);
  EXPECT_EQ(full.outcome, TakeOutcome::full);
  EXPECT_EQ(full.count, 0u);
  std::vector<TakenItem> taken(33);
  ASSERT_EQ(consumer.take(taken.data(), 33), 32u);
  for (std::uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(taken[i].item.input_handle, item(i).input_handle);
}

TEST(Ring, ReservationIsThePrefixThatFits) {
  Queue queue = make();
  EXPECT_EQ(queue.producer().try_reserve(20).count, 20u);
  const Reservation rest = queue.producer().try_reserve(20);
  EXPECT_EQ(rest.count, 12u);
  EXPECT_EQ(rest.first, 20u);
  EXPECT_EQ(queue.producer().try_reserve(std::numeric_limits<std::uint32_t>::max()).outcome,
            TakeOutcome::full);
}

TEST(Ring, ItemIsAcceptedOnlyWithASlotForItsCompletion) {
  Queue queue = make(32, 64);
  Consumer consumer = queue.consumer();
  const Writer writer = queue.writer();
  std::vector<TakenItem> taken(32);
  // Two laps are taken and completed, none is collected: 64 completions wait, so no further item is
  // accepted.
  for (int lap = 0; lap < 2; ++lap) {
    const Reservation got = queue.producer().try_reserve(32);
    ASSERT_EQ(got.count, 32u);
    for (std::uint32_t i = 0; i < 32; ++i)
      ASSERT_TRUE(queue.producer().try_publish(got.first + i, item(i), 0));
    ASSERT_EQ(consumer.take(taken.data(), 32), 32u);
    consumer.release();
    const std::vector<Completion> done(32);
    ASSERT_EQ(writer.try_post(done.data(), 32), 32u);
  }
  EXPECT_EQ(queue.producer().try_reserve(1).outcome, TakeOutcome::full);
  Reader reader = queue.reader();
  Completion out[3];
  ASSERT_EQ(reader.take(out, 3), 3u);
  EXPECT_EQ(queue.producer().try_reserve(1).outcome, TakeOutcome::full)
      << "credit before release()";
  reader.release();
  EXPECT_EQ(queue.producer().try_reserve(32).count, 3u);
}

TEST(Ring, CompletionRingNeverOverwritesEvenIfItsWritersBreakTheBound) {
  Queue queue = make();
  std::vector<Completion> many;
  for (std::uint32_t i = 0; i < 40; ++i) {
    many.push_back(Completion::make(CompletionStatus::done, FaultCode::none, i, 0, 0, 0));
  }
  EXPECT_EQ(queue.writer().try_post(many.data(), 40), 32u);
  EXPECT_EQ(queue.writer().try_post(many.data() + 32, 8), 0u);
  Reader reader = queue.reader();
  std::vector<Completion> out(40);
  ASSERT_EQ(reader.take(out.data(), 40), 32u);
  for (std::uint32_t i = 0; i < 32; ++i) EXPECT_EQ(out[i].position_low, i);
}

TEST(Ring, CompletionArrivesUnchangedInEveryLap) {
  Queue queue = make();
  Reader reader = queue.reader();
  for (std::uint32_t i = 0; i < 100; ++i) {
    const Completion sent =
        Completion::make(CompletionStatus::faulted, FaultCode::abandoned, i, ~i, i * 3, 0xFFFFF);
    ASSERT_EQ(queue.writer().try_post(&sent, 1), 1u);
    Completion got{};
    ASSERT_EQ(reader.take(&got, 1), 1u);
    reader.release();
    EXPECT_EQ(got.head, sent.head);
    EXPECT_EQ(got.position_low, i);
    EXPECT_EQ(got.workgroup, ~i);
    EXPECT_EQ(got.lane, i * 3);
    EXPECT_EQ(got.statement(), 0xFFFFFu);
  }
}

TEST(Ring, ClosedRingGivesNoPositionAndNamesItsFinalTail) {
  Queue queue = make();
  ASSERT_EQ(queue.producer().try_reserve(3).count, 3u);
  EXPECT_EQ(queue.producer().close(), 3u);
  EXPECT_EQ(queue.producer().close(), 3u) << "closing twice is closing once";
  EXPECT_TRUE(queue.producer().closed());
  EXPECT_EQ(queue.producer().try_reserve(1).outcome, TakeOutcome::closed);
  EXPECT_EQ(queue.producer().tail(), 3u);
  EXPECT_TRUE(queue.producer().try_publish(2, item(2), 0)) << "accepted before, published after";
}

TEST(Ring, ClosedFullRingSaysClosed) {
  Queue queue = make();
  ASSERT_EQ(queue.producer().try_reserve(32).count, 32u);
  queue.producer().close();
  EXPECT_EQ(queue.producer().try_reserve(1).outcome, TakeOutcome::closed);
}

TEST(Ring, LateProducerIsToldAndWritesNothing) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  ASSERT_EQ(queue.producer().try_reserve(1).count, 1u);
  EXPECT_EQ(queue.producer().reap(0), ReapOutcome::reaped);
  EXPECT_FALSE(queue.producer().try_publish(0, item(7), 0));
  TakenItem got{};
  ASSERT_EQ(consumer.take(&got, 1), 1u);
  EXPECT_EQ(got.flags, std::uint32_t{kQueueFlagAbandoned});
}

TEST(Ring, ReaperThatComesLateChangesNothing) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  ASSERT_EQ(queue.producer().try_reserve(1).count, 1u);
  ASSERT_TRUE(queue.producer().try_publish(0, item(7), 0));
  EXPECT_EQ(queue.producer().reap(0), ReapOutcome::too_late);
  TakenItem got{};
  ASSERT_EQ(consumer.take(&got, 1), 1u);
  EXPECT_EQ(got.flags, 0u);
  EXPECT_EQ(got.item.param, item(7).param);
}

TEST(Ring, ProducerLateByLapsCannotTouchTheItemThatNowHasItsSlot) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  const Writer writer = queue.writer();
  Reader reader = queue.reader();
  ASSERT_EQ(queue.producer().try_reserve(1).count, 1u);
  ASSERT_EQ(queue.producer().reap(0), ReapOutcome::reaped);
  EXPECT_EQ(turn(consumer, writer, reader), 1u);
  // Two laps later the slot has the phase it had when the late producer took it.
  for (int lap = 0; lap < 2; ++lap) {
    const Reservation got = queue.producer().try_reserve(32);
    ASSERT_EQ(got.count, 32u);
    for (std::uint32_t i = 0; i < 32; ++i) {
      if (lap == 1 && i == 31) {
        EXPECT_FALSE(queue.producer().try_publish(0, item(999), 0));
      }
      ASSERT_TRUE(queue.producer().try_publish(got.first + i, item(i), 0));
    }
    EXPECT_FALSE(queue.producer().try_publish(0, item(999), 0));
    std::vector<TakenItem> taken(32);
    ASSERT_EQ(consumer.take(taken.data(), 32), 32u);
    for (std::uint32_t i = 0; i < 32; ++i) EXPECT_EQ(taken[i].item.param, item(i).param);
    const std::vector<Completion> done(32);
    ASSERT_EQ(writer.try_post(done.data(), 32), 32u);
    std::vector<Completion> out(32);
    ASSERT_EQ(reader.take(out.data(), 32), 32u);
    consumer.release();
    reader.release();
  }
}

TEST(Ring, PositionThatNobodyTookIsNotReaped) {
  Queue queue = make();
  ASSERT_EQ(queue.producer().try_reserve(32).count, 32u);
  EXPECT_EQ(queue.producer().reap(32), ReapOutcome::not_taken);
  EXPECT_FALSE(queue.producer().published(0));
}

TEST(Geometry, PhaseFlipsAtEachLapAndZeroedMemoryIsEmpty) {
  const RingGeometry geometry = RingGeometry::of(32);
  EXPECT_EQ(geometry.phase_bit(0), kSlotPhaseBit);
  EXPECT_EQ(geometry.phase_bit(31), kSlotPhaseBit);
  EXPECT_EQ(geometry.phase_bit(32), 0u);
  EXPECT_EQ(geometry.phase_bit(64), kSlotPhaseBit);
  for (std::uint64_t p :
       {std::uint64_t{1} << 32, (std::uint64_t{1} << 32) - 1, std::uint64_t{1} << 62}) {
    EXPECT_NE(geometry.phase_bit(p), geometry.phase_bit(p + 32));
    EXPECT_EQ(geometry.index(p), geometry.index(p + 32));
  }
}

TEST(Geometry, PositionExpandsAcrossTheWrapOfItsLowHalf) {
  constexpr std::uint64_t kFloor{0x7'FFFF'FFF0};
  EXPECT_EQ(expand_position(0xFFFF'FFF0, kFloor), kFloor);
  EXPECT_EQ(expand_position(0xFFFF'FFFF, kFloor), 0x7'FFFF'FFFFu);
  EXPECT_EQ(expand_position(3, kFloor), 0x8'0000'0003u);
  EXPECT_EQ(expand_position(0, 0), 0u);
}

}  // namespace
}  // namespace vyre::queue
