// The marks by which ordered items wait for others, under the seeded scheduler: an item that starts
// because of a mark sees what the items before it wrote. A failure prints VYRE_SEED. Each ordering
// is also weakened on purpose, because the usual processors do not show that it is missing.
#include <gtest/gtest.h>

#include <cstdlib>

#include "model/ring_scenario.hpp"
#include "queue/end_marks.hpp"

namespace vyre::model {
namespace {

using queue::Order;

constexpr std::uint32_t kWorkers{2};
constexpr std::uint32_t kItems{6};
/// Two workers end the items with even and with odd positions; each writes a word of its own first.
/// A taker starts items that have to wait for them, and reads those words.
template <class Policy>
class OrderScenario {
 public:
  /// after_all: one item waits for all. Else one waits for each, over laps of two slots: a worker
  /// goes on to the next lap when the taker is done with the slot, which in a queue the rings see
  /// to.
  explicit OrderScenario(bool after_all)
      : after_all_(after_all), slots_(after_all ? kMaxSlots : kWorkers) {}

  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    ended_ = {};
    for (std::uint32_t i = 0; i < slots_; ++i) ended_[i] = ~i;
    ended_count_ = 0;
    free_below_ = slots_;
    data_ = {};
    std::vector<std::function<void()>> bodies;
    for (std::uint32_t w = 0; w < kWorkers; ++w) bodies.emplace_back([this, w] { work(w); });
    bodies.emplace_back([this] { after_all_ ? wait_for_all() : wait_for_each(); });
    return world_.run(bodies, chooser, kill);
  }

 private:
  static constexpr std::uint32_t kMaxSlots{8};

  queue::EndMarks<Policy> marks() { return {ended_.data(), &ended_count_, slots_}; }

  void work(std::uint64_t first) {
    for (std::uint64_t p = first; p < kItems; p += kWorkers) {
      while (Policy::load(&free_below_, Order::acquire) <= p) world_.park();
      Policy::store_payload(&data_[p], static_cast<std::uint32_t>(100 + p));
      marks().mark(&p, 1);
    }
  }
  void read(std::uint64_t position) {
    if (Policy::load_payload(&data_[position]) != 100 + position)
      world_.fail("item " + std::to_string(position) + " was read before it was written");
  }
  void wait_for_each() {
    for (std::uint64_t p = 0; p < kItems; ++p) {
      while (!marks().has_ended(p)) world_.park();
      read(p);
      Policy::store(&free_below_, p + 1 + slots_, Order::release);
    }
  }
  void wait_for_all() {
    while (marks().count() != kItems) world_.park();
    for (std::uint64_t p = 0; p < kItems; ++p) read(p);
  }

  const bool after_all_;
  const std::uint32_t slots_;
  World world_;
  std::array<std::uint32_t, kMaxSlots> ended_{};
  std::uint64_t ended_count_{0};
  std::uint64_t free_below_{0};
  std::array<std::uint32_t, kItems> data_{};
};

TEST(OrderModel, AnItemBehindAnotherSeesWhatThatOneWrote) {
  OrderScenario<ModelAtomics> scenario(false);
  const Exploration found = explore_randomly(scenario, 1'500);
  EXPECT_TRUE(found.good()) << describe(found);
}

TEST(OrderModel, AnItemBehindAllSeesWhatAllWrote) {
  OrderScenario<ModelAtomics> scenario(true);
  const Exploration found = explore_randomly(scenario, 1'500);
  EXPECT_TRUE(found.good()) << describe(found);
}

template <class Policy>
void expect_caught(bool after_all) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  OrderScenario<Policy> scenario(after_all);
  const Exploration found = hunt(scenario);
  EXPECT_FALSE(found.good()) << "not caught in " << found.runs << " executions";
}

/// The marks are the 32-bit words here, the count is a 64-bit one that is added to.
struct RelaxedMark : ModelPolicy<RelaxedMark> {
  template <class Word>
  static void store(Word* word, Word value, Order order) noexcept {
    ModelPolicy::store(word, value, sizeof(Word) == 4 ? Order::relaxed : order);
  }
};
TEST(OrderModel, AMarkWithoutReleaseIsCaught) {
  expect_caught<RelaxedMark>(false);
}

struct RelaxedQuestion : ModelPolicy<RelaxedQuestion> {
  template <class Word>
  static Word load(const Word* word, Order order) noexcept {
    return ModelPolicy::load(word, sizeof(Word) == 4 ? Order::relaxed : order);
  }
};
TEST(OrderModel, AMarkReadWithoutAcquireIsCaught) {
  expect_caught<RelaxedQuestion>(false);
}

struct RelaxedCount : ModelPolicy<RelaxedCount> {
  template <class Word>
  static Word fetch_add_acq_rel(Word* word, Word value) noexcept {
    return ModelPolicy::add(word, value, false, false);
  }
};
TEST(OrderModel, ACountWithoutReleaseIsCaught) {
  expect_caught<RelaxedCount>(true);
}

struct RelaxedCountQuestion : ModelPolicy<RelaxedCountQuestion> {
  template <class Word>
  static Word load(const Word* word, Order order) noexcept {
    return ModelPolicy::load(word, sizeof(Word) == 8 ? Order::relaxed : order);
  }
};
TEST(OrderModel, ACountReadWithoutAcquireIsCaught) {
  expect_caught<RelaxedCountQuestion>(true);
}

}  // namespace
}  // namespace vyre::model
