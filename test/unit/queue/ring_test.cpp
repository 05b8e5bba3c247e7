// One thread over both rings: what a slot says, when a ring is full, where positions wrap.
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <vector>

#include "queue/queue.hpp"

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

Completion done(std::uint64_t position) {
  return Completion::make(CompletionStatus::done, FaultCode::none,
                          static_cast<std::uint32_t>(position), 0, 0, 0);
}

/// Takes, completes and collects everything published so far.
std::uint32_t turn(Consumer& consumer, const Writer& writer, Reader& reader) {
  std::vector<TakenItem> taken(64);
  std::uint32_t total = 0;
  while (const std::uint32_t n = consumer.take(taken.data(), 64)) {
    for (std::uint64_t p = consumer.position - n; p < consumer.position; ++p)
      writer.post(p, done(p));
    TakenCompletion out[64];
    EXPECT_EQ(reader.take(out, 64, consumer.position), n);
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
  TakenCompletion completion_out{};
  EXPECT_EQ(consumer.take(&item_out, 1), 0u);
  EXPECT_EQ(reader.take(&completion_out, 1, 32), 0u);
  EXPECT_FALSE(reader.take_at(0, &completion_out));
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
    for (std::uint64_t p = got.first; p < got.first + 32; ++p) writer.post(p, done(p));
  }
  EXPECT_EQ(queue.producer().try_reserve(1).outcome, TakeOutcome::full);
  Reader reader = queue.reader();
  TakenCompletion out[3];
  ASSERT_EQ(reader.take(out, 3, 64), 3u);
  EXPECT_EQ(queue.producer().try_reserve(1).outcome, TakeOutcome::full)
      << "credit before release()";
  reader.release();
  EXPECT_EQ(queue.producer().try_reserve(32).count, 3u);
}

TEST(Ring, CompletionArrivesUnchangedInEveryLap) {
  Queue queue = make();
  Reader reader = queue.reader();
  for (std::uint32_t i = 0; i < 100; ++i) {
    const Completion sent =
        Completion::make(CompletionStatus::faulted, FaultCode::abandoned, i, ~i, i * 3, 0xFFFFF);
    queue.writer().post(i, sent);
    TakenCompletion got{};
    ASSERT_EQ(reader.take(&got, 1, i + 1), 1u);
    reader.release();
    EXPECT_EQ(got.position, i);
    EXPECT_EQ(got.completion.head, sent.head);
    EXPECT_EQ(got.completion.position_low, i);
    EXPECT_EQ(got.completion.workgroup, ~i);
    EXPECT_EQ(got.completion.lane, i * 3);
    EXPECT_EQ(got.completion.statement(), 0xFFFFFu);
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

TEST(Ring, PositionsAreTakenAtTheExpectedPlaceOrNotAtAll) {
  Queue queue = make();
  const Producer producer = queue.producer();
  ASSERT_EQ(producer.try_reserve(3).count, 3u);
  const Reservation next = producer.try_reserve_at(3, 2);
  EXPECT_EQ(next.outcome, TakeOutcome::ok);
  EXPECT_EQ(next.first, 3u);
  EXPECT_EQ(next.count, 2u);
  EXPECT_EQ(producer.try_reserve_at(3, 2).outcome, TakeOutcome::moved) << "somebody has them";
  EXPECT_EQ(producer.try_reserve_at(6, 1).outcome, TakeOutcome::moved) << "a hole would remain";
  EXPECT_EQ(producer.tail(), 5u) << "refusals take nothing";
  const Reservation rest = producer.try_reserve_at(5, 100);
  EXPECT_EQ(rest.count, 27u) << "the prefix that fits";
  EXPECT_EQ(producer.try_reserve_at(32, 1).outcome, TakeOutcome::full);
  EXPECT_EQ(producer.try_reserve_at(31, 1).outcome, TakeOutcome::moved);
  EXPECT_EQ(producer.try_reserve_at(40, 1).outcome, TakeOutcome::moved) << "beyond the limit too";
}

TEST(Ring, ClosedRingGivesNoExpectedPositionEither) {
  Queue queue = make();
  ASSERT_EQ(queue.producer().try_reserve(3).count, 3u);
  queue.producer().close();
  EXPECT_EQ(queue.producer().try_reserve_at(3, 1).outcome, TakeOutcome::closed);
  EXPECT_EQ(queue.producer().try_reserve_at(32, 1).outcome, TakeOutcome::closed);
}

TEST(Ring, LateProducerIsToldAndWritesNothing) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  ASSERT_EQ(queue.producer().try_reserve(1).count, 1u);
  EXPECT_EQ(queue.producer().reap(0), ReapOutcome::reaped);
  EXPECT_FALSE(queue.producer().try_publish(0, item(7), 0));
  TakenItem got{};
  ASSERT_EQ(consumer.take(&got, 1), 1u);
  EXPECT_EQ(got.flags, std::uint32_t{kQueueFlagsOfAbandoned});
}

TEST(Ring, ARunLeavesOutWhatWasGivenUpAndPublishesTheRest) {
  Queue queue = make();
  Consumer consumer = queue.consumer();
  ASSERT_EQ(queue.producer().try_reserve(4).count, 4u);
  EXPECT_EQ(queue.producer().reap(1), ReapOutcome::reaped);
  const std::array<MegakernelWorkItem, 4> items{item(5), item(6), item(7), item(8)};
  EXPECT_EQ(queue.producer().try_publish_run(0, items.data(), 4, kQueueFlagAfterAll), 0b1101u);
  std::array<TakenItem, 4> got{};
  ASSERT_EQ(consumer.take(got.data(), 4), 4u);
  EXPECT_EQ(got[0].item.param, item(5).param);
  EXPECT_EQ(got[1].flags, std::uint32_t{kQueueFlagsOfAbandoned});
  EXPECT_EQ(got[3].item.param, item(8).param);
  EXPECT_EQ(got[3].flags, std::uint32_t{kQueueFlagAfterAll});
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
    for (std::uint64_t p = got.first; p < got.first + 32; ++p) writer.post(p, done(p));
    std::vector<TakenCompletion> out(32);
    ASSERT_EQ(reader.take(out.data(), 32, consumer.position), 32u);
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

}  // namespace
}  // namespace vyre::queue
