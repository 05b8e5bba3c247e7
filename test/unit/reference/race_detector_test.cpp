// The detector on its own interface: what is a race by the rule of
// docs/internals/vir0-semantics.md, "Data races", and that its short memory decides as one that
// forgets nothing.
#include "reference/race_detector.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "protocol/limits.hpp"

namespace vyre::reference {
namespace {

constexpr Watched kWords{0, 4, false, true};

class Story {
 public:
  explicit Story(std::vector<Watched> buffers = {kWords},
                 std::uint64_t shadow = kMaxRaceShadowBytes)
      : detector_(std::move(buffers), shadow) {
    workgroup(0);
  }
  Story& workgroup(std::uint32_t linear) { return detector_.begin_workgroup(linear), *this; }
  Story& barrier() { return detector_.pass_barrier(), *this; }
  Story& read(std::uint32_t lane, std::uint64_t at = 0, std::uint64_t bytes = 4,
              std::uint32_t buffer = 0) {
    return touch(AccessKind::read, lane, at, bytes, buffer);
  }
  Story& write(std::uint32_t lane, std::uint64_t at = 0, std::uint64_t bytes = 4,
               std::uint32_t buffer = 0) {
    return touch(AccessKind::write, lane, at, bytes, buffer);
  }
  Story& atomic(std::uint32_t lane, std::uint64_t at = 0) {
    return touch(AccessKind::atomic, lane, at, 4, 0);
  }
  [[nodiscard]] bool races() const { return !detector_.races().none(); }
  [[nodiscard]] const Races& found() const { return detector_.races(); }

 private:
  Story& touch(AccessKind kind, std::uint32_t lane, std::uint64_t at, std::uint64_t bytes,
               std::uint32_t buffer) {
    Access access;
    access.kind = kind;
    access.lane = lane;
    access.node = static_cast<std::uint32_t>(kind);
    detector_.touch(buffer, at, bytes, access);
    return *this;
  }
  RaceDetector detector_;
};

TEST(RaceDetector, TwoLanesWithOneWriterAndNoBarrierBetweenRace) {
  EXPECT_TRUE(Story().write(0).write(1).races());
  EXPECT_TRUE(Story().write(0).read(1).races());
  EXPECT_TRUE(Story().read(0).write(1).races());
  EXPECT_FALSE(Story().read(0).read(1).races());
  EXPECT_FALSE(Story().write(0).read(0).write(0).races()) << "a lane is in order with itself";
  EXPECT_FALSE(Story().write(0, 0).write(1, 4).races()) << "other bytes";
}

TEST(RaceDetector, AtomicsRaceWithPlainAccessesOnly) {
  EXPECT_FALSE(Story().atomic(0).atomic(1).races());
  EXPECT_TRUE(Story().atomic(0).read(1).races());
  EXPECT_TRUE(Story().read(0).atomic(1).races());
  EXPECT_TRUE(Story().atomic(0).write(1).races());
  EXPECT_TRUE(Story().write(0).atomic(1).races());
}

TEST(RaceDetector, ABarrierOrdersAWorkgroupAndNothingElse) {
  EXPECT_FALSE(Story().write(0).barrier().write(1).races());
  EXPECT_FALSE(Story().write(0).barrier().read(1).barrier().write(0).races());
  EXPECT_TRUE(Story().write(0).barrier().read(1).write(2).races());
  EXPECT_TRUE(Story().write(0).barrier().workgroup(1).read(0).races());
  EXPECT_TRUE(Story().read(0).workgroup(1).barrier().barrier().write(0).races());
}

TEST(RaceDetector, WorkgroupsRaceWithTheSameLaneOfOthersToo) {
  EXPECT_TRUE(Story().write(0).workgroup(1).write(0).races());
  EXPECT_TRUE(Story().atomic(0).workgroup(1).read(0).races());
  EXPECT_FALSE(Story().atomic(0).workgroup(1).atomic(0).races());
  EXPECT_FALSE(Story().read(0).workgroup(1).read(0).workgroup(2).read(5).races());
  EXPECT_TRUE(Story().read(0).workgroup(1).read(0).workgroup(2).read(5).write(5).races())
      << "readers of long ago are not forgotten";
}

TEST(RaceDetector, MemoryOfAWorkgroupBeginsAnew) {
  const std::vector<Watched> shared{{0, 4, true, true}};
  EXPECT_FALSE(Story(shared).write(0).workgroup(1).write(1).races());
  EXPECT_TRUE(Story(shared).write(0).workgroup(1).write(1).write(2).races());
}

TEST(RaceDetector, OverlappingBytesAreEnough) {
  const std::vector<Watched> bytes{{0, 1, false, true}};
  EXPECT_TRUE(Story(bytes).write(0, 0, 4).read(1, 3, 1).races());
  EXPECT_FALSE(Story(bytes).write(0, 0, 3).read(1, 3, 1).races());
  EXPECT_TRUE(Story(bytes).write(0, 60, 16).write(1, 70, 100).races()) << "across blocks";
  EXPECT_FALSE(Story(bytes).write(0, 0, 0).write(1, 0, 4).races()) << "no bytes, no access";
  Story story(bytes);
  const Races& found = story.write(0, 60, 16).write(1, 70, 100).found();
  EXPECT_EQ(found.total, 6u);
}

TEST(RaceDetector, TwoNamesOfOneMemoryAreOneMemory) {
  const std::vector<Watched> alias{{0, 4, false, true}, {0, 1, false, true}, {1, 4, false, true}};
  Story story(alias);
  story.write(0, 0, 4, 0).read(1, 2, 1, 1);
  ASSERT_TRUE(story.races());
  EXPECT_EQ(story.found().list[0].earlier_buffer, 0u);
  EXPECT_EQ(story.found().list[0].later_buffer, 1u);
  EXPECT_EQ(story.found().list[0].offset, 2u);
  EXPECT_FALSE(Story(alias).write(0, 0, 4, 0).write(1, 0, 4, 2).races());
}

TEST(RaceDetector, EachPairOfPlacesIsToldOnceAndCounted) {
  Story story;
  for (std::uint32_t lane = 0; lane < 5; ++lane) story.write(lane);
  ASSERT_EQ(story.found().list.size(), 1u);
  EXPECT_EQ(story.found().list[0].times, 4u);
  EXPECT_EQ(story.found().total, 4u);
  EXPECT_EQ(story.found().list[0].earlier.lane, 0u);
  EXPECT_EQ(story.found().list[0].later.lane, 1u);
  story.read(7);
  EXPECT_EQ(story.found().list.size(), 2u);
}

TEST(RaceDetector, SaysWhenItsMemoryIsUsedUp) {
  Story story({kWords}, 10'000);
  for (std::uint64_t at = 0; at < 4'096; at += 4) story.write(0, at);
  EXPECT_TRUE(story.found().out_of_memory);
  EXPECT_FALSE(Story().write(0).write(0, 1'000'000).found().out_of_memory);
  EXPECT_TRUE(story.write(1, 0).races()) << "what was noted is still judged";
}

// ---- against a detector that keeps every access

struct Kept {
  AccessKind kind;
  std::uint32_t workgroup;
  std::uint32_t lane;
  std::uint32_t epoch;
};

bool race(const Kept& a, const Kept& b) {
  if (a.workgroup == b.workgroup && (a.lane == b.lane || a.epoch != b.epoch)) return false;
  if (a.kind == AccessKind::read && b.kind == AccessKind::read) return false;
  return !(a.kind == AccessKind::atomic && b.kind == AccessKind::atomic);
}

TEST(RaceDetector, FindsTheFirstRaceWhereOneThatForgetsNothingDoes) {
  std::mt19937 random(20'240'607);
  const auto below = [&random](std::uint32_t n) {
    return static_cast<std::uint32_t>(random() % n);
  };
  std::uint32_t raced = 0;
  std::uint32_t clean = 0;
  for (int round = 0; round < 20'000; ++round) {
    RaceDetector detector({kWords}, kMaxRaceShadowBytes);
    std::vector<Kept> history;
    std::uint32_t workgroup = 0;
    std::uint32_t epoch = 0;
    detector.begin_workgroup(workgroup);
    // Few kinds a story, or every one would race at once.
    const std::uint32_t writes = below(4) == 0 ? 1 + below(3) : 0;
    const std::uint32_t atomics = below(3);
    bool found = false;
    const std::uint32_t steps = 3 + below(12);
    for (std::uint32_t step = 0; step < steps && !found; ++step) {
      const std::uint32_t what = below(10);
      if (what == 0) {
        detector.begin_workgroup(++workgroup);
        ++epoch;
        continue;
      }
      if (what < 4) {
        detector.pass_barrier();
        ++epoch;
        continue;
      }
      const std::uint32_t choice = below(6);
      const AccessKind kind = choice < writes             ? AccessKind::write
                              : choice < writes + atomics ? AccessKind::atomic
                                                          : AccessKind::read;
      const Kept now{kind, workgroup, below(4), epoch};
      for (const Kept& before : history) found = found || race(before, now);
      history.push_back(now);
      Access access;
      access.kind = kind;
      access.lane = now.lane;
      detector.touch(0, 0, 4, access);
      ASSERT_EQ(!detector.races().none(), found) << "round " << round << ", step " << step;
    }
    ++(found ? raced : clean);
  }
  EXPECT_GT(raced, 2'000u);
  EXPECT_GT(clean, 2'000u);
}

}  // namespace
}  // namespace vyre::reference
