// Making plans: a batch of items becomes plain data for the planner. Nothing of the session
// changes. Host only; any thread.
//
// Lock: takes the order lock while it looks at handles, and gives it up every few thousand items;
// the planner runs without a lock.
#pragma once

#include <memory>
#include <span>

#include "backend/backend.hpp"
#include "done_work.hpp"
#include "fused_programs.hpp"
#include "handle_table.hpp"
#include "launch_control.hpp"
#include "lineage_log.hpp"
#include "op_table.hpp"
#include "order_lock.hpp"
#include "plan_contents.hpp"
#include "results.hpp"
#include "runtime/plan.hpp"
#include "session_counters.hpp"
#include "session_life.hpp"
#include "session_setup.hpp"

namespace vyre::runtime {

class PlanMaker {
 public:
  struct Over {  // what it works over
    const SessionSetup& setup;
    backend::Backend& backend;
    const SessionLife& life;
    OrderMutex& order;
    HandleTable& handles;
    const OpTable& ops;
    const DoneWork& done_work;
    LineageLog& lineage;
    FusedPrograms& fused;
    Results& results;
    SessionCounters& counters;
    const LaunchControl& launch;
  };
  explicit PlanMaker(const Over& over) : over_(over) {}

  [[nodiscard]] Result<Plan> make(std::span<const MegakernelWorkItem> items,
                                  const PlanOptions& options);

 private:
  [[nodiscard]] Status check(std::span<const MegakernelWorkItem> items,
                             const PlanOptions& options) const;
  /// What items cost in this session so far.
  [[nodiscard]] planner::Measured measure() const;
  /// Mean steps of an item of the op; none: it is no program, or none ran yet.
  [[nodiscard]] std::optional<double> mean_steps(std::uint32_t op) const;
  /// What regions would derive from, if the plan were submitted now.
  [[nodiscard]] Status add_lineage(PlanContents& plan);

  const Over over_;
};

}  // namespace vyre::runtime
