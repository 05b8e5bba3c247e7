// A warp whose lane 0 acquires for all lanes, as it does where a claim gets a unit of a spread item
// (SPREAD-1 in docs/internals/memory-model.md): the claim goes to the other lanes by a shuffle,
// which hands a value on and no order. What the opener wrote is ordered before their reads by
// __syncwarp() alone.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <vector>

#include "model/explore.hpp"

namespace vyre::model {
namespace {

class WarpScenario {
 public:
  explicit WarpScenario(bool barrier) : barrier_{barrier} {}

  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    words_ = {};
    return world_.run({[this] { open(); }, [this] { lane_zero(); }, [this] { other_lane(); }},
                      chooser, kill);
  }

 private:
  using Memory = ModelAtomics;
  using Order = queue::Order;
  static constexpr std::uint64_t kUnits{std::uint64_t{1} << 32};
  struct Words {
    std::array<std::uint32_t, 4> job{};
    std::uint64_t claim{0};
    std::uint64_t shuffled{0};
    std::uint32_t arrived{0};  // at the barrier
  };

  void open() {
    for (std::uint32_t& word : words_.job) Memory::store_payload(&word, 7);
    Memory::store(&words_.claim, kUnits, Order::release);
  }
  void lane_zero() {
    while (Memory::fetch_add_acq_rel(&words_.claim, std::uint64_t{0}) < kUnits) world_.park();
    Memory::store(&words_.shuffled, kUnits, Order::relaxed);
    if (barrier_) Memory::store(&words_.arrived, 1u, Order::release);
  }
  void other_lane() {
    while (Memory::load(&words_.shuffled, Order::relaxed) == 0) world_.park();
    while (barrier_ && Memory::load(&words_.arrived, Order::acquire) == 0) world_.park();
    for (const std::uint32_t& word : words_.job) {
      if (Memory::load_payload(&word) != 7) world_.fail("a lane read an old word of the job");
    }
  }

  const bool barrier_;
  World world_;
  Words words_;
};

TEST(WarpModel, BehindABarrierAllLanesReadWhatLaneZeroAcquired) {
  WarpScenario scenario{true};
  const Exploration found = explore_randomly(scenario, 2'000);
  EXPECT_TRUE(found.good()) << describe(found);
}

TEST(WarpModel, AShuffleAloneOrdersNothing) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  WarpScenario scenario{false};
  EXPECT_FALSE(hunt(scenario).good());
}

}  // namespace
}  // namespace vyre::model
