// When the resident kernel leaves and when it stays, decision by decision; and the rules of its run
// queue.
#include "cuda/megakernel/departure.hpp"

#include <gtest/gtest.h>

#include "cuda/megakernel/run_queue_rules.hpp"

namespace vyre::cuda::megakernel {
namespace {

using Act = Departure::Act;
using Look = Departure::Look;

TEST(Departure, AKernelThatIsBusyOrNewStays) {
  Departure departure;
  EXPECT_EQ(departure.decide({}), Act::none);
  EXPECT_EQ(departure.decide({.quiet = true}), Act::none);
  EXPECT_FALSE(departure.under_way());
}

TEST(Departure, AnIdleKernelAsksAndGoesOnceAllIsClosedAndQuiet) {
  Departure departure;
  EXPECT_EQ(departure.decide({.now = 10, .idle = true}), Act::ask);
  EXPECT_EQ(leave_of(departure.word()), Leave::park);
  EXPECT_EQ(departure.decide({.now = 11}), Act::none);
  EXPECT_EQ(departure.decide({.now = 12, .closed = true, .quiet = true}), Act::go);
  EXPECT_EQ(leave_of(departure.word()), Leave::go);
  EXPECT_EQ(departure.decide({.now = 13, .stop = true}), Act::none);
}

TEST(Departure, WhereSomethingRunsAtTheLastLookTheKernelStays) {
  Departure departure;
  ASSERT_EQ(departure.decide({.now = 10, .idle = true}), Act::ask);
  EXPECT_EQ(departure.decide({.now = 11, .closed = true}), Act::withdraw);
  EXPECT_EQ(leave_of(departure.word()), Leave::stay);
  EXPECT_EQ(departure.decide({.now = 12}), Act::none);
}

TEST(Departure, ARingThatDoesNotCloseBecauseSomethingRunsKeepsTheOthersClosedForAShortTimeOnly) {
  Departure departure;
  ASSERT_EQ(departure.decide({.now = 10, .idle = true}), Act::ask);
  EXPECT_EQ(departure.decide({.now = 9 + kParkTryNs}), Act::none);
  EXPECT_EQ(departure.decide({.now = 10 + kParkTryNs, .quiet = true}), Act::none)
      << "only slow to close";
  EXPECT_EQ(departure.decide({.now = 10 + kParkTryNs}), Act::withdraw);
}

TEST(Departure, AKernelThatIsToldToStopLeavesWhateverRuns) {
  Departure departure;
  ASSERT_EQ(departure.decide({.now = 10, .stop = true}), Act::ask);
  EXPECT_EQ(leave_of(departure.word()), Leave::finish);
  EXPECT_EQ(departure.decide({.now = 10 + 9 * kParkTryNs, .closed = true}), Act::none);
  EXPECT_EQ(departure.decide({.now = 10, .closed = true, .quiet = true}), Act::go);
}

TEST(Departure, AStopDuringATryToParkMakesItOneForGood) {
  Departure departure;
  ASSERT_EQ(departure.decide({.idle = true}), Act::ask);
  const std::uint32_t asked = departure.word();
  EXPECT_EQ(departure.decide({.stop = true}), Act::ask);
  EXPECT_EQ(leave_of(departure.word()), Leave::finish);
  EXPECT_EQ(attempt_of(departure.word()), attempt_of(asked)) << "rings that are closed stay so";
  EXPECT_EQ(departure.decide({.now = 9 * kParkTryNs, .closed = true}), Act::none);
}

TEST(Departure, ADrainedKernelTakesNothingMore) {
  Departure departure;
  ASSERT_EQ(departure.decide({.drained = true}), Act::ask);
  EXPECT_TRUE(closes_at_once(ring_word(departure.word(), false)));
}

TEST(Departure, ARingThatClosedForAnEarlierTryIsNotClosedForThisOne) {
  Departure departure;
  ASSERT_EQ(departure.decide({.idle = true}), Act::ask);
  const std::uint32_t first = departure.word();
  const std::uint32_t closed = closed_by(first);
  EXPECT_TRUE(is_closed(closed, first));
  EXPECT_FALSE(must_open(closed, first));
  ASSERT_EQ(departure.decide({.closed = true}), Act::withdraw);
  EXPECT_FALSE(is_closed(closed, departure.word()));
  EXPECT_TRUE(must_open(closed, departure.word()));
  ASSERT_EQ(departure.decide({.idle = true}), Act::ask);
  EXPECT_FALSE(is_closed(closed, departure.word())) << "nobody looked again";
  EXPECT_TRUE(must_open(closed, departure.word()));
  EXPECT_FALSE(is_closed(0, departure.word()));
}

TEST(Departure, ARingThatIsGivenUpClosesAtOnceAndForGood) {
  Departure departure;
  const std::uint32_t told = ring_word(departure.word(), true);
  EXPECT_TRUE(closes_at_once(told));
  const std::uint32_t closed = closed_by(told);
  EXPECT_FALSE(must_open(closed, departure.word()));
  ASSERT_EQ(departure.decide({.idle = true}), Act::ask);
  EXPECT_TRUE(is_closed(closed, departure.word()));
  EXPECT_EQ(ring_word(departure.word(), true), told);
  ASSERT_EQ(departure.decide({.closed = true, .quiet = true}), Act::go);
  EXPECT_EQ(leave_of(ring_word(departure.word(), true)), Leave::go) << "its pollers go, too";
}

TEST(RunQueue, EntriesOfDifferentLapsHaveDifferentMarksForAHundredLaps) {
  constexpr std::uint32_t kLog2{4};
  for (std::uint64_t lap = 1; lap < 128; ++lap) {
    const std::uint32_t first = entry_mark(5, kLog2);
    const std::uint32_t later = entry_mark(5 + (lap << kLog2), kLog2);
    EXPECT_FALSE(is_entry(later, first)) << lap;
    EXPECT_EQ(is_overwritten(later, first), lap < 64) << lap;
    EXPECT_EQ(is_overwritten(first, later), lap > 64) << lap;
    EXPECT_EQ(entry_mark(lap << kLog2, kLog2) & ~kEntryMarkMask, 0u);
  }
  EXPECT_FALSE(is_entry(0, entry_mark(0, kLog2))) << "memory that is zero holds no entry";
  EXPECT_FALSE(is_overwritten(0, entry_mark(0, kLog2)));
}

TEST(RunQueue, ReadsOfSectionsSumUpToTheTail) {
  constexpr std::uint32_t kLog2{5};
  for (std::uint64_t tail = 0; tail < 200; ++tail) {
    std::uint64_t sum = 0;
    for (std::uint32_t s = 0; s < kRunSections; ++s) sum += reads_below(tail, s, kLog2);
    EXPECT_EQ(sum, tail);
    // A launch begins at the tail, with every number below it read: the next lap is free.
    for (std::uint64_t number = tail; number < tail + 28; ++number) {
      EXPECT_LE(reads_before(number, kLog2), reads_below(tail, section_of(number, kLog2), kLog2))
          << tail << " " << number;
    }
  }
}

TEST(RunQueue, IsLargeEnoughForAllThatBusyWorkersLeaveUnread) {
  for (const std::uint64_t items : {1u, 2u, 64u, 1'000u, 65'536u}) {
    for (const std::uint64_t rings : {1u, 2u, 65u}) {
      const std::uint64_t unread = items + 100 + rings * kSpareNumbers;
      const std::uint64_t slots = std::uint64_t{1} << run_queue_log2(items, 100, rings);
      EXPECT_GE(slots - slots / kRunSections, unread);
      EXPECT_TRUE(slots == 8 || slots / 2 - slots / 2 / kRunSections < unread) << "twice too large";
    }
  }
}

}  // namespace
}  // namespace vyre::cuda::megakernel
