// See cost.hpp.
#include "planner/cost.hpp"

namespace vyre::planner {
namespace {

constexpr double kLeastGain{0.1};  // of the unfused time

}  // namespace

bool RegionCost::worth_it() const noexcept {
  return saved_ns - lost_ns >= kLeastGain * unfused_ns;
}

RegionCost cost_of(const Measured& measured, const RegionSums& sums, bool one_image) noexcept {
  const double item_ns = measured.item_ns.value_or(0);
  const auto moved_ns = [&](double bytes) {
    return measured.bytes_per_ns && *measured.bytes_per_ns > 0 ? bytes / *measured.bytes_per_ns : 0;
  };
  RegionCost cost;
  // Before an image ran nothing is known of what programs take in one, so they count on neither
  // side and one is tried.
  const double run_ns = one_image && !measured.fused_ratio ? 0 : sums.run_ns;
  cost.unfused_ns = sums.members * item_ns + run_ns + moved_ns(sums.bytes);
  cost.saved_ns = (sums.members - 1.0) * item_ns;
  if (one_image) {
    cost.saved_ns += moved_ns(sums.bytes_not_moved);
    cost.lost_ns = run_ns * (measured.fused_ratio.value_or(1) - 1);
  }
  return cost;
}

}  // namespace vyre::planner
