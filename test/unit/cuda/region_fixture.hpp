// A backend over a host thread, and regions on it. See fixture.hpp.
#pragma once

#include <optional>
#include <vector>

#include "fixture.hpp"

namespace vyre::cuda {

class DeviceRegions : public ::testing::Test {
 protected:
  /// Not launched yet, so that nothing starts before launch().
  void SetUp() override { ASSERT_TRUE(running_.open()); }
  void launch() { ASSERT_TRUE(running_.backend->start(running_.listener)); }

  std::optional<std::uint32_t> make(const std::vector<std::uint32_t>& ops,
                                    bool side_by_side = false) {
    std::vector<MegakernelWorkItem> items;
    for (const std::uint32_t op : ops) items.push_back({op, 0, 0, 0});
    return running_.backend->make_region(items, side_by_side);
  }
  /// Its position.
  std::uint64_t publish(std::uint32_t block) { return running_.submit(kRegionOp, block); }
  std::uint64_t cancel(std::uint64_t position, std::uint32_t block, std::uint64_t members) {
    return running_.backend->cancel_members(0, position, block, members);
  }
  /// How the next region ended.
  Completion end() {
    const auto taken = running_.collect(1);
    EXPECT_EQ(taken.size(), 1u);
    return taken.empty() ? Completion{} : taken[0].completion;
  }
  std::vector<FaultCode> codes_of(std::uint32_t block) {
    std::vector<FaultCode> codes;
    for (const Completion& one : running_.backend->region_results(block)) {
      EXPECT_EQ(one.status() == CompletionStatus::done, one.code() == FaultCode::none);
      codes.push_back(one.code());
    }
    return codes;
  }

  Running running_;
};

}  // namespace vyre::cuda
