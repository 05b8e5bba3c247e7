// The model itself: it must be able to see what weak memory allows, and nothing that it forbids.
#include "model/world.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace vyre::model {
namespace {

using queue::Order;

/// All pairs of results that a program of two threads can give.
template <class First, class Second>
std::set<std::pair<std::uint64_t, std::uint64_t>> results(const First& first, const Second& second,
                                                          std::uint32_t words = 2) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  World world;
  SearchChooser chooser{8, 4};
  do {
    chooser.begin();
    std::array<std::uint64_t, 4> memory{};
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    const Outcome outcome =
        world.run({[&] { a = first(memory.data()); }, [&] { b = second(memory.data()); }}, chooser);
    EXPECT_EQ(outcome.ending, Ending::finished) << outcome.what;
    seen.insert({a, b});
  } while (chooser.advance());
  (void)words;
  return seen;
}

TEST(World, StoreBufferingLetsBothThreadsReadTheOldValue) {
  const auto seen = results(
      [](std::uint64_t* m) {
        ModelAtomics::store(&m[0], std::uint64_t{1}, Order::release);
        return ModelAtomics::load(&m[1], Order::acquire);
      },
      [](std::uint64_t* m) {
        ModelAtomics::store(&m[1], std::uint64_t{1}, Order::release);
        return ModelAtomics::load(&m[0], Order::acquire);
      });
  EXPECT_EQ(seen.size(), 4u);
}

TEST(World, MessagePassingWithReleaseAndAcquireShowsThePayload) {
  const auto seen = results(
      [](std::uint64_t* m) {
        ModelAtomics::store(&m[0], std::uint64_t{7}, Order::relaxed);
        ModelAtomics::store(&m[1], std::uint64_t{1}, Order::release);
        return std::uint64_t{0};
      },
      [](std::uint64_t* m) {
        if (ModelAtomics::load(&m[1], Order::acquire) == 0) return std::uint64_t{99};
        return ModelAtomics::load(&m[0], Order::relaxed);
      });
  EXPECT_EQ(seen, (std::set<std::pair<std::uint64_t, std::uint64_t>>{{0, 7}, {0, 99}}));
}

TEST(World, MessagePassingWithRelaxedFlagMayShowTheOldPayload) {
  const auto seen = results(
      [](std::uint64_t* m) {
        ModelAtomics::store(&m[0], std::uint64_t{7}, Order::relaxed);
        ModelAtomics::store(&m[1], std::uint64_t{1}, Order::relaxed);
        return std::uint64_t{0};
      },
      [](std::uint64_t* m) {
        if (ModelAtomics::load(&m[1], Order::acquire) == 0) return std::uint64_t{99};
        return ModelAtomics::load(&m[0], Order::relaxed);
      });
  EXPECT_EQ(seen.count({0, 0}), 1u);
}

TEST(World, AThreadNeverSeesOneWordGoBack) {
  const auto seen = results(
      [](std::uint64_t* m) {
        ModelAtomics::store(&m[0], std::uint64_t{1}, Order::relaxed);
        ModelAtomics::store(&m[0], std::uint64_t{2}, Order::relaxed);
        return std::uint64_t{0};
      },
      [](std::uint64_t* m) {
        const std::uint64_t first = ModelAtomics::load(&m[0], Order::relaxed);
        return first * 10 + ModelAtomics::load(&m[0], Order::relaxed);
      });
  for (const auto& [a, b] : seen) EXPECT_LE(b / 10, b % 10) << b;
  EXPECT_EQ(seen.size(), 6u);
}

TEST(World, ReadModifyWritesNeverLoseAnUpdate) {
  const auto add = [](std::uint64_t* m) {
    std::uint64_t expected = ModelAtomics::load(&m[0], Order::relaxed);
    while (!ModelAtomics::compare_exchange(&m[0], expected, expected + 1)) {
    }
    return expected;
  };
  for (const auto& [a, b] : results(add, add)) EXPECT_NE(a, b);
}

TEST(World, UnorderedPayloadAccessesAreFailures) {
  World world;
  SearchChooser chooser{0, 0};
  chooser.begin();
  std::uint32_t word = 0;
  const Outcome outcome = world.run({[&] { ModelAtomics::store_payload(&word, 1); },
                                     [&] { (void)ModelAtomics::load_payload(&word); }},
                                    chooser);
  EXPECT_EQ(outcome.ending, Ending::failed);
}

TEST(World, ThreadThatWaitsForNothingIsReportedStuck) {
  World world;
  RandomChooser chooser{1};
  std::uint64_t word = 0;
  const Outcome outcome = world.run({[&] {
                                       while (ModelAtomics::load(&word, Order::acquire) == 0)
                                         World::current().park();
                                     },
                                     [] {}},
                                    chooser);
  EXPECT_EQ(outcome.ending, Ending::stuck);
}

TEST(World, WaitingThreadSeesInTheEndWhatWasWritten) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    World world;
    RandomChooser chooser{seed};
    std::uint64_t word = 0;
    const Outcome outcome =
        world.run({[&] {
                     while (ModelAtomics::load(&word, Order::acquire) == 0) World::current().park();
                   },
                   [&] { ModelAtomics::store(&word, std::uint64_t{1}, Order::release); }},
                  chooser);
    ASSERT_EQ(outcome.ending, Ending::finished) << "seed " << seed << ": " << outcome.what;
  }
}

TEST(World, SameSeedIsTheSameExecution) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::array<std::uint64_t, 2> sums{};
    for (auto& sum : sums) {
      World world;
      RandomChooser chooser{seed};
      std::uint64_t word = 0;
      const auto body = [&] {
        for (int i = 0; i < 20; ++i) {
          sum = sum * 31 + ModelAtomics::load(&word, Order::relaxed);
          ModelAtomics::store(&word, sum % 1000, Order::relaxed);
        }
      };
      EXPECT_EQ(world.run({body, body, body}, chooser).ending, Ending::finished);
    }
    EXPECT_EQ(sums[0], sums[1]);
  }
}

}  // namespace
}  // namespace vyre::model
