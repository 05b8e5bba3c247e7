// The arena against a map of granules, over random histories.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "cuda/host/arena.hpp"

namespace vyre::cuda {
namespace {

constexpr std::uint64_t kGranules{512};

/// The same memory, one flag a granule.
class Model {
 public:
  [[nodiscard]] bool is_free(std::uint64_t begin, std::uint64_t count) const {
    return std::none_of(taken_.begin() + static_cast<std::ptrdiff_t>(begin),
                        taken_.begin() + static_cast<std::ptrdiff_t>(begin + count),
                        [](bool taken) { return taken; });
  }
  void set(std::uint64_t begin, std::uint64_t count, bool taken) {
    std::fill_n(taken_.begin() + static_cast<std::ptrdiff_t>(begin), count, taken);
  }
  /// Lengths of the maximal free runs, in granules.
  [[nodiscard]] std::vector<std::uint64_t> runs() const {
    std::vector<std::uint64_t> out;
    std::uint64_t run = 0;
    for (std::uint64_t i = 0; i <= kGranules; ++i) {
      if (i < kGranules && !taken_[i]) {
        ++run;
      } else if (run != 0) {
        out.push_back(run);
        run = 0;
      }
    }
    return out;
  }
  [[nodiscard]] std::uint64_t used() const {
    return static_cast<std::uint64_t>(std::count(taken_.begin(), taken_.end(), true));
  }

 private:
  std::vector<bool> taken_ = std::vector<bool>(kGranules, false);
};

struct Live {
  std::uint64_t granule;
  std::uint64_t granules;
};

TEST(Arena, BehavesLikeAMapOfGranulesOverRandomHistories) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Arena arena(kGranules * kArenaGranule + 17);  // the rest is no granule
    Model model;
    std::vector<Live> live;
    ASSERT_EQ(arena.bytes(), kGranules * kArenaGranule);
    for (int step = 0; step < 1'500; ++step) {
      if (random() % 100 < 55) {
        const std::uint64_t most = random() % 4 == 0 ? 100 : 8;
        const std::uint64_t bytes = random() % (most * kArenaGranule);
        const std::uint64_t wanted =
            std::max<std::uint64_t>(1, (bytes + kArenaGranule - 1) / kArenaGranule);
        const auto runs = model.runs();
        const auto offset = arena.allocate(bytes);
        // Best fit: it succeeds exactly where a run is long enough, and takes a shortest such run.
        std::uint64_t best = 0;
        for (const std::uint64_t run : runs) {
          if (run >= wanted && (best == 0 || run < best)) best = run;
        }
        ASSERT_EQ(offset.has_value(), best != 0);
        if (!offset) continue;
        ASSERT_EQ(*offset % kArenaGranule, 0u);
        const std::uint64_t at = *offset / kArenaGranule;
        ASSERT_LE(at + wanted, kGranules);
        ASSERT_TRUE(model.is_free(at, wanted)) << "overlaps a live run";
        model.set(at, wanted, true);
        live.push_back({at, wanted});
        auto expected = runs;
        expected.erase(std::find(expected.begin(), expected.end(), best));
        if (best != wanted) expected.push_back(best - wanted);
        auto left = model.runs();
        std::sort(expected.begin(), expected.end());
        std::sort(left.begin(), left.end());
        ASSERT_EQ(left, expected) << "another run was taken or split";
      } else if (!live.empty()) {
        const std::size_t i = random() % live.size();
        ASSERT_TRUE(arena.free(live[i].granule * kArenaGranule));
        ASSERT_FALSE(arena.free(live[i].granule * kArenaGranule)) << "freed twice";
        model.set(live[i].granule, live[i].granules, false);
        live[i] = live.back();
        live.pop_back();
      }
      const auto runs = model.runs();
      ASSERT_EQ(arena.used(), model.used() * kArenaGranule);
      ASSERT_EQ(arena.largest_free(),
                (runs.empty() ? 0 : *std::max_element(runs.begin(), runs.end())) * kArenaGranule);
    }
    for (const Live& run : live) ASSERT_TRUE(arena.free(run.granule * kArenaGranule));
    EXPECT_EQ(arena.largest_free(), arena.bytes()) << "neighbours were not joined";
  }
}

TEST(Arena, NonsenseIsAnsweredNotObeyed) {
  Arena arena(1'024);
  EXPECT_FALSE(arena.allocate(~std::uint64_t{0}).has_value());
  EXPECT_FALSE(arena.allocate(1'025).has_value());
  EXPECT_FALSE(arena.free(0));
  EXPECT_FALSE(arena.free(77));
  ASSERT_TRUE(arena.allocate(0).has_value());
  EXPECT_EQ(arena.used(), kArenaGranule) << "an empty buffer has an address of its own";
  Arena none(kArenaGranule - 1);
  EXPECT_FALSE(none.allocate(0).has_value());
}

}  // namespace
}  // namespace vyre::cuda
