// What tests of the launch policy in sessions share: a backend by hand that measures what the test
// says and notes what the policy sets.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "hand_backend.hpp"
#include "planner/launch_policy.hpp"
#include "runtime/plan.hpp"

namespace vyre::runtime::test {

using planner::MegakernelLaunchPlan;
using planner::MegakernelLaunchRequest;

/// Writes an output of so many words: another number is another program.
inline std::string program_of_words(std::uint32_t words) {
  return "workgroup 1, 1, 1;\nbuffer y: u32[" + std::to_string(words) +
         "] read_write output live_out;\nregion \"r\" { y[0] = 1; }\n";
}

/// A decision; all else is as a plan that asks for nothing.
inline MegakernelLaunchPlan launch(Topology topology, Pressure pressure, std::uint32_t groups,
                                   std::uint32_t slots) {
  MegakernelLaunchPlan plan;
  plan.topology = topology;
  plan.pressure = pressure;
  plan.worker_groups = groups;
  plan.dispatch_grid = {groups, 1, 1};
  plan.slot_count = slots;
  return plan;
}

/// What every decision of a session is, until the test sets another one.
class ForcedLaunch {
 public:
  /// Hooks of a session that does not outlive this.
  [[nodiscard]] TestHooks hooks() {
    TestHooks hooks;
    hooks.decide_every = std::chrono::nanoseconds{0};
    hooks.forced_launch = [this](std::uint32_t, const MegakernelLaunchRequest&) {
      const std::lock_guard lock(mutex_);
      return std::optional(decided_);
    };
    return hooks;
  }
  /// The session looks at once.
  void set(Session& session, const MegakernelLaunchPlan& decided) {
    {
      const std::lock_guard lock(mutex_);
      decided_ = decided;
    }
    (void)session.wait_all(now());
  }

 private:
  std::mutex mutex_;
  MegakernelLaunchPlan decided_{launch(Topology::DenseFrontier, Pressure::Light, 1, 1'000)};
};

class PolicyBackend final : public HandBackend {
 public:
  PolicyBackend(const backend::Options& options, bool acts)
      : HandBackend(options), acts_on_limits(acts) {}
  static constexpr std::uint32_t kGroups{8};
  const bool acts_on_limits;

  std::atomic<std::uint32_t> busy_now{0};
  std::atomic<std::uint64_t> running{0};  // of each queue
  std::atomic<std::uint64_t> steps_of_each{0};

  struct Window {
    std::uint64_t items{0};
    std::uint64_t until{0};
  };
  [[nodiscard]] backend::AwakeGroups awake() {
    const std::lock_guard lock(mutex_);
    return awake_;
  }
  [[nodiscard]] Window window(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    return windows_[queue];
  }

  backend::Workforce workforce() const noexcept override {
    return {kGroups, 1, 1, acts_on_limits, acts_on_limits};
  }
  std::optional<std::uint32_t> busy_groups() const noexcept override { return busy_now.load(); }
  std::optional<std::uint64_t> items_running(std::uint32_t) const noexcept override {
    return running.load();
  }
  void keep_awake(const backend::AwakeGroups& groups) noexcept override {
    const std::lock_guard lock(mutex_);
    awake_ = groups;
  }
  void set_window(std::uint32_t queue, std::uint64_t items, std::uint64_t until) noexcept override {
    const std::lock_guard lock(mutex_);
    windows_[queue] = {items, until};
  }
  std::uint64_t steps(std::uint32_t) const noexcept override { return steps_of_each.load(); }

 private:
  std::mutex mutex_;
  backend::AwakeGroups awake_;
  std::map<std::uint32_t, Window> windows_;
};

/// Every wait decides. The test keeps its own count of what was asked and what has to come of it.
class LaunchByHand : public ::testing::Test {
 protected:
  void open(SessionOptions options = test_options(1)) {
    options.backend = BackendKind::cpu;
    options.ingest_bytes = 0;
    TestHooks hooks;
    hooks.decide_every = std::chrono::nanoseconds{0};
    hooks.forced_launch = [this](std::uint32_t queue, const MegakernelLaunchRequest& request) {
      note(queue, request);
      return forced;
    };
    hooks.make_backend =
        [this](const backend::Options& wanted) -> Result<std::unique_ptr<backend::Backend>> {
      auto made = std::make_unique<PolicyBackend>(wanted, acts_on_limits);
      backend = made.get();
      return std::unique_ptr<backend::Backend>(std::move(made));
    };
    auto opened = open_for_tests(options, std::move(hooks));
    ASSERT_OK(opened);
    session.emplace(std::move(*opened));
  }
  void TearDown() override {
    if (backend == nullptr) return;
    for (std::uint32_t q = 0; q < session->options().queues; ++q) backend->end_all(q);
    session.reset();  // which may ask once more
  }
  void submit_nops(std::size_t count, std::uint32_t queue = 0) {
    const std::vector<MegakernelWorkItem> items(count, {kNop, 0, 0, 0});
    ASSERT_EQ(session->submit_many(items, now(), queue).accepted, count);
  }
  /// A thread waits, and so decides for every queue; before, what has ended is collected.
  void decide() {
    (void)session->report();
    (void)session->wait_all(now());
  }
  [[nodiscard]] MegakernelTelemetry telemetry() { return session->report().report.telemetry; }
  [[nodiscard]] std::optional<Topology> topology() { return telemetry().topology; }
  [[nodiscard]] report::DecisionCounts decisions() {
    const auto document = session->report();
    EXPECT_TRUE(report::from_json(report::to_json(document)).has_value());
    if (!document.planner || !document.planner->launches) return {};
    return *document.planner->launches;
  }

  /// What decisions asked for by this output; nothing: no row.
  [[nodiscard]] report::ActCounts act(const std::string& output) {
    for (const report::ActCounts& one : decisions().acts) {
      if (one.output == output) return one;
    }
    return {};
  }

  PolicyBackend* backend{nullptr};
  bool acts_on_limits{true};  // set before open()
  std::optional<Session> session;
  std::optional<MegakernelLaunchPlan> forced;
  [[nodiscard]] std::vector<MegakernelLaunchRequest> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  [[nodiscard]] report::DecisionCounts expected() {
    const std::lock_guard lock(mutex_);
    return expected_;
  }

 private:
  void note(std::uint32_t queue, const MegakernelLaunchRequest& request) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request);
    const auto plan = planner::plan_launch(request, previous_[queue]);
    if (!plan && !forced) {
      ++expected_.refused;
      return;
    }
    const MegakernelLaunchPlan& decided = forced ? *forced : *plan;
    auto& t = expected_.topologies;
    auto& p = expected_.pressures;
    const std::array topologies{&t.empty,          &t.sparse_frontier, &t.hybrid_frontier,
                                &t.dense_frontier, &t.fused_dense,     &t.memory_constrained};
    const std::array pressures{&p.empty, &p.light, &p.balanced, &p.saturated};
    ++expected_.decisions;
    ++*topologies[static_cast<std::size_t>(decided.topology)];
    ++*pressures[static_cast<std::size_t>(decided.pressure)];
    ++(decided.execution_mode == ExecutionMode::Jit ? expected_.modes.jit
                                                    : expected_.modes.interpreter);
    previous_[queue] =
        decided.topology == Topology::Empty ? std::nullopt : std::optional(decided.topology);
  }

  std::mutex mutex_;
  std::vector<MegakernelLaunchRequest> asked_;
  report::DecisionCounts expected_;
  std::map<std::uint32_t, std::optional<Topology>> previous_;
};

}  // namespace vyre::runtime::test
