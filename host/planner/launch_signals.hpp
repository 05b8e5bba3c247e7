// From what a session measures to a request of the launch policy, and the decisions of one queue.
// Host only, no clock, no I/O. Spec: docs/internals/planner.md, "Signals".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "planner/launch_policy.hpp"
#include "planner/regions.hpp"

namespace vyre::planner {

/// What an op did since the last decision.
struct OpActivity {
  std::uint64_t items{0};
  std::uint64_t steps{0};
};

/// What a session knows of one queue and of its backend when it decides.
struct LaunchSignals {
  std::uint64_t items_not_ended{0};  // accepted
  std::uint64_t items_running{0};    // of these, with a worker
  const Regions* plan{nullptr};      // that is about to be submitted
  std::uint32_t worker_groups{0};    // worker blocks of the grid; worker threads of a CPU
  std::uint32_t items_a_group{1};    // that it runs at once: warps of a block; 1 on a CPU
  std::uint32_t most_groups{0};      // that the backend could run
  std::uint32_t threads_a_group{1};
  std::optional<std::uint64_t> least_hit_buffer_bytes;  // of the hit buffers that are bound
  std::optional<double> mean_hits;                      // an item, from headers that were read
  std::span<const OpActivity> ops;                      // since the last decision
  std::span<const std::uint64_t> shapes;  // how often each shape was submitted since then
  std::uint32_t requeued{0};
  std::uint32_t longest_wait{0};  // quanta that the longest waiting item was passed over
  std::uint64_t resident_bytes{0};
  std::uint64_t budget_bytes{0};  // 0: unbounded
};

/// Numbers that do not fit the request saturate.
[[nodiscard]] MegakernelLaunchRequest launch_request(const LaunchSignals& signals) noexcept;

/// The decisions of one queue. It keeps the last topology for hysteresis, and forgets it when a
/// decision finds the queue empty.
class LaunchHistory {
 public:
  struct Counts {
    std::array<std::uint64_t, 6> topologies{};  // by Topology
    std::array<std::uint64_t, 4> pressures{};   // by Pressure
    std::array<std::uint64_t, 2> modes{};       // by ExecutionMode
    std::uint64_t decisions{0};
    std::uint64_t refused{0};  // requests that got an error; they are no decisions
    void add(const Counts& other) noexcept;
  };

  [[nodiscard]] Result<MegakernelLaunchPlan> decide(
      const MegakernelLaunchRequest& request,
      const MegakernelLaunchPolicy& policy = MegakernelLaunchPolicy::standard());
  /// Counts a decision that decide() made, or its caller.
  void note(const MegakernelLaunchPlan& plan);
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  /// The last decision that was not Empty.
  [[nodiscard]] const std::optional<MegakernelLaunchPlan>& last() const noexcept { return last_; }

 private:
  std::optional<Topology> previous_;
  std::optional<MegakernelLaunchPlan> last_;
  Counts counts_;
};

}  // namespace vyre::planner
