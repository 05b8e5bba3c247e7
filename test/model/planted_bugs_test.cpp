// Bugs on purpose: what each ordering and each check is for, and proof that the model would miss
// none of them.
#include <gtest/gtest.h>

#include "model/ring_scenario.hpp"

namespace vyre::model {
namespace {

using queue::Order;

template <class Policy>
Exploration hunt_rings(const RingSetup& setup) {
  RingScenario<Policy> scenario{setup};
  return hunt(scenario);
}

void expect_caught(const Exploration& found) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  EXPECT_FALSE(found.good()) << "not caught in " << found.runs << " executions";
  testing::Test::RecordProperty("caught_in", std::to_string(found.runs));
}

/// [RING-1] and [RING-4], writer's end: word 0 of a slot is stored relaxed.
struct RelaxedPublish : ModelPolicy<RelaxedPublish> {
  template <class Word>
  static void store(Word* word, Word value, Order order) noexcept {
    ModelPolicy::store(word, value, sizeof(Word) == 4 ? Order::relaxed : order);
  }
};
TEST(PlantedBug, SlotPublishedWithoutReleaseIsCaught) {
  expect_caught(hunt_rings<RelaxedPublish>({.items_each = 2}));
}

/// [RING-1] and [RING-4], reader's end.
struct RelaxedTake : ModelPolicy<RelaxedTake> {
  template <class Word>
  static Word load(const Word* word, Order order) noexcept {
    return ModelPolicy::load(word, sizeof(Word) == 4 ? Order::relaxed : order);
  }
};
TEST(PlantedBug, SlotTakenWithoutAcquireIsCaught) {
  expect_caught(hunt_rings<RelaxedTake>({.items_each = 2}));
}

/// [RING-2], [RING-3], [RING-5], writer's end: positions are stored relaxed.
struct RelaxedPositions : ModelPolicy<RelaxedPositions> {
  template <class Word>
  static void store(Word* word, Word value, Order order) noexcept {
    ModelPolicy::store(word, value, sizeof(Word) == 8 ? Order::relaxed : order);
  }
};
TEST(PlantedBug, SlotsGivenBackWithoutReleaseAreCaught) {
  expect_caught(hunt_rings<RelaxedPositions>({.items_each = 4}));
}

/// Only one word's acquire is lost: which one, the scenario says.
const void* weakened_word = nullptr;
struct OneRelaxedLoad : ModelPolicy<OneRelaxedLoad> {
  template <class Word>
  static Word load(const Word* word, Order order) noexcept {
    return ModelPolicy::load(word, word == weakened_word ? Order::relaxed : order);
  }
};
TEST(PlantedBug, CachedLimitReadWithoutAcquireIsCaught) {
  RingScenario<OneRelaxedLoad> scenario{{.producers = 3, .items_each = 4, .batch = 1}};
  weakened_word = &scenario.memory().words.limit_cache;
  expect_caught(hunt(scenario));
}
TEST(PlantedBug, CollectedPositionReadWithoutAcquireIsCaught) {
  // The producers read it on behalf of whoever posts into the slot a lap later: no other word tells
  // that the collector has read the slot.
  RingScenario<OneRelaxedLoad> scenario{{.producers = 1, .items_each = 8, .batch = 1}};
  weakened_word = &scenario.memory().collected.position;
  expect_caught(hunt(scenario));
}

/// The phase bit is not looked at: unpublished and old slots are taken.
struct NoPhaseCheck : ModelPolicy<NoPhaseCheck> {
  static bool load_slot(const RingSlot* slot, std::uint32_t, RingSlot* out) noexcept {
    const std::uint32_t head = load(&slot->word[0], Order::acquire);
    return queue::load_slot_by_words<NoPhaseCheck>(slot, head & kSlotPhaseBit, out);
  }
};
TEST(PlantedBug, PhaseCheckDroppedIsCaught) {
  expect_caught(hunt_rings<NoPhaseCheck>({.items_each = 2}));
}

/// Word 0 first, payload after: the order that a careless rewrite would choose.
struct HeadFirst : ModelPolicy<HeadFirst> {
  static void store_slot(RingSlot* slot, const RingSlot& value) noexcept {
    store(&slot->word[0], value.word[0], Order::release);
    for (int i = 1; i < 4; ++i) store_payload(&slot->word[i], value.word[i]);
  }
};
TEST(PlantedBug, HeadStoredBeforePayloadIsCaught) {
  expect_caught(hunt_rings<HeadFirst>({.items_each = 2}));
}

/// Claims always succeed: a late producer and the reaper both write.
std::array<const void*, 2> claim_words{};
struct NoClaims : ModelPolicy<NoClaims> {
  template <class Word>
  static bool compare_exchange(Word* word, Word& expected, Word desired) noexcept {
    if (word >= claim_words[0] && word <= claim_words[1]) {
      World::current().before_access();
      return true;
    }
    return ModelPolicy::compare_exchange(word, expected, desired);
  }
};
TEST(PlantedBug, ProducerAndReaperWithoutClaimsAreCaught) {
  RingScenario<NoClaims> scenario{{.items_each = 4, .reaper = true}};
  claim_words = {scenario.memory().claims.data(),
                 scenario.memory().claims.data() + kMaxModelSlots - 1};
  expect_caught(hunt(scenario));
}

/// Positions by load and store instead of an exchange: two producers get the same position.
struct LostReservations : ModelPolicy<LostReservations> {
  template <class Word>
  static bool compare_exchange(Word* word, Word& expected, Word desired) noexcept {
    if (sizeof(Word) == 8 && load(word, Order::relaxed) == expected) {
      store(word, desired, Order::relaxed);
      return true;
    }
    return ModelPolicy::compare_exchange(word, expected, desired);
  }
};
TEST(PlantedBug, ReservationsWithoutAnExchangeAreCaught) {
  expect_caught(hunt_rings<LostReservations>({.items_each = 2}));
}

TEST(PlantedBug, CompletionInThePhaseOfAnotherLapIsCaught) {
  expect_caught(hunt_rings<ModelAtomics>({.items_each = 4, .writer_slots = 4}));
}

TEST(PlantedBug, ReaderThatForgetsWhatItGaveOutIsCaught) {
  expect_caught(hunt_rings<ModelAtomics>(
      {.completion_slots = 4, .items_each = 4, .workers = 2, .forgets_seen = true}));
}

TEST(PlantedBug, CreditsForItemsBehindOneThatHasNotEndedAreCaught) {
  expect_caught(
      hunt_rings<ModelAtomics>({.items_each = 4, .workers = 2, .credits_by_count = true}));
}

/// Who posts a completion did not acquire the item: [RING-1]'s chain back to the collector is cut
/// where a backend hands items to its workers.
TEST(PlantedBug, ItemHandedToAWorkerWithoutAcquireIsCaught) {
  RingScenario<OneRelaxedLoad> scenario{
      {.producers = 1, .items_each = 8, .batch = 1, .workers = 1}};
  weakened_word = &scenario.memory().mail[0];
  expect_caught(hunt(scenario));
}

/// The control: what was caught above was the bug and not the scenario.
TEST(PlantedBug, SameScenariosWithoutABugAreGood) {
  const RingSetup setups[] = {
      {.items_each = 4},
      {.producers = 3, .items_each = 4, .batch = 1},
      {.producers = 1, .items_each = 8, .batch = 1},
      {.items_each = 4, .reaper = true},
      {.items_each = 6},
      {.items_each = 4, .workers = 2},
      {.completion_slots = 4, .items_each = 4, .workers = 2},
      {.producers = 1, .items_each = 8, .batch = 1, .workers = 1},
  };
  for (const RingSetup& setup : setups) {
    RingScenario<ModelAtomics> scenario{setup};
    const Exploration found = explore_randomly(scenario, 300);
    EXPECT_TRUE(found.good()) << describe(found);
  }
}

TEST(PlantedBug, ProducersThatIgnoreTheRoomForCompletionsAreCaught) {
  expect_caught(hunt_rings<ModelAtomics>({.items_each = 6, .credit_slots = 1'000}));
}

}  // namespace
}  // namespace vyre::model
