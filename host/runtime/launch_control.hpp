// The launch policy in a session: it measures, decides, and says what workers, queues, streams and
// cached inputs may do until the next decision. A plan is decided on when it is submitted; other
// work every 10 ms at most, by a thread that waits or the attendant. No result depends on a
// decision. Host only; any thread. Spec: docs/internals/planner.md, "Launch policy".
//
// Lock: LaunchControl owns a mutex, under which it decides. Under it the turns of collectors and
// the order lock are taken, one after another. Nothing is evicted under it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "attendant.hpp"
#include "backend/backend.hpp"
#include "buffers.hpp"
#include "builtin/literals_layout.hpp"
#include "housekeeper.hpp"
#include "memory_budget.hpp"
#include "order_lock.hpp"
#include "plan_contents.hpp"
#include "planner/launch_signals.hpp"
#include "results.hpp"
#include "session_counters.hpp"
#include "session_life.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

/// What a decision may ask for.
enum class LaunchAct : std::uint8_t {
  worker_groups,       // fewer than there are
  slot_count,          // a window narrower than the ring
  hit_capacity,        // of buffers that the session makes
  execution_mode,      // compiled forms
  age_priority_work,   //
  memory_constrained,  // eviction, fewer chunks, no new images
  fused_dense,         // images before chains
  saturated,           // no chunks ahead
};
inline constexpr std::size_t kLaunchActs{8};
[[nodiscard]] std::string_view name(LaunchAct act) noexcept;
/// Where it is refused; empty: it never is.
[[nodiscard]] std::string_view why_refused(LaunchAct act) noexcept;

struct LaunchActCount {
  std::uint64_t applied{0};
  std::uint64_t refused{0};
};

/// What all decisions of a session came to.
struct LaunchSummary {
  planner::LaunchHistory::Counts counts;
  std::array<LaunchActCount, kLaunchActs> acts;
  std::optional<planner::MegakernelLaunchPlan> last;  // that was not Empty
  /// Groups of workers that ran something, of all, while items were in flight.
  std::optional<std::uint16_t> busy_bps;
};

class LaunchControl final : public Housekeeper, public Attendant::Duty {
 public:
  struct Over {  // what it works over
    const SessionSetup& setup;
    backend::Backend& backend;
    const SessionLife& life;
    OrderMutex& order;
    const MemoryBudget& budget;
    Results& results;
    const SessionCounters& counters;
    Attendant& attendant;
    Buffers& buffers;
  };
  explicit LaunchControl(const Over& over);

  /// A plan is about to be submitted. An error refuses it: the policy has no launch for it.
  [[nodiscard]] Status decide(const PlanContents& plan);
  [[nodiscard]] LaunchSummary summary();

  // What the last decisions say. Any thread; hints.
  [[nodiscard]] bool memory_is_short() const noexcept {
    return short_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool saturated(std::uint32_t queue) const noexcept {
    return queues_[queue].saturated.load(std::memory_order_relaxed);
  }

  /// Plans made for the queue prefer one image to a chain.
  [[nodiscard]] bool lanes_first(std::uint32_t queue) const noexcept {
    return queues_[queue].lanes_first.load(std::memory_order_relaxed);
  }

  /// Of a buffer that hits go to.
  [[nodiscard]] std::uint64_t hit_bytes() const noexcept {
    const std::uint64_t hits = hit_capacity_.load(std::memory_order_relaxed);
    return sizeof(builtin::LiteralHits) + hits * sizeof(builtin::LiteralHit);
  }

  /// Evicts cached inputs that no caller holds, down to the threshold of the policy.
  [[nodiscard]] Attendant::Need look(std::vector<DoneCall>& calls) override;

 private:
  struct OpSeen {
    std::uint32_t op{0};
    planner::OpActivity activity;
  };
  using Activity = std::vector<OpSeen>;  // ascending
  struct Queue {
    planner::LaunchHistory history;
    Activity seen;  // of the session, at the last decision
    std::unordered_map<std::uint64_t, std::uint64_t> shapes;  // submitted since then
    std::uint32_t wants{0};                                   // groups; 0: the queue was empty
    std::uint32_t wants_then{0};                              // if more comes
    std::atomic<bool> saturated{false};
    std::atomic<bool> lanes_first{false};
  };
  struct Memory {
    std::uint64_t resident{0};
    std::uint64_t budget{0};  // 0: unbounded
  };
  /// What is counted for all queues at once.
  struct Seen {
    Activity ops;
    std::vector<std::uint64_t> ended;  // items, by queue
    Memory memory;
  };

  void look(Deadline now) noexcept override;
  [[nodiscard]] Status decide_now(const PlanContents& plan);
  /// Returns whether cached inputs should go.
  [[nodiscard]] bool look_at_all(Deadline now);
  [[nodiscard]] Memory memory() const;
  // With the mutex.
  void sample();
  [[nodiscard]] const Seen& see();
  [[nodiscard]] planner::MegakernelLaunchRequest request(std::uint32_t queue, const Seen& seen,
                                                         const PlanContents* plan);
  [[nodiscard]] Result<planner::MegakernelLaunchPlan> decide(std::uint32_t queue, const Seen& seen,
                                                             const PlanContents* plan);
  /// `planned`: items that are about to be published.
  void act(std::uint32_t queue, const planner::MegakernelLaunchPlan& decided, std::size_t planned);
  void keep_awake(std::size_t planned);
  /// Counts what the decision asks for.
  void count(const planner::MegakernelLaunchPlan& decided, std::uint32_t wants);

  const Over over_;
  const backend::Workforce workforce_;
  const std::chrono::nanoseconds every_;
  std::unique_ptr<Queue[]> queues_;
  std::atomic<bool> short_{false};
  std::atomic<std::uint32_t> hit_capacity_{
      planner::MegakernelLaunchPolicy::standard().min_hit_capacity};
  std::mutex mutex_;
  // Under the mutex.
  Deadline next_decision_{};
  std::optional<planner::MegakernelLaunchPlan> last_;
  std::array<LaunchActCount, kLaunchActs> acts_;
  Seen seen_;                             // of the last see()
  std::vector<planner::OpActivity> ops_;  // since the last decision of a queue
  std::uint64_t samples_{0};
  std::uint64_t busy_{0};  // sum of samples
};

}  // namespace vyre::runtime
