// Cancelling items under the seeded scheduler, over rings of two slots that are used again and
// again: an item ends once, and it ends as cancelled only if a caller asked for it. A failure
// prints VYRE_SEED. A mark that does not name its lap is planted as a bug.
#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

#include "model/ring_scenario.hpp"
#include "queue/cancel_marks.hpp"

namespace vyre::model {
namespace {

using queue::Order;

constexpr std::uint32_t kSlots{2};
constexpr std::uint64_t kItems{7};

/// A mark as a flag of its slot, which an item of a later lap takes for its own.
struct FlagOfTheSlot {
  std::uint64_t* marks;
  queue::RingGeometry geometry;
  [[nodiscard]] bool set(std::uint64_t position) const {
    if (is_set(position)) return false;
    ModelAtomics::store(&marks[geometry.index(position)], std::uint64_t{1}, Order::relaxed);
    return true;
  }
  [[nodiscard]] bool is_set(std::uint64_t position) const {
    return ModelAtomics::load(&marks[geometry.index(position)], Order::relaxed) != 0;
  }
  void clear(std::uint64_t position) const {
    ModelAtomics::store(&marks[geometry.index(position)], std::uint64_t{0}, Order::relaxed);
  }
};

/// A producer, a worker that looks for a mark before it runs an item, a collector, and a caller
/// that cancels whatever is in flight and later takes its marks back.
template <class Marks>
class CancelScenario {
 public:
  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    memory_.reset(RingSetup{.slots = kSlots, .completion_slots = kSlots});
    marks_ = {};
    asked_ = {};
    ended_ = {};
    return world_.run(
        {[this] { produce(); }, [this] { work(); }, [this] { collect(); }, [this] { cancel(); }},
        chooser, kill);
  }
  [[nodiscard]] std::uint32_t cancelled() const { return cancelled_; }
  [[nodiscard]] std::uint32_t done() const { return done_; }

 private:
  using Producer = queue::SubmissionProducer<ModelAtomics>;
  [[nodiscard]] Producer producer() {
    return {memory_.slots.data(),
            &memory_.words,
            memory_.claims.data(),
            &memory_.taken,
            &memory_.collected,
            geometry_,
            kSlots};
  }
  [[nodiscard]] Marks marks() { return {marks_.data(), geometry_}; }

  void produce() {
    for (std::uint64_t left = kItems; left != 0;) {
      const queue::Reservation got = producer().try_reserve(1);
      if (got.count == 0) {
        world_.park();
        continue;
      }
      if (!producer().try_publish(got.first, {1, 2, 3, 4}, 0)) world_.fail("given up");
      --left;
    }
  }

  void work() {
    queue::SubmissionConsumer<ModelAtomics> ring{memory_.slots.data(), &memory_.taken, geometry_,
                                                 0};
    const queue::CompletionWriter<ModelAtomics> writer{memory_.completions.data(), geometry_};
    while (ring.position != kItems) {
      queue::TakenItem taken;
      if (ring.take(&taken, 1) == 0) {
        world_.park();
        continue;
      }
      const std::uint64_t position = ring.position - 1;
      const bool unwanted = marks().is_set(position);
      if (unwanted && !asked_[position])
        world_.fail("item " + std::to_string(position) + " was cancelled and no caller asked");
      ring.release();
      writer.post(position,
                  Completion::make(unwanted ? CompletionStatus::cancelled : CompletionStatus::done,
                                   unwanted ? FaultCode::cancelled : FaultCode::none,
                                   static_cast<std::uint32_t>(position), 0, 0, 0));
    }
  }

  void collect() {
    queue::CompletionReader<ModelAtomics> ring{memory_.completions.data(), &memory_.collected,
                                               memory_.seen.data(), geometry_, 0};
    while (ring.position != kItems) {
      queue::TakenCompletion taken;
      if (ring.take(&taken, 1, producer().tail()) == 0) {
        world_.park();
        continue;
      }
      if (std::exchange(ended_[taken.position], true))
        world_.fail("item " + std::to_string(taken.position) + " ended twice");
      (taken.completion.status() == CompletionStatus::cancelled ? cancelled_ : done_) += 1;
      ring.release();
    }
  }

  /// As cuda/host/cancels.cpp does it, for every position once, with marks left behind for a while.
  void cancel() {
    std::vector<std::uint64_t> marked;
    const queue::CompletionWriter<ModelAtomics> writer{memory_.completions.data(), geometry_};
    for (std::uint64_t position = 0; position < kItems;) {
      const std::uint64_t collected =
          ModelAtomics::load(&memory_.collected.position, Order::acquire);
      if (world_.choose(2) != 0) {
        std::erase_if(marked, [&](std::uint64_t at) {
          if (at >= collected) return false;
          marks().clear(at);
          return true;
        });
      }
      if (position < producer().tail() && position >= collected && !writer.posted(position)) {
        asked_[position] = true;
        if (marks().set(position)) marked.push_back(position);
        ++position;
      } else if (position < collected) {
        ++position;
      } else {
        world_.park();
      }
    }
  }

  World world_;
  ModelMemory memory_;
  queue::RingGeometry geometry_{queue::RingGeometry::of(kSlots)};
  std::array<std::uint64_t, kSlots> marks_{};
  // Of the test, not of the memory under test.
  std::array<bool, kItems> asked_{};
  std::array<bool, kItems> ended_{};
  std::uint32_t cancelled_{0};
  std::uint32_t done_{0};
};

TEST(CancelModel, AnItemEndsOnceAndAsCancelledOnlyIfACallerAskedForIt) {
  CancelScenario<queue::CancelMarks<ModelAtomics>> scenario;
  const Exploration found = explore_randomly(scenario, 1'500);
  EXPECT_TRUE(found.good()) << describe(found);
  if (std::getenv("VYRE_SEED") == nullptr) {
    EXPECT_GT(scenario.cancelled(), 500u) << "hardly any mark came in time";
    EXPECT_GT(scenario.done(), 500u) << "hardly any mark came too late";
  }
}

TEST(CancelModel, AMarkThatDoesNotNameItsLapIsCaught) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  CancelScenario<FlagOfTheSlot> scenario;
  const Exploration found = hunt(scenario);
  EXPECT_FALSE(found.good()) << "not caught in " << found.runs << " executions";
}

}  // namespace
}  // namespace vyre::model
