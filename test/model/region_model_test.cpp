// The end of a bundle under the seeded scheduler: warps that end its members, each with a result in
// the region's block, and a collector that reads all results behind the one completion (REGION-1 in
// docs/internals/memory-model.md). The counting is the kernel's own
// (cuda/megakernel/region_rules.hpp); a count that orders nothing is planted as a bug.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <vector>

#include "cuda/megakernel/region_rules.hpp"
#include "model/explore.hpp"

namespace vyre::model {
namespace {

constexpr std::uint32_t kMembers{3};

struct RelaxedCount {
  template <class Word>
  static Word fetch_add_acq_rel(Word* word, Word value) noexcept {
    return ModelAtomics::fetch_add(word, value);
  }
};

template <class Atomics>
class BundleScenario {
 public:
  Outcome run(Chooser& chooser, Kill kill = Kill{}) {
    words_ = {};
    completions_ = 0;
    std::vector<std::function<void()>> bodies;
    for (std::uint32_t m = 0; m < kMembers; ++m) bodies.emplace_back([this, m] { end(m); });
    bodies.emplace_back([this] { collect(); });
    return world_.run(bodies, chooser, kill);
  }

 private:
  using Memory = ModelAtomics;
  using Order = queue::Order;
  struct Words {
    std::array<std::uint32_t, kMembers> results{};
    std::uint32_t ended{0};
    std::uint32_t completion{0};
  };

  void end(std::uint32_t member) {
    Memory::store_payload(&words_.results[member], 10 + member);
    // Member 1 was not done.
    const std::uint32_t ends = cuda::megakernel::count_member<Atomics>(
        &words_.ended, cuda::megakernel::member_end(member != 1, false), kMembers);
    if (ends == 0) return;
    if (++completions_ != 1) world_.fail("two members were the last");
    if (cuda::megakernel::status_of_members(ends) != CompletionStatus::faulted)
      world_.fail("a member that was not done was not counted");
    Memory::store(&words_.completion, 1u, Order::release);  // [RING-4]
  }
  void collect() {
    while (Memory::load(&words_.completion, Order::acquire) == 0) world_.park();
    for (std::uint32_t m = 0; m < kMembers; ++m) {
      if (Memory::load_payload(&words_.results[m]) != 10 + m) world_.fail("a result was not there");
    }
  }

  World world_;
  Words words_;
  std::uint32_t completions_{0};
};

TEST(RegionModel, TheLastMemberOfABundleEndsItAndAllResultsAreThere) {
  BundleScenario<ModelAtomics> scenario;
  const Exploration found = explore_randomly(scenario, 2'000);
  EXPECT_TRUE(found.good()) << describe(found);
}

TEST(RegionModel, ACountThatOrdersNothingIsCaught) {
  if (std::getenv("VYRE_SEED") != nullptr) GTEST_SKIP() << "hunts need more than one seed";
  BundleScenario<RelaxedCount> scenario;
  EXPECT_FALSE(hunt(scenario).good());
}

}  // namespace
}  // namespace vyre::model
